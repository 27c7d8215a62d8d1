import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compact, eachElement, eachMember, isDeeperThan } from './raw-json.ts';

const indents = fc.constantFrom<string | number>(0, 1, 2, '\t');

test('compact text means the same and is what JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.json(), indents, (json, indent) => {
      const value: unknown = JSON.parse(json);
      expect(compact(JSON.stringify(value, null, indent))).toBe(JSON.stringify(value));
    }),
  );
});

test('members are cut out exactly, whatever stands in keys and values', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), indents, (object, indent) => {
      const plain = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
      const text = ` ${JSON.stringify(plain, null, indent)} `;
      const seen: [string, unknown][] = [];
      eachMember(text, 0, (key, start, end) => seen.push([key, JSON.parse(text.slice(start, end))]));
      expect(seen).toEqual(Object.entries(plain));
    }),
  );
});

test('elements are cut out exactly', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), indents, (array, indent) => {
      const text = JSON.stringify(array, null, indent);
      const seen: unknown[] = [];
      eachElement(text, 0, (start, end) => seen.push(JSON.parse(text.slice(start, end))));
      expect(seen).toEqual(JSON.parse(text));
    }),
  );
});

test('numbers stay as they were written', () => {
  const text = '{ "height" : 5.0, "id": 123456789012345678901, "e": 1E+2, "payload" : {"a": [ 1.10 , -0 ]} }';
  expect(compact(text)).toBe('{"height":5.0,"id":123456789012345678901,"e":1E+2,"payload":{"a":[1.10,-0]}}');
});

test('escaped keys and repeated keys are seen as JSON.parse sees them', () => {
  const text = '{"p\\u0061yload":1,"payload":{"x":"}\\\\"},"\\"":[]}';
  const seen: [string, string][] = [];
  eachMember(text, 0, (key, start, end) => seen.push([key, text.slice(start, end)]));
  expect(seen).toEqual([
    ['payload', '1'],
    ['payload', '{"x":"}\\\\"}'],
    ['"', '[]'],
  ]);
});

test('depth is counted in brackets, not in strings', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  fc.assert(
    fc.property(
      fc.jsonValue({ stringUnit: fc.constantFrom('[', '{', ']', '"', '\\', 'a') }),
      indents,
      (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        for (const max of [0, 1, 2, 3])
          expect(isDeeperThan(text, max)).toBe(text.length > 2 * max && depthOf(value) > max);
      },
    ),
  );
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  expect(isDeeperThan(nested(1_000), 1_000)).toBe(false);
  expect(isDeeperThan(nested(1_001), 1_000)).toBe(true);
  expect(isDeeperThan(`[${'[],{},'.repeat(5_000)}0]`, 1_000)).toBe(false);
});
