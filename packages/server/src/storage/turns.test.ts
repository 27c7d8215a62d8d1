import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** Work that ends when it is told to, and notes that it has begun. */
function setup(max: number) {
  const turns = new Turns(max);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const ask = (owner: string) =>
    turns
      .run(owner, () => {
        begun.push(owner);
        return new Promise<void>((resolve) => void ends.push(resolve));
      })
      .catch(() => {});
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { begun, ends, ask, settle };
}

test('one account has half of the places, and another finds one at once', async () => {
  const { begun, ask, settle } = setup(4);
  for (let i = 0; i < 40; i++) void ask('greedy');
  void ask('other');
  await settle();
  expect(begun).toEqual(['greedy', 'greedy', 'other']);
});

test('accounts take turns', async () => {
  const { begun, ends, ask, settle } = setup(2);
  for (let i = 0; i < 3; i++) void ask('a');
  for (const name of ['b', 'c']) for (let i = 0; i < 2; i++) void ask(name);
  for (let i = 0; i < 7; i++) {
    await settle();
    ends[i]?.();
  }
  await settle();
  expect(begun.slice(0, 4)).toEqual(['a', 'b', 'c', 'a']);
  expect([...begun].sort()).toEqual(['a', 'a', 'a', 'b', 'b', 'c', 'c']);
});

test('what fails gives its place back', async () => {
  const turns = new Turns(1);
  await expect(turns.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await turns.run('a', async () => 1)).toBe(1);
});

test('whose turn does not come in time hears that the database is busy', async () => {
  const turns = new Turns(1, 10);
  const ends: (() => void)[] = [];
  const held = turns.run('a', () => new Promise<void>((resolve) => void ends.push(resolve)));
  await expect(turns.run('b', async () => 1)).rejects.toThrow('busy');
  for (const end of ends) end();
  await held;
  expect(await turns.run('b', async () => 1)).toBe(1);
});
