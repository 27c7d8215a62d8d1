import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkJson } from './check-json.ts';
import { Problem } from './errors.ts';

function placeIn(text: string): string | undefined {
  try {
    checkJson(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error.places[0]?.pointer;
  }
}

test('what JSON.stringify writes is never refused', () => {
  const value = fc.jsonValue({ noUnicodeString: false }).filter((v) => !JSON.stringify(v).includes('__proto__'));
  fc.assert(
    fc.property(value, fc.constantFrom(0, 2), (json, indent) => {
      const held = JSON.parse(JSON.stringify(json), (_, part) =>
        typeof part === 'number' && Math.abs(part) > Number.MAX_SAFE_INTEGER ? 1 : part,
      ) as unknown;
      expect(placeIn(JSON.stringify(held, null, indent))).toBe(undefined);
    }),
  );
});

test('a member that stands twice is found wherever it is', () => {
  const names = fc.uniqueArray(fc.string({ maxLength: 5 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      names,
      fc.nat(4),
      fc.array(fc.constantFrom('a', 'b/c', '~', 'x y'), { maxLength: 3 }),
      (keys, i, path) => {
        const twice = keys[i % keys.length] ?? '';
        fc.pre(!keys.includes('__proto__') && (path.length > 0 || !keys.includes('payload')));
        const inner = `{${[...keys, twice].map((key) => `${JSON.stringify(key)}:[1,{"x":2}]`).join(',')}}`;
        const text = path.reduceRight((value, name) => `{${JSON.stringify(name)}:[0,${value}]}`, inner);
        const place = path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}/1`).join('');
        expect(placeIn(text)).toBe(`#${place}/${twice.replaceAll('~', '~0').replaceAll('/', '~1')}`);
      },
    ),
  );
});

test.each([
  ['{"a":1,"\\u0061":2}', '#/a'],
  ['{"payload":1,"payload":2}', '#/payload'],
  ['{"a":{"__proto__":1}}', '#/a/__proto__'],
  ['[{"a":1e400}]', '#/0/a'],
  ['[1,[2,-9007199254740992]]', '#/1/1'],
  ['{"metadata":{"a":1,"a":1}}', '#/metadata/a'],
  ['1e-400', '#'],
  ['[0.12345678901234567]', '#/0'],
  ['12345678901234567890e0', '#'],
  [`1${'0'.repeat(250_000)}1`, '#'],
  ['0.1000000000000000000000000000000001', '#'],
])('%s is refused', (text, pointer) => {
  expect(placeIn(text)).toBe(pointer);
});

test.each([
  '{"payload":{"a":1,"a":12345678901234567890,"__proto__":{"payload":1e400,"payload":2}}}',
  '{"metadata":{"__proto__":{"a":1}}}',
  '[0,-0,0.0,0e5,1.5,1e300,9007199254740991,"12345678901234567890",true,false,null]',
  '{"a":{"b":1},"b":{"b":1},"":{"":1}}',
  '"a"',
])('%s is not', (text) => {
  expect(placeIn(text)).toBe(undefined);
});

test('depth costs no stack', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  expect(placeIn(nested(1_000_000))).toBe(undefined);
});

test.each([
  '0.30000000000000004',
  '1.7976931348623157e308',
  '0.1000',
  '5e-324',
  '1e21',
  '-0.0',
  '9007199254740991',
  '100000000000000000000e-5',
])('%s comes back as it was', (text) => {
  expect(placeIn(text)).toBe(undefined);
});
