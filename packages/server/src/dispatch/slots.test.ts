import { expect, test } from 'vitest';
import type { Standing } from './circuit-breaker.ts';
import { Lane } from './lane.ts';
import { type Slot, Slots } from './slots.ts';

function laneOf(endpoint: string, account: string, standing: Standing = 'healthy'): Lane {
  return Object.assign(new Lane(endpoint, account, 10), { standing });
}

function taken(slot: Slot | undefined): Slot {
  if (!slot) throw new Error('no slot was free');
  return slot;
}

test('an account gets its share and no more, whatever number of endpoints it has', () => {
  const slots = new Slots({ all: 4, account: 2, unproven: 4 });
  const [a, b, c] = [laneOf('a', 'big'), laneOf('b', 'big'), laneOf('c', 'small')];
  const first = taken(slots.take(a));
  taken(slots.take(b));
  expect(slots.take(b)).toBeUndefined();
  const small = taken(slots.take(c));
  expect(slots.inFlight).toBe(3);
  expect(slots.free(small, false)).toEqual([]);
  expect(slots.free(first, false)).toEqual([b]);
  expect(slots.take(b)).toBeDefined();
});

test('when the node is full, lanes get their turn in order, and keep their place while sending pauses', () => {
  const slots = new Slots({ all: 1, account: 1, unproven: 1 });
  const [a, b, c] = [laneOf('a', 'x'), laneOf('b', 'y'), laneOf('c', 'z')];
  let slot = taken(slots.take(a));
  for (const lane of [b, c, b]) expect(slots.take(lane)).toBeUndefined();
  expect(slots.free(slot, true)).toEqual([]);
  slot = taken(slots.take(a));
  expect(slots.free(slot, false)).toEqual([b]);
  slot = taken(slots.take(b));
  expect(slots.free(slot, false)).toEqual([c]);
});

test('accounts take turns: one lane does not wait behind a hundred of another account', () => {
  const slots = new Slots({ all: 1, account: 1, unproven: 1 });
  const slot = taken(slots.take(laneOf('first', 'first')));
  const many = Array.from({ length: 100 }, (_, i) => laneOf(`many ${i}`, 'many'));
  for (const lane of many) slots.take(lane);
  const one = laneOf('one', 'one');
  slots.take(one);
  expect(slots.free(slot, false)).toEqual([many[0]]);
  expect(slots.free(taken(slots.take(laneOf('next', 'next'))), false)).toEqual([one]);
});

test('endpoints that hang never take the last slots, and failing ones only half of what they may have', () => {
  const slots = new Slots({ all: 100, account: 25, unproven: 50 });
  const cloud = (account: string, standing: Standing) => {
    let count = 0;
    for (let i = 0; i < 25; i++) if (slots.take(laneOf(`${account} ${i}`, account, standing))) count++;
    return count;
  };
  expect(['a', 'b', 'c'].map((account) => cloud(account, 'failing'))).toEqual([25, 0, 0]);
  expect(['d', 'e', 'f'].map((account) => cloud(account, 'unproven'))).toEqual([25, 1, 1]);
  expect(slots.unproven).toBe(52);
  // An account that is not known yet gets a probe all the same, and a healthy one what it needs.
  expect(slots.take(laneOf('new', 'new', 'unproven'))).toBeDefined();
  expect(cloud('healthy', 'healthy')).toBeGreaterThan(20);
});

test('accounts whose receivers all begin to hang at once leave slots to the others', () => {
  const slots = new Slots({ all: 100, account: 25, unproven: 50 });
  const take = (account: string) =>
    Array.from({ length: 25 }, (_, i) => slots.take(laneOf(`${account} ${i}`, account))).filter((slot) => slot).length;
  const hanging = ['a', 'b', 'c', 'd', 'e', 'f'].map(take);
  expect(hanging.slice(0, 3)).toEqual([25, 25, 25]);
  expect(slots.inFlight).toBeLessThan(100);
  expect(slots.take(laneOf('healthy', 'healthy'))).toBeDefined();
});

test('however many accounts have an endpoint that fails, probes of those stay within their share', () => {
  const slots = new Slots({ all: 100, account: 25, unproven: 20 });
  for (let i = 0; i < 200; i++) slots.take(laneOf(`ep ${i}`, `account ${i}`, 'failing'));
  expect(slots.inFlight).toBe(10);
});
