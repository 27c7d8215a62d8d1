import fc, { type Arbitrary } from 'fast-check';
import type { Json } from './json-tree.ts';
import { TIMES } from './values.ts';

export interface Schema {
  type?: string;
  enum?: Json[];
  const?: Json;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
}

/** What is known of some members beyond their schema: ids that exist, URLs that lead nowhere outside. */
export type Known = Readonly<Record<string, Arbitrary<Json>>>;

/** Makes what a schema describes, and a little at its edges. */
export function fromSchema(schema: Schema, known: Known): Arbitrary<Json> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return fc.oneof(...alternatives.map((one) => fromSchema(one, known)));
  switch (schema.type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'string':
      return stringOf(schema);
    case 'array':
      return fc.array(fromSchema(schema.items ?? {}, known), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 5, 5),
      });
    case 'object':
      return objectOf(schema, known);
    default:
      return fc.jsonValue({ maxDepth: 3 }) as Arbitrary<Json>;
  }
}

function numberOf({ minimum = -5, maximum = 1_000 }: Schema): Arbitrary<number> {
  return fc.oneof(fc.constantFrom(minimum, maximum), fc.integer({ min: minimum, max: maximum }));
}

function stringOf({ pattern, format, minLength = 0, maxLength = 40 }: Schema): Arbitrary<string> {
  if (format === 'date-time') return fc.constantFrom(...TIMES);
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern)).map((text) => text.slice(0, maxLength));
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, 40)) }) },
    { weight: 1, arbitrary: fc.constant('x'.repeat(maxLength)) },
  );
}

/** In place of a member that is left out. */
const ABSENT = Symbol('absent');

function objectOf({ properties = {}, patternProperties, required = [] }: Schema, known: Known): Arbitrary<Json> {
  const members = Object.entries(properties).map(([name, schema]) => {
    const plain = fromSchema(schema, known);
    const own = Object.hasOwn(known, name) ? known[name] : undefined;
    const value = own ? fc.oneof({ weight: 6, arbitrary: own }, { weight: 1, arbitrary: plain }) : plain;
    // Every one can make the whole wrong: those of which nothing is known are mostly left out.
    const absent = { weight: own ? 1 : 4, arbitrary: fc.constant(ABSENT) };
    const some = fc.oneof(absent, { weight: 1, arbitrary: value });
    return fc.tuple(fc.constant(name), required.includes(name) ? value : some);
  });
  const object = fc.tuple(...members).map((list) => list.filter(([, value]) => value !== ABSENT));
  const [pattern, schema] = Object.entries(patternProperties ?? {})[0] ?? [];
  if (pattern === undefined || schema === undefined) return object.map(toObject);
  const names = pattern === '^.*$' ? fc.string({ maxLength: 20 }) : fc.stringMatching(new RegExp(pattern));
  const more = fc.array(fc.tuple(names, fromSchema(schema, known)), { maxLength: 4 });
  return fc.tuple(object, more).map(([a, b]) => toObject([...b, ...a]));
}

const toObject = (members: readonly (readonly [string, Json | typeof ABSENT])[]) =>
  Object.fromEntries(members) as { [name: string]: Json };
