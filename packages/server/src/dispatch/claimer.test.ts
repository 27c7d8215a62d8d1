import { expect, test, vi } from 'vitest';
import type { Clock } from '../domain/clock.ts';
import type { QueueStore } from '../storage/store.ts';
import { Claimer } from './claimer.ts';
import { DeliveryMemory } from './delivery-memory.ts';
import { Lane } from './lane.ts';

/** A clock whose timers are run by hand. */
function manualClock() {
  const timers: { atMs: number; run: () => void }[] = [];
  let nowMs = 1_000_000;
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    after: (delayMs, run) => {
      const timer = { atMs: nowMs + delayMs, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  };
  const runNext = () => {
    timers.sort((a, b) => a.atMs - b.atMs);
    const next = timers.shift();
    if (!next) throw new Error('no timer is set');
    const waitedMs = next.atMs - nowMs;
    nowMs = next.atMs;
    next.run();
    return waitedMs;
  };
  return { clock, timers, runNext };
}

function claimerWith(clock: Clock, claim?: QueueStore['claim']): Claimer {
  return new Claimer({
    clock,
    memory: new DeliveryMemory(),
    node: { id: 1 },
    directory: { peek: () => ({ endpoints: new Map() }) },
    queue: { claim },
    // Without a queue it notes what is due, and reads nothing.
    mayGoOn: () => claim !== undefined,
    onClaimed: () => {},
    onLost: () => {},
    onEnded: () => {},
  } as unknown as ConstructorParameters<typeof Claimer>[0]);
}

test('a retry that is due in a month sets no timer beyond what timers can wait for', () => {
  const { clock, timers, runNext } = manualClock();
  const claimer = claimerWith(clock);
  const lane = new Lane('ep', 'acc', 10);
  lane.own(1);
  const dueAtMs = clock.now() + 30 * 86_400_000;
  claimer.noteDue(lane, dueAtMs);
  for (let i = 0; i < 3; i++) expect(runNext()).toBeLessThanOrEqual(60_000);
  expect([lane.backlog, lane.nextDue?.atMs, timers.length]).toEqual([0, dueAtMs, 1]);
});

test('the earliest of several that are due wakes the lane, and a lane that is not owned is left alone', () => {
  const { clock, timers, runNext } = manualClock();
  const claimer = claimerWith(clock);
  const lane = new Lane('ep', 'acc', 10);
  lane.own(1);
  for (const ms of [500, 200, 900]) claimer.noteDue(lane, clock.now() + ms);
  expect(timers).toHaveLength(1);
  runNext();
  expect([lane.backlog, timers.length]).toEqual([1, 0]);
  claimer.forget(lane);
  claimer.noteDue(lane, clock.now() + 100);
  lane.disown(1);
  runNext();
  expect(lane.backlog).toBe(0);
});

test('a claim that has read all that is due is followed by a rest of three times as long as it took', async () => {
  const { clock, timers, runNext } = manualClock();
  const lane = new Lane('ep', 'acc', 10);
  lane.own(1);
  let claims = 0;
  const claimer = claimerWith(clock, async () => {
    clock.after(4, () => {});
    runNext();
    const isCut = ++claims === 1;
    return { deliveries: [], lanes: [{ endpointId: 'ep', isGone: false, nextDueAtMs: undefined }], isCut };
  });
  claimer.noteBacklog(lane);
  // Of the first one there was more: it went on at once.
  await vi.waitFor(() => expect(timers).toHaveLength(1));
  expect(claims).toBe(2);
  claimer.noteBacklog(lane);
  expect(claims).toBe(2);
  expect(runNext()).toBe(12);
  await vi.waitFor(() => expect(claims).toBe(3));
});
