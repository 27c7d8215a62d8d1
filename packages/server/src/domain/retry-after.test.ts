import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRetryAfter } from './retry-after.ts';

const now = Date.UTC(2026, 10, 22, 8, 0, 0);
const YEAR_MS = 365 * 86_400_000;

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['000120', 120_000],
  ['Sun, 22 Nov 2026 08:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 07:00:00 GMT', 0],
  ['sun, 22 nov 2026 08:00:30 gmt', 30_000],
  // The two old forms of RFC 9110 §5.6.7.
  ['Sunday, 22-Nov-26 08:00:30 GMT', 30_000],
  ['Sunday, 22-Nov-26 07:00:00 GMT', 0],
  ['Sun Nov 22 08:00:30 2026', 30_000],
  ['Tue Dec  1 08:00:00 2026', 9 * 86_400_000],
  ['Tue Dec 01 08:00:00 2026', 9 * 86_400_000],
  // A leap second, which JavaScript does not know.
  ['Sun, 22 Nov 2026 08:00:60 GMT', 60_000],
])('Retry-After %j is %i ms', (value, expected) => expect(parseRetryAfter(value, now)).toBe(expected));

test.each([
  '31536000',
  '99999999999',
  '99999999999999999999',
  '9'.repeat(400),
  'Sun, 22 Nov 2099 08:00:30 GMT',
  'Fri, 31 Dec 9999 23:59:59 GMT',
  'Fri Dec 31 23:59:59 9999',
  // Fifty years ahead is the most that two digits of a year can mean.
  'Sunday, 22-Nov-76 08:00:00 GMT',
])('Retry-After %.40j is a year: longer than anything that is waited for', (value) =>
  expect(parseRetryAfter(value, now)).toBe(YEAR_MS),
);

test('two digits of a year that would be more than fifty years ahead are in the past', () => {
  expect(parseRetryAfter('Monday, 22-Nov-77 08:00:00 GMT', now)).toBe(0);
  expect(parseRetryAfter('Sunday, 22-Nov-76 08:00:01 GMT', now)).toBe(0);
});

test.each([
  undefined,
  '',
  '-1',
  '1.5',
  '1e3',
  '+5',
  'soon',
  '\u0663',
  'Sun, 22 Foo 2026 08:00:30 GMT',
  'Sun, 32 Nov 2026 08:00:30 GMT',
  'Mon, 30 Feb 2026 08:00:30 GMT',
  'Sun, 00 Nov 2026 08:00:30 GMT',
  'Sun, 22 Nov 2026 24:00:00 GMT',
  'Sun, 22 Nov 2026 08:60:00 GMT',
  'Sun, 22 Nov 2026 08:00:61 GMT',
  'Sun, 22 Nov 2026 08:00:30 CET',
  'Sun, 22 Nov 26 08:00:30 GMT',
  'Sunday, 22-Nov-2026 08:00:30 GMT',
  'Sun Nov 2 2026 08:00:30',
  '2026-11-22T08:00:30Z',
])('Retry-After %j is no answer', (value) => expect(parseRetryAfter(value, now)).toBeUndefined());

test('every date is the same in its three forms', () => {
  const [days, months] = [
    ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'],
    ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
  ];
  fc.assert(
    fc.property(fc.integer({ min: -40 * 365 * 86_400, max: 364 * 86_400 }), (seconds) => {
      const at = new Date(now + seconds * 1000);
      const [day = '', month = ''] = [days[at.getUTCDay()], months[at.getUTCMonth()]];
      const time = at.toISOString().slice(11, 19);
      const date = String(at.getUTCDate());
      const year = String(at.getUTCFullYear());
      const forms = [
        at.toUTCString(),
        `${day}, ${date.padStart(2, '0')}-${month}-${year.slice(2)} ${time} GMT`,
        `${day.slice(0, 3)} ${month} ${date.padStart(2, ' ')} ${time} ${year}`,
      ];
      for (const form of forms) expect(parseRetryAfter(form, now), form).toBe(Math.max(0, seconds * 1000));
    }),
  );
});
