import { expect, test } from 'vitest';
import { isJsonPointer } from './json-pointer.ts';
import { compileOrdering } from './ordering.ts';

test('a JSON pointer is read in the time that its length takes', { timeout: 1_000 }, () => {
  expect(isJsonPointer(`${'/'.repeat(4_000)}~`)).toBe(false);
  expect(['', '/', '/a//b', '/a~1b~0', '/items/0'].map(isJsonPointer)).toEqual([true, true, true, true, true]);
  expect(['a', '/~', '/~2', '/a~'].map(isJsonPointer)).toEqual([false, false, false, false]);
});

test.each<[unknown, string | null]>([
  [{ id: 'a' }, 'a'],
  [{ id: 7 }, '7'],
  [{ id: false }, 'false'],
  [{ id: '' }, ''],
  [{ id: null, other: 'b' }, 'b'],
  [{ id: { deep: 1 } }, null],
  [[], null],
  ['text', null],
])('of %j the ordering key is %j', (payload, key) => {
  expect(compileOrdering(['/id', '/other'])?.(payload)).toBe(key);
});

test('what is long, or what no column can hold, is known by its digest', () => {
  const keyOf = compileOrdering(['/id']);
  const [long, nul] = ['x'.repeat(257), 'a\u0000b'].map((id) => keyOf?.({ id }));
  expect([long, nul]).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}$/), expect.stringMatching(/^sha256:/)]);
  expect(keyOf?.({ id: 'x'.repeat(256) })).toBe('x'.repeat(256));
  expect(compileOrdering([])).toBeUndefined();
});
