import { expect, test } from 'vitest';
import { GroupCommit } from './group-commit.ts';

function gathering(rows: number, bytes: number) {
  const batches: number[][] = [];
  const finishers: (() => void)[] = [];
  const commit = new GroupCommit<number>({
    max: { rows, bytes },
    costOf: (item) => ({ rows: 1, bytes: item }),
    write: (batch) => {
      batches.push(batch);
      return new Promise((resolve) => finishers.push(resolve));
    },
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const finishNext = () => {
    finishers.shift()?.();
    return turn();
  };
  return { commit, batches, finishNext, turn };
}

test('items that come in one turn share the first write, later ones the next', async () => {
  const { commit, batches, finishNext, turn } = gathering(100, 1000);
  commit.add(1);
  commit.add(2);
  await turn();
  expect(batches).toEqual([[1, 2]]);
  commit.add(3);
  commit.add(4);
  await turn();
  expect(batches).toHaveLength(1);
  await finishNext();
  expect(batches).toEqual([
    [1, 2],
    [3, 4],
  ]);
  await finishNext();
  await commit.drained();
  expect([commit.size, commit.bytes]).toEqual([0, 0]);
});

test('a batch is bounded by items and by bytes, and an item over the bytes goes alone', async () => {
  const { commit, batches, finishNext, turn } = gathering(3, 10);
  for (const item of [1, 2, 3, 4, 50, 6, 5]) commit.add(item);
  await turn();
  for (let i = 0; i < 5; i++) await finishNext();
  expect(batches).toEqual([[1, 2, 3], [4], [50], [6], [5]]);
  await commit.drained();
  expect(commit.bytes).toBe(0);
});

test('where nobody waits for them, a few items are written after a while, and many at once', async () => {
  const batches: number[][] = [];
  const timers: (() => void)[] = [];
  const commit = new GroupCommit<number>({
    max: { rows: 100, bytes: 100 },
    costOf: () => ({ rows: 1, bytes: 1 }),
    gather: {
      below: 3,
      after: (run) => {
        timers.push(run);
        return () => timers.splice(timers.indexOf(run), 1);
      },
    },
    write: async (batch) => void batches.push(batch),
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  commit.add(1);
  await turn();
  expect(batches).toEqual([]);
  commit.add(2);
  timers.shift()?.();
  await turn();
  expect(batches).toEqual([[1, 2]]);
  commit.add(3);
  await turn();
  for (const item of [4, 5]) commit.add(item);
  await turn();
  expect(batches).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  expect(timers).toEqual([]);
});

test('an owner with many items makes another one wait for a batch, not for all of them', async () => {
  const batches: string[][] = [];
  const finishers: (() => void)[] = [];
  const commit = new GroupCommit<string>({
    max: { rows: 200, bytes: 1_000_000 },
    costOf: (item) => ({ rows: item.startsWith('wide') ? 101 : 1, bytes: 10 }),
    ownerOf: (item) => item.slice(0, 4),
    write: (batch) => {
      batches.push(batch);
      return new Promise((resolve) => finishers.push(resolve));
    },
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 1_000; i++) commit.add(`wide ${i}`);
  await turn();
  expect(batches).toEqual([['wide 0']]);
  commit.add('thin 0');
  finishers.shift()?.();
  await turn();
  expect(batches[1]).toEqual(['wide 1', 'thin 0']);
});
