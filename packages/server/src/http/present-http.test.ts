import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { presentBody, toRecord } from './present-http.ts';

describe('bodies', () => {
  const text = 'aé€😀';
  const bytes = Buffer.from(text);

  test('text that was cut inside a character is shown without the half character', () => {
    const shown = Array.from({ length: bytes.length + 1 }, (_, length) => presentBody(bytes.subarray(0, length), true));
    expect(shown.map(({ body }) => body)).toEqual([
      ...['', 'a', 'a', 'aé', 'aé', 'aé', 'aé€', 'aé€', 'aé€', 'aé€', 'aé€😀'],
    ]);
    expect(new Set(shown.map(({ body_encoding }) => body_encoding))).toEqual(new Set(['utf8']));
  });
  test('half a character at the end of what is whole is no text', () => {
    expect(presentBody(bytes.subarray(0, 2), false)).toEqual({ body: 'YcM=', body_encoding: 'base64' });
  });
  test.each(['ff', '61ff', '6180', 'f8888080', 'c061', 'e282ff', 'f0', 'c0', 'ed a0'])(
    'bytes %s that were cut',
    (hex) => {
      const bytes = Buffer.from(hex.replace(' ', ''), 'hex');
      // 0xf0 may begin a character; the others cannot stand in any text.
      const isText = hex === 'f0';
      expect(presentBody(bytes, true)).toEqual({
        body: isText ? '' : bytes.toString('base64'),
        body_encoding: isText ? 'utf8' : 'base64',
      });
    },
  );
  test('any text cut anywhere is a beginning of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, at) => {
        const bytes = Buffer.from(text);
        const cut = at % (bytes.length + 1);
        const { body, body_encoding } = presentBody(bytes.subarray(0, cut), true);
        expect(body_encoding).toBe('utf8');
        expect(text.startsWith(body)).toBe(true);
        expect(cut - Buffer.byteLength(body)).toBeLessThan(4);
      }),
    );
  });
});

test('a header of any name is shown, repeated ones in one value', () => {
  const record = toRecord([
    ['__proto__', 'a'],
    ['constructor', 'b'],
    ['x', '1'],
    ['__proto__', 'c'],
    ['x', '2'],
  ]);
  expect(JSON.stringify(record)).toBe('{"__proto__":"a, c","constructor":"b","x":"1, 2"}');
});
