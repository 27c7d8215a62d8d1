import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BodyRules } from './body.ts';
import { compileWireCheck } from './wire.ts';

const PASSED_ON: BodyRules = { encoder: 'json', envelope: { data: '{payload}' } };
const MERGED: BodyRules = { encoder: 'json', set: { a: '{trigger}' } };
const PHP: BodyRules = { encoder: 'php-json' };

const violations = (rules: BodyRules, text: string, check: 'reject' | 'off' = 'off') =>
  compileWireCheck(rules, check)(Buffer.from(text), JSON.stringify(JSON.parse(text)) === text).map(
    ({ pointer, detail }) => `${pointer} ${detail}`,
  );

const REPEATED = '{"a":[{"b":1,"\\u0062":2}]}';
const HUGE = '[1e400,1]';

describe('what a wire cannot carry', () => {
  test('a payload that is only passed on may repeat names and have numbers of any size', () => {
    for (const text of [REPEATED, HUGE, '[123456789012345678901234567890,-0,5.0]'])
      expect(violations(PASSED_ON, text)).toEqual([]);
  });

  test('one that is read or merged may not', () => {
    for (const found of [
      violations(PASSED_ON, REPEATED, 'reject'),
      violations(MERGED, REPEATED),
      violations(PHP, REPEATED),
    ]) {
      expect(found).toEqual(['/a/0/b stands there twice']);
    }
    for (const found of [violations(PASSED_ON, HUGE, 'reject'), violations(MERGED, HUGE), violations(PHP, HUGE)]) {
      expect(found).toEqual(['/0 is a number beyond the range of a double']);
    }
  });

  test('half a surrogate pair goes nowhere; a whole one, and what only looks like half of one, does', () => {
    for (const rules of [PASSED_ON, MERGED, PHP]) {
      expect(violations(rules, '{"a":"x\\uD83D"}')).toEqual(['/a has half a surrogate pair']);
      expect(violations(rules, '["\\ude00\\ud83d"]')).toEqual(['/0 has half a surrogate pair']);
      expect(violations(rules, '{"\\udc00":1}')).toEqual(['/\udc00 has a name with half a surrogate pair']);
      expect(violations(rules, '{"a":"\\ud83d\\ude00 \\\\ud83d 😀 \\uD7FF"}')).toEqual([]);
    }
  });

  test('integers beyond 64 bits: a float for PHP, no number that can go out as it was published', () => {
    const text = '[9223372036854775807,-9223372036854775808,9223372036854775808,1e30]';
    expect(violations(PHP, text)).toEqual([]);
    expect(violations({ ...PHP, numbers: 'as-published' }, text)).toEqual(['/2 is an integer beyond 64 bits']);
    expect(violations(MERGED, text)).toEqual([]);
  });

  test('PHP nests 512 deep', () => {
    const deep = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
    expect(violations(PHP, deep(512))).toEqual([]);
    expect(violations(PHP, deep(514))).toHaveLength(1);
    expect(violations(MERGED, deep(514))).toEqual([]);
    expect(violations(PHP, `[${'[],'.repeat(600)}[]]`)).toEqual([]);
  });

  test('what JSON.stringify writes of whole text is carried by every wire', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(PASSED_ON, MERGED), (value, rules) => {
        expect(violations(rules, JSON.stringify(value))).toEqual([]);
        expect(violations(rules, JSON.stringify(value, null, 1))).toEqual([]);
      }),
    );
  });
});
