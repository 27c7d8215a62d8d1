/** Values at which programs fail. Every list is fixed: the same seed makes the same inputs. */
import fc from 'fast-check';

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

export const TIMES = [
  '2026-11-01T00:00:00Z',
  '2030-01-01T00:00:00.123+02:00',
  '9999-12-31T23:59:59.999Z',
  '9999-12-31T23:59:59-01:00',
  '1970-01-01T00:00:00Z',
  '1970-01-01T00:00:00+01:00',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00Z',
  '-000001-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2024-02-29T23:59:60Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01',
  'now',
  'infinity',
  '',
];

export const TEXTS = [
  '',
  ' ',
  'a',
  '*',
  'order.*',
  '.',
  '..',
  'a\0b',
  '\0',
  '\ud800',
  'x\udfffy',
  '😀',
  'ﷺ'.repeat(30),
  '%',
  "'; DROP TABLE events; --",
  '\\',
  '"',
  '\n\r\t',
  '__proto__',
  'constructor',
  'toString',
  '{{payload}}',
  '<script>',
  'a/b~c',
  'x'.repeat(129),
  'x'.repeat(257),
  'x'.repeat(5_000),
  'null',
  'NaN',
  '-1',
  '9'.repeat(40),
  '1e309',
];

/** JSON as text: what no value of JavaScript is written as. */
export const TOKENS = [
  ...['null', 'true', '0', '-0', '-1', '1.5', '5.0', '1e400', '-1e400', '1e-400', '1E+2', '0.1e1'],
  ...['2147483647', '2147483648', '-2147483649', '9007199254740993', '12345678901234567890', '1e19', '9'.repeat(400)],
  ...TEXTS.map((text) => JSON.stringify(text)),
  ...TIMES.map((text) => JSON.stringify(text)),
  ...['"\\ud800"', '"\\u0000"', '"\\udc00\\ud800"', JSON.stringify('y'.repeat(70_000))],
  ...['[]', '{}', '[[[]]]', '{"a":{"b":{"c":null}}}', '{"a":1,"a":2}', '{"__proto__":{"a":1}}', '{"":""}'],
  ...[nested(50), nested(1_500), nested(20_000), `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`],
  ...['[1e400,12345678901234567890]', `[${Array(2_000).fill('0').join(',')}]`],
];

export const NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'id', 'payload', 'payloads', 'metadata', 'headers'],
  ...['', ' ', 'a/b', '~', '\0', '\ud800', 'x'.repeat(300), 'Authorization', 'host', 'a\r\nb: c', '0', '-1', 'length'],
];

/** Ids of the right form with bytes that nobody made, and such as only look like one. */
export const idsOf = (prefix: string) => [
  `${prefix}_00000000000000000000000000`,
  `${prefix}_7zzzzzzzzzzzzzzzzzzzzzzzzz`,
  `${prefix}_8zzzzzzzzzzzzzzzzzzzzzzzzz`,
  `${prefix}_01m8000000000000000000000o`,
  `${prefix}_0`,
  `${prefix.toUpperCase()}_01M80000000000000000000000`,
  `evt_01m80000000000000000000000`,
  `${prefix}_`,
];

const wrap = (text: string) => Buffer.from(text).toString('base64url');
export const CURSORS = [
  ...['', 'abc', '====', wrap('1:'), wrap('2:evt_00000000000000000000000000'), wrap('1:__proto__'), wrap('1:\0')],
  ...['ep', 'evt', 'dlv', 'key', 'aud'].map((kind) => wrap(`1:${kind}_01m80000000000000000000000`)),
  ...['ep', 'evt', 'dlv', 'key', 'aud'].map((kind) => wrap(`1:${kind}_7zzzzzzzzzzzzzzzzzzzzzzzzz`)),
  ...['1~a', '999999999999999~a', '0~', '8640000000000001~a', '253402300800000~a', '-1~a'].map((at) => wrap(`1:${at}`)),
  'x'.repeat(257),
];

export const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(...TIMES, ...CURSORS) },
);
