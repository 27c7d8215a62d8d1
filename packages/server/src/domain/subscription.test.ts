import { expect, test } from 'vitest';
import { isTrigger, isTriggerPattern, matchesTrigger } from './subscription.ts';

test.each([
  ['*', 'a.b', true],
  ['order.*', 'order.created', true],
  ['order.*', 'order.line.added', true],
  ['order.*', 'order', false],
  ['order.*', 'orders.created', false],
  ['order.created', 'order.created', true],
  ['order.created', 'order.created.eu', false],
])('pattern %s against %s: %s', (pattern, trigger, expected) =>
  expect(matchesTrigger(pattern, trigger)).toBe(expected),
);

test('triggers and patterns have the documented form', () => {
  for (const good of ['a', 'order.created', 'A_1.b']) expect(isTrigger(good)).toBe(true);
  for (const bad of ['', '.', 'a.', 'a b', 'a.*', '*', 'ä', 'a'.repeat(257)]) expect(isTrigger(bad)).toBe(false);
  for (const good of ['*', 'a.*', 'a.b']) expect(isTriggerPattern(good)).toBe(true);
  for (const bad of ['', '*.a', 'a*', 'a.*.b']) expect(isTriggerPattern(bad)).toBe(false);
});
