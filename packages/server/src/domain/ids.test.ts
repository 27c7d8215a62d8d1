import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeId, encodeId, firstUuidOf, IdSource, timeOfId, uuidText } from './ids.ts';

test('every 16 bytes survive the way to text and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = encodeId('evt', bytes);
      expect(text).toMatch(/^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
      expect(decodeId('evt', text)).toEqual(Buffer.from(bytes));
    }),
  );
});

test('text order is time order, also when many are made in one millisecond or the clock goes back', () => {
  let now = 1_700_000_000_000;
  const ids = new IdSource(() => now, randomFillSync);
  const made: string[] = [];
  for (let i = 0; i < 20_000; i++) {
    if (i % 7000 === 0) now += 5;
    if (i === 15_000) now -= 1000;
    made.push(ids.next('dlv'));
  }
  expect([...made].sort()).toEqual(made);
  expect(new Set(made).size).toBe(made.length);
});

test('ids recover when a clock that was days ahead is right again', () => {
  let now = 1_763_769_600_000;
  const ids = new IdSource(() => now, randomFillSync);
  now += 40 * 86_400_000;
  ids.nextUuid();
  now -= 40 * 86_400_000;
  expect(timeOfId(ids.nextUuid())).toBe(now);
});

test('an id carries its time, and firstUuidOf is not above any id of that millisecond', () => {
  const ids = new IdSource(() => 1_763_769_600_123, randomFillSync);
  const bytes = decodeId('evt', ids.next('evt'));
  if (!bytes) throw new Error('not an id');
  expect(timeOfId(bytes)).toBe(1_763_769_600_123);
  expect(Buffer.compare(firstUuidOf(1_763_769_600_123), bytes)).toBeLessThanOrEqual(0);
  expect(Buffer.compare(firstUuidOf(1_763_769_600_124), bytes)).toBe(1);
  expect(uuidText(bytes)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('what is not an id of the kind is refused', () => {
  const id = new IdSource(() => 1, randomFillSync).next('evt');
  for (const wrong of [
    '',
    'evt_',
    id.replace('evt', 'dlv'),
    `${id}0`,
    id.slice(0, -1),
    id.replace(/.$/, 'u'),
    'evt_8zzzzzzzzzzzzzzzzzzzzzzzzz',
  ]) {
    expect(decodeId('evt', wrong), wrong).toBeUndefined();
  }
});
