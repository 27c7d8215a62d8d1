import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lastPart } from '../domain/window.ts';
import { compilePolicy } from './policy.ts';

const sum = (delays: readonly number[]) => delays.reduce((a, b) => a + b, 0);

describe('a backoff', () => {
  test('grows to its cap until its attempts are used up', () => {
    const { retryDelaysMs, window } = compilePolicy({
      backoff: { base_s: 30, factor: 4, cap_s: 1800, attempts: 6 },
    });
    expect(retryDelaysMs).toEqual([30_000, 120_000, 480_000, 1_800_000, 1_800_000]);
    expect(window).toBeUndefined();
  });

  test('of a window ends in the last part of it', () => {
    const seconds = fc.integer({ min: 60, max: 7 * 86_400 });
    const factor = fc.double({ min: 1, max: 10, noNaN: true });
    fc.assert(
      fc.property(seconds, seconds, factor, seconds, (window_s, base_s, by, cap_s) => {
        const { retryDelaysMs, window, jitter } = compilePolicy({ backoff: { base_s, factor: by, cap_s, window_s } });
        const { fromMs, toMs } = lastPart(window_s * 1000);
        expect(sum(retryDelaysMs)).toBeGreaterThanOrEqual(fromMs);
        expect(sum(retryDelaysMs)).toBeLessThanOrEqual(toMs);
        expect(retryDelaysMs.length).toBeLessThan(100);
        expect(retryDelaysMs.every((delay) => delay > 0)).toBe(true);
        const last = window?.retries.at(-1);
        expect([last && last.fromMs >= fromMs, last && last.toMs <= toMs, jitter]).toEqual([true, true, 'tenth']);
      }),
    );
  });

  test('of attempts and a window ends with what ends first', () => {
    const backoff = { base_s: 60, factor: 2, cap_s: 3600, window_s: 86_400 };
    expect(sum(compilePolicy({ backoff: { ...backoff, attempts: 6 } }).retryDelaysMs)).toBe(31 * 60_000);
    const many = compilePolicy({ backoff: { ...backoff, attempts: 100 } });
    expect(many.retryDelaysMs).toEqual(compilePolicy({ backoff }).retryDelaysMs);
  });
});
