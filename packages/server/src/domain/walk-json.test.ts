import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dropRepeats, stringOf, walkJson } from './walk-json.ts';

/** Writes again what it is told of. */
function rewrite(text: string): string {
  let out = '';
  let isFirst = true;
  const comma = () => (isFirst ? '' : ',');
  walkJson(text, {
    open: (bracket) => {
      out += comma() + bracket;
      isFirst = true;
    },
    close: (bracket) => {
      out += bracket;
      isFirst = false;
    },
    key: (token) => {
      out += `${comma()}${token}:`;
      isFirst = true;
    },
    scalar: (_, token) => {
      out += comma() + token;
      isFirst = false;
    },
  });
  return out;
}

test('every token is told of, keys as keys and values as values', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(undefined, 2, '\t'), (json, indent) => {
      const text = JSON.stringify(JSON.parse(json));
      expect(rewrite(JSON.stringify(JSON.parse(json), null, indent))).toBe(text);
      expect(dropRepeats(text)).toBe(text);
    }),
  );
});

test('the last of equal keys counts, in the place of the first, as JSON.parse reads it', () => {
  const names = fc.constantFrom('a', 'b', '\\u0061', '', '\\"');
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('1', '"x"', 'null', 'true'),
      fc.array(tie('value')).map((items) => `[${items.join(',')}]`),
      fc.array(fc.tuple(names, tie('value'))).map((all) => `{${all.map(([k, v]) => `"${k}":${v}`).join(',')}}`),
    ),
  }));
  fc.assert(
    fc.property(value, (text) => {
      expect(dropRepeats(text)).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

test('attack: depth costs no stack', () => {
  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  expect(rewrite(deep)).toBe(deep);
});

test('what a string means', () => {
  expect([stringOf('"a"'), stringOf('"\\u0061\\n"')]).toEqual(['a', 'a\n']);
});
