import { expect, test } from 'vitest';
import { RECOVERY_MS, Recovery } from './recovery.ts';

/** How many requests start in each second, when there is always one that wants to. */
function startsBySecond(seconds: number): number[] {
  const recovery = new Recovery(0);
  const counts: number[] = Array(seconds).fill(0);
  for (let nowMs = 0; nowMs < seconds * 1_000; nowMs++) {
    if (recovery.waitMs(nowMs) > 0) continue;
    recovery.start(nowMs);
    const second = Math.floor(nowMs / 1_000);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}

test('it begins with some ten requests a second, and doubles every two', () => {
  const [first = 0, , third = 0, , fifth = 0] = startsBySecond(6);
  expect(first).toBeGreaterThanOrEqual(10);
  expect(first).toBeLessThanOrEqual(15);
  for (const [before, after] of [
    [first, third],
    [third, fifth],
  ] as const)
    expect(after / before).toBeCloseTo(2, 0);
});

test('it is over after some eleven seconds', () => {
  const recovery = new Recovery(5_000);
  expect(RECOVERY_MS).toBeGreaterThan(10_000);
  expect(recovery.isOver(5_000 + RECOVERY_MS - 1)).toBe(false);
  expect(recovery.isOver(5_000 + RECOVERY_MS)).toBe(true);
});
