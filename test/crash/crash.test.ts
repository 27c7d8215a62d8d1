import { expect, test } from 'vitest';
import { runCrashTest } from './crash.ts';

const kills = Number(process.env.CRASH_KILLS ?? 20);
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
/** Requests to three endpoints, and outcomes on their way to the database, at the moment of a kill. */
const IN_FLIGHT_MAX = 3 * 10 + 3 * 60;

test(`nothing acknowledged is lost over ${kills} kills (seed ${seed})`, {
  timeout: 60_000 + kills * 15_000,
}, async () => {
  const report = await runCrashTest(kills, seed, (line) => console.log(line));
  console.log(JSON.stringify({ ...report, lost: report.lost.length, seed }));
  expect(report.acknowledged).toBeGreaterThan(kills);
  expect(report.lost).toEqual([]);
  expect(report.duplicates).toBeLessThanOrEqual(kills * IN_FLIGHT_MAX);
});
