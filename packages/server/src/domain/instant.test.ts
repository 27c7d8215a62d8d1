import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isInstant } from './instant.ts';

const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

test('every instant from 1970 to 9999 is one, in every zone', () => {
  const zone = fc.tuple(fc.constantFrom('+', '-'), fc.nat(23), fc.nat(59));
  fc.assert(
    fc.property(fc.integer({ min: 86_400_000, max: LAST_MS - 86_400_000 }), zone, (ms, [sign, hours, minutes]) => {
      const offsetMs = (hours * 60 + minutes) * 60_000 * (sign === '+' ? 1 : -1);
      const two = (n: number) => String(n).padStart(2, '0');
      const text = new Date(ms + offsetMs).toISOString().replace('Z', `${sign}${two(hours)}:${two(minutes)}`);
      expect(isInstant(text)).toBe(true);
      expect(Date.parse(text)).toBe(ms);
    }),
  );
});

test('what is one can be written again', () => {
  const digits = (length: number) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`));
  const part = fc.tuple(digits(4), ...Array.from({ length: 5 }, () => digits(2)));
  fc.assert(
    fc.property(part, fc.constantFrom('Z', '+00:00', '-23:59', '+14:00'), ([y, mo, d, h, mi, s], zone) => {
      const text = `${y}-${mo}-${d}T${h}:${mi}:${s}${zone}`;
      if (isInstant(text)) expect(new Date(text).toISOString()).toMatch(/^\d{4}-/);
    }),
  );
});

test.each([
  '9999-12-31T23:59:59-01:00',
  '1970-01-01T00:00:00+00:01',
  '0000-01-01T00:00:00Z',
  '2023-02-29T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T23:59:60Z',
  '2026-01-01T00:00:00+24:00',
  '2026-01-01t00:00:00z',
  '2026-01-01',
  '',
])('%s is none', (text) => {
  expect(isInstant(text)).toBe(false);
});

test.each(['1970-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z', '2024-02-29T00:00Z'])('%s is one', (text) => {
  expect(isInstant(text)).toBe(true);
});
