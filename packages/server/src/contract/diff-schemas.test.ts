import { expect, test } from 'vitest';
import { diffSchemas } from './diff-schemas.ts';

/** What `posthorn contract diff` says of two schemas: `breaking #/properties/a …`. */
function diff(before: object, after: object, others: Record<string, object> = {}): string[] {
  const place = (schema: object) => ({
    file: 's.json',
    schemas: new Map(Object.entries({ ...others, 's.json': schema })),
  });
  const said: string[] = [];
  diffSchemas(place(before), place(after), (kind, path, what) =>
    said.push(`${kind} ${path.slice('schemas/s.json#'.length)} ${what}`),
  );
  return said;
}

const text = { type: 'string' };
const whole = { type: 'integer' };
const fields = (properties: object, required: string[] = []) => ({ type: 'object', properties, required });

test('fields that go or may be missing break readers; new ones do not', () => {
  expect(diff(fields({ a: text }, ['a']), fields({ a: text, b: text }))).toEqual([
    'breaking /properties/a field "a" may be missing now',
    'compatible /properties/b field "b" is new',
  ]);
  expect(diff(fields({ a: text }), fields({}))).toEqual(['breaking /properties/a field "a" is gone']);
});

test('types and values that were not there before break readers; fewer do not', () => {
  expect(diff(text, { type: ['string', 'null'] })).toEqual(['breaking  type was string and is string or null']);
  expect(diff({ type: ['string', 'null'] }, text)).toEqual(['compatible  type was string or null and is string']);
  expect(diff({ type: 'number' }, whole)).toEqual([]);
  expect(diff({ enum: ['a'] }, { enum: ['a', 'b'] })).toEqual(['breaking  "b" is a new value']);
});

test('allOf: its parts promise together', () => {
  const parts = { allOf: [fields({ a: text }, ['a']), fields({ b: whole })] };
  expect(diff(fields({ a: text, b: whole }, ['a']), parts)).toEqual([]);
  expect(diff(parts, { allOf: [fields({ a: text }), fields({ b: text })] })).toEqual([
    'breaking /properties/a field "a" may be missing now',
    'breaking /properties/b type was integer and is string',
  ]);
});

test('anyOf and oneOf: an alternative more breaks readers, in whatever order; one less does not', () => {
  const [a, b] = [fields({ a: text }, ['a']), fields({ b: text }, ['b'])];
  expect(diff({ anyOf: [a, b] }, { oneOf: [b, a] })).toEqual([]);
  expect(diff(a, { anyOf: [a, b] })).toEqual(['breaking /anyOf/1 allows what was not allowed before']);
  expect(diff({ oneOf: [a, b] }, a)).toEqual(['compatible  one of the alternatives is gone']);
  expect(diff({ oneOf: [a, b] }, { oneOf: [a, fields({ b: whole }, ['b'])] })).toEqual([
    'breaking /oneOf/1 allows what was not allowed before',
    'compatible  one of the alternatives is gone',
  ]);
  expect(diff({ oneOf: [a, b] }, { $ref: 'other.json' }, { 'other.json': { oneOf: [a, b] } })).toEqual([]);
});
