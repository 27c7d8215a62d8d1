import { expect, test } from 'vitest';
import { parseRetryAfter } from './retry-after.ts';

const now = Date.UTC(2026, 10, 22, 8, 0, 0);

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Sun, 22 Nov 2026 08:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 07:00:00 GMT', 0],
])('Retry-After %s is %i ms', (value, expected) => expect(parseRetryAfter(value, now)).toBe(expected));

test.each([undefined, '', '-1', '1.5', 'soon', 'Sun, 22 Foo 2026 08:00:30 GMT', '99999999999'])(
  'Retry-After %s is no answer',
  (value) => expect(parseRetryAfter(value, now)).toBeUndefined(),
);
