import { expect, test } from 'vitest';
import { RestartBackoff } from './restart-backoff.ts';

test('a program that ends at once is started a few times in twenty seconds, not sixty times', () => {
  const backoff = new RestartBackoff();
  let nowMs = 0;
  const waits: number[] = [];
  while (nowMs < 20_000) {
    waits.push(backoff.next(nowMs));
    // It takes 300 ms to start, and ends.
    nowMs += (waits.at(-1) ?? 0) + 300;
  }
  expect(waits).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

test('one that ran for long is started again at once', () => {
  const backoff = new RestartBackoff();
  backoff.next(0);
  expect(backoff.next(1_000)).toBe(250);
  expect(backoff.next(20_000)).toBe(0);
});
