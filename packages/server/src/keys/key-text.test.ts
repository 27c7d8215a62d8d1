import { expect, test } from 'vitest';
import { generateKey, isKeyText, shownPrefix } from './key-text.ts';

test('a key has prefix, 30 random characters and a checksum that finds typing errors', () => {
  const keys = Array.from({ length: 200 }, () => generateKey('loop'));
  expect(new Set(keys).size).toBe(200);
  for (const key of keys) {
    expect(key).toMatch(/^loop_[0-9A-Za-z]{36}$/);
    expect(isKeyText(key)).toBe(true);
    for (const at of [0, 6, 20, 40]) {
      const wrong = key.slice(0, at) + (key[at] === 'x' ? 'y' : 'x') + key.slice(at + 1);
      expect(isKeyText(wrong)).toBe(false);
    }
    expect(shownPrefix(key)).toBe(key.slice(0, 9));
  }
  expect(isKeyText('')).toBe(false);
  expect(isKeyText('loop_abc')).toBe(false);
});
