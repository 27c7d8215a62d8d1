import { expect, test } from 'vitest';
import { simulate } from './simulation.ts';

const first = Number(process.env.SIM_SEED ?? 1);
const seeds = Number(process.env.SIM_SEEDS ?? 60);

test(`${seeds} simulated seeds from ${first}: nothing is lost, fenced out, sent too fast or left behind`, {
  timeout: 60_000 + seeds * 2_000,
  retry: 0,
}, async () => {
  const failures: string[] = [];
  let acknowledged = 0;
  for (let seed = first; seed < first + seeds && failures.length < 5; seed++) {
    const report = await simulate(seed);
    acknowledged += report.published;
    if (report.failure !== undefined) failures.push(`seed ${seed} (trace ${report.trace}): ${report.failure}`);
  }
  console.log(`${seeds} seeds, ${acknowledged} events acknowledged`);
  expect(failures).toEqual([]);
});

test('a seed goes the same way twice', async () => {
  for (const seed of [first, first + 1, first + 2]) {
    const once = await simulate(seed);
    expect(await simulate(seed)).toEqual(once);
  }
});
