import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairQueue } from './fair-queue.ts';

test('owners take turns, and each keeps its order', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.push(item.charAt(0), item);
  const taken = Array.from({ length: 7 }, () => queue.shift());
  expect(taken).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', undefined]);
});

test('nothing is lost, whatever is pushed and taken when', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.constantFrom('a', 'b', 'c')), { maxLength: 200 }), (steps) => {
      const queue = new FairQueue<[string, number]>();
      const last = new Map<string, number>();
      let size = 0;
      steps.forEach((owner, i) => {
        if (owner !== null) {
          queue.push(owner, [owner, i]);
          size++;
          return;
        }
        const expected = queue.peek();
        const taken = queue.shift();
        expect(taken).toEqual(expected);
        expect(taken === undefined).toBe(size === 0);
        if (!taken) return;
        size--;
        expect(taken[1]).toBeGreaterThan(last.get(taken[0]) ?? -1);
        last.set(...taken);
      });
      expect(queue.size).toBe(size);
    }),
  );
});

test('a queue that never empties does not grow', () => {
  const queue = new FairQueue<number>();
  queue.push('a', 0);
  for (let i = 1; i < 100_000; i++) {
    queue.push('a', i);
    expect(queue.shift()).toBe(i - 1);
  }
  const [held] = (queue as unknown as { owners: Map<string, { items: unknown[] }> }).owners.values();
  expect(held?.items.length).toBeLessThan(3_000);
});
