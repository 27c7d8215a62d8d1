import { expect, test } from 'vitest';
import { SilentNodes } from './silent-nodes.ts';

const dead = { id: 1, heartbeat: 'a' };

function lookFrom(silent: SilentNodes, fromMs: number, toMs: number, heartbeats = [dead]): number[] {
  let found: number[] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 3_000) found = silent.look(heartbeats, nowMs).map(({ id }) => id);
  return found;
}

test('a node is silent when its heartbeat has not changed for long enough', () => {
  const silent = new SilentNodes(15_000);
  expect(lookFrom(silent, 0, 12_000)).toEqual([]);
  expect(lookFrom(silent, 15_000, 15_000)).toEqual([1]);
  expect(lookFrom(silent, 18_000, 30_000, [{ id: 1, heartbeat: 'b' }])).toEqual([]);
});

test('whoever looks after a pause begins anew', () => {
  const silent = new SilentNodes(15_000);
  lookFrom(silent, 0, 12_000);
  expect(lookFrom(silent, 40_000, 52_000)).toEqual([]);
  expect(lookFrom(silent, 55_000, 55_000)).toEqual([1]);
});

test('a node that comes back under the same number is another one', () => {
  const silent = new SilentNodes(15_000);
  lookFrom(silent, 0, 12_000);
  silent.look([], 13_000);
  expect(silent.look([dead], 15_000)).toEqual([]);
});
