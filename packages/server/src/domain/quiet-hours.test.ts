import { describe, expect, test } from 'vitest';
import { isQuiet, isTimeZone, minuteOf, timeOf } from './quiet-hours.ts';

const NIGHT = { fromMinute: 22 * 60, toMinute: 7 * 60, timeZone: 'Europe/Berlin' };
const at = (time: string) => Date.parse(time);

describe('quiet hours', () => {
  test.each([
    ['2026-01-10T20:59:00Z', false],
    ['2026-01-10T21:00:00Z', true],
    ['2026-01-11T05:59:59Z', true],
    ['2026-01-11T06:00:00Z', false],
    // In summer the clocks there are two hours ahead.
    ['2026-07-10T20:00:00Z', true],
    ['2026-07-11T05:00:00Z', false],
  ])('over midnight, by the clocks of the place: %s', (time, expected) => {
    expect(isQuiet(NIGHT, at(time))).toBe(expected);
  });

  test('within a day', () => {
    const noon = { fromMinute: 720, toMinute: 780, timeZone: 'UTC' };
    expect(['11:59', '12:00', '12:59', '13:00'].map((time) => isQuiet(noon, at(`2026-01-10T${time}:00Z`)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test('times and time zones as people write them', () => {
    expect(['00:00', '22:30', '23:59'].map(minuteOf)).toEqual([0, 1350, 1439]);
    expect(['24:00', '7:00', '07:60', '', 'x'].map(minuteOf)).toEqual(Array(5).fill(undefined));
    expect([0, 1350].map(timeOf)).toEqual(['00:00', '22:30']);
    expect(['UTC', 'America/New_York', 'Mars/Base', ''].map(isTimeZone)).toEqual([true, true, false, false]);
  });
});
