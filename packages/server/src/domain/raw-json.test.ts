import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compact, eachElement, eachMember } from './raw-json.ts';

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
