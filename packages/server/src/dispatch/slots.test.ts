import { expect, test } from 'vitest';
import { Lane } from './lane.ts';
import { Slots } from './slots.ts';

test('an account gets its share and no more, whatever number of endpoints it has', () => {
  const slots = new Slots(4, 2);
  const [a, b, c] = [new Lane('a', 'big', 10), new Lane('b', 'big', 10), new Lane('c', 'small', 10)];
  expect([slots.take(a), slots.take(b), slots.take(b), slots.take(c)]).toEqual([true, true, false, true]);
  expect(slots.inFlight).toBe(3);
  expect(slots.free(c, false)).toEqual([]);
  expect(slots.free(a, false)).toEqual([b]);
  expect(slots.take(b)).toBe(true);
});

test('when the node is full, lanes get their turn in order, and keep their place while sending pauses', () => {
  const slots = new Slots(1, 1);
  const [a, b, c] = [new Lane('a', 'x', 10), new Lane('b', 'y', 10), new Lane('c', 'z', 10)];
  expect([slots.take(a), slots.take(b), slots.take(c), slots.take(b)]).toEqual([true, false, false, false]);
  expect(slots.free(a, true)).toEqual([]);
  expect(slots.take(a)).toBe(true);
  expect(slots.free(a, false)).toEqual([b]);
  expect(slots.take(b)).toBe(true);
  expect(slots.free(b, false)).toEqual([c]);
});
