import { expect, test } from 'vitest';
import type { ActiveDelivery } from '../domain/model.ts';
import { type Job, Lane } from './lane.ts';

const job = (n: number): Job => ({
  delivery: { uuid: Uint8Array.of(n) } as ActiveDelivery,
  options: { forced: false },
});
const numbers = (jobs: (Job | undefined)[]) => jobs.map((j) => j?.delivery.uuid[0]);

test('jobs leave in order; some may go first, and some may be taken out', () => {
  const lane = new Lane('e', 'a', 10);
  for (const n of [1, 2, 3, 4, 5]) lane.push(job(n));
  expect(numbers([lane.shift()])).toEqual([1]);
  lane.pushFirst(job(9));
  expect(lane.waiting).toBe(5);
  expect(numbers([lane.take(Uint8Array.of(4)), lane.take(Uint8Array.of(7))])).toEqual([4, undefined]);
  expect(numbers([lane.shift(), lane.shift()])).toEqual([9, 2]);
  expect(numbers(lane.takeBehind(1))).toEqual([5]);
  expect(numbers([lane.shift(), lane.shift()])).toEqual([3, undefined]);
  expect(lane.waiting).toBe(0);
});

test('a lane that never empties does not grow', () => {
  const lane = new Lane('e', 'a', 10);
  lane.push(job(0));
  for (let i = 1; i < 100_000; i++) {
    lane.push(job(i % 256));
    expect(lane.shift()).toBeDefined();
  }
  expect(lane.waiting).toBe(1);
  expect((lane as unknown as { jobs: unknown[] }).jobs.length).toBeLessThan(3_000);
});

test('an answer that comes late does not bring back an epoch that has been let go of', () => {
  const lane = new Lane('e', 'a', 10);
  expect(lane.own(7)).toBe(true);
  expect(lane.disown(lane.beginRelease())).toBe(true);
  expect([lane.own(7), lane.isOwned]).toEqual([false, false]);
  expect([lane.own(8), lane.epoch]).toEqual([true, 8]);
});
