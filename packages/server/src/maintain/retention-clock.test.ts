import { expect, test } from 'vitest';
import { RetentionClock, type RetentionTime } from './retention-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 10, 27);

/** Three clocks that can be moved one by one. */
function clocks(lastLookMs?: number) {
  const readings = { databaseMs: START_MS, nodeMs: START_MS, monotonicMs: 1_000 };
  const clock = new RetentionClock(lastLookMs);
  return {
    readings,
    look: () => clock.look(readings),
    pass(ms: number) {
      for (const name of ['databaseMs', 'nodeMs', 'monotonicMs'] as const) readings[name] += ms;
    },
  };
}
const nowOf = (time: RetentionTime) => (time.isAllowed ? time.nowMs : time.reason);

test('time that passes is taken as it is, however long no look was made', () => {
  const { look, pass } = clocks();
  expect(nowOf(look())).toBe(START_MS);
  pass(10 * 60_000);
  expect(nowOf(look())).toBe(START_MS + 600_000);
  pass(40 * DAY_MS);
  expect(nowOf(look())).toBe(START_MS + 600_000 + 40 * DAY_MS);
});

test.each([
  ['nodeMs', 40],
  ['nodeMs', -40],
  ['databaseMs', 40],
  ['databaseMs', -40],
] as const)('%s moved by %d days: no look, until the clocks agree', (name, days) => {
  const { readings, look, pass } = clocks();
  look();
  readings[name] += days * DAY_MS;
  expect(nowOf(look())).toMatch(/differ by 40 days/);
  readings[name] -= days * DAY_MS;
  pass(600_000);
  expect(nowOf(look())).toBe(START_MS + 600_000);
});

test('both moved forwards: no look for a day, then a day of history an hour', () => {
  const { readings, look, pass } = clocks();
  look();
  readings.databaseMs += 40 * DAY_MS;
  readings.nodeMs += 40 * DAY_MS;
  expect(nowOf(look())).toMatch(/40 days ahead/);
  pass(DAY_MS - 1);
  expect(look().isAllowed).toBe(false);
  pass(1);
  expect(nowOf(look())).toBe(START_MS + DAY_MS);
  pass(600_000);
  expect(look()).toMatchObject({ isAllowed: false, quietly: true });
  pass(HOUR_MS);
  expect(nowOf(look())).toBe(START_MS + 2 * DAY_MS);
});

test('both moved forwards and back before a day has passed: as if nothing had been', () => {
  const { readings, look, pass } = clocks();
  look();
  for (const ms of [40 * DAY_MS, -40 * DAY_MS]) {
    readings.databaseMs += ms;
    readings.nodeMs += ms;
    pass(HOUR_MS);
    look();
  }
  expect(nowOf(look())).toBe(START_MS + 2 * HOUR_MS);
});

test('both moved backwards: retention looks by the earlier time, and drops less', () => {
  const { readings, look } = clocks();
  look();
  readings.databaseMs -= 40 * DAY_MS;
  readings.nodeMs -= 40 * DAY_MS;
  expect(nowOf(look())).toBe(START_MS - 40 * DAY_MS);
});

test('the first look of a process compares with the last one of the process before', () => {
  expect(nowOf(clocks(START_MS - HOUR_MS).look())).toBe(START_MS);
  const { look, pass } = clocks(START_MS - 40 * DAY_MS);
  expect(nowOf(look())).toMatch(/40 days ahead/);
  pass(DAY_MS);
  expect(nowOf(look())).toBe(START_MS - 39 * DAY_MS);
});
