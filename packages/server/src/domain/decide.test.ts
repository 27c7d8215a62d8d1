import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, jittered } from './decide.ts';
import type { AttemptOutcome } from './outcome.ts';
import type { DeliveryPolicy } from './policy.ts';
import { retryWindow } from './window.ts';

const HOUR_MS = 3_600_000;

const policy: DeliveryPolicy = {
  timeouts: { connectMs: 1, headersMs: 1, bodyMs: 1, totalMs: 1 },
  retryDelaysMs: [5_000, 300_000],
  jitter: 'full',
  retryAfter: { capMs: 1_800_000, above: 'fail' },
  finalStatuses: new Set([422]),
  goneStatuses: new Set([410]),
  concurrency: 10,
  ratePerS: undefined,
  autoDisable: undefined,
  onExhausted: 'keep',
  testingMode: { durationMs: 1, intervalMs: 1 },
  retentionDays: 30,
};

function answered(status: number, headers: [string, string][] = []): AttemptOutcome {
  const response = { status, headers, body: Buffer.alloc(0), truncated: false };
  return { ...(status < 300 ? {} : { error: 'http_status' as const }), response, timings: { total: 1 } };
}

describe('decide', () => {
  test('2xx succeeds', () => {
    expect(decide(policy, answered(204), 1, 0, Math.random)).toEqual({ kind: 'succeeded' });
  });
  test('a redirect is a failure that is tried again', () => {
    expect(decide(policy, answered(302), 1, 0, () => 0.5)).toEqual({ kind: 'retry', delayMs: 2_500 });
  });
  test('each try takes the next delay, and the last one ends it', () => {
    const failed: AttemptOutcome = { error: 'timeout', timings: { total: 1 } };
    expect(decide(policy, failed, 2, 0, () => 0.999999)).toEqual({ kind: 'retry', delayMs: 300_000 });
    expect(decide(policy, failed, 3, 0, Math.random)).toMatchObject({ kind: 'discarded', reason: 'retries_exhausted' });
  });
  test('a final status is not tried again', () => {
    expect(decide(policy, answered(422), 1, 0, Math.random)).toMatchObject({
      reason: 'final_status',
      endpointGone: false,
    });
  });
  test('410 switches the endpoint off', () => {
    expect(decide(policy, answered(410), 1, 0, Math.random)).toMatchObject({ reason: 'gone', endpointGone: true });
  });
  const retryAfter = (value: string, tries = 1, random = () => 0.5) =>
    decide(policy, answered(503, [['retry-after', value]]), tries, 0, random);
  test('Retry-After is obeyed exactly, without jitter, up to the cap', () => {
    expect(retryAfter('1800')).toEqual({ kind: 'retry', delayMs: 1_800_000 });
    expect(retryAfter('Thu, 01 Jan 1970 00:01:00 GMT')).toEqual({ kind: 'retry', delayMs: 60_000 });
  });
  test('a Retry-After that is shorter than the own back-off does not use up the retries', () => {
    for (const value of ['0', '1', 'Thu, 01 Jan 1970 00:00:01 GMT']) {
      expect(retryAfter(value)).toEqual({ kind: 'retry', delayMs: 2_500 });
      expect(retryAfter(value, 2)).toEqual({ kind: 'retry', delayMs: 150_000 });
    }
    expect(retryAfter('3')).toEqual({ kind: 'retry', delayMs: 3_000 });
    expect(retryAfter('3', 1, () => 0.99)).toEqual({ kind: 'retry', delayMs: 4_950 });
  });
  test('a Retry-After of any number of digits is above the cap', () => {
    expect(retryAfter('99999999999999999999')).toMatchObject({ reason: 'retry_after_too_long' });
    expect(retryAfter('Wednesday, 31-Dec-19 23:59:59 GMT')).toMatchObject({ reason: 'retry_after_too_long' });
  });
  test('a longer Retry-After fails, waits the cap or is ignored, as the policy says', () => {
    const asked = answered(429, [['retry-after', '1801']]);
    expect(decide(policy, asked, 1, 0, Math.random)).toMatchObject({ reason: 'retry_after_too_long' });
    const capping: DeliveryPolicy = { ...policy, retryAfter: { capMs: 1_800_000, above: 'cap' } };
    expect(decide(capping, asked, 1, 0, Math.random)).toEqual({ kind: 'retry', delayMs: 1_800_000 });
    const brief: DeliveryPolicy = { ...policy, retryAfter: { capMs: 1_000, above: 'cap' } };
    expect(decide(brief, asked, 1, 0, () => 0.5)).toEqual({ kind: 'retry', delayMs: 2_500 });
    const ignoring: DeliveryPolicy = { ...policy, retryAfter: { capMs: 1_000, above: 'ignore' } };
    expect(decide(ignoring, asked, 1, 0, () => 0.5)).toEqual({ kind: 'retry', delayMs: 2_500 });
  });
});

test('a clock that was wrong gives up no round of a window, and makes none wait beyond it', () => {
  const ms = 48 * HOUR_MS;
  const windowed: DeliveryPolicy = {
    ...policy,
    window: retryWindow([HOUR_MS, 20 * HOUR_MS, 26 * HOUR_MS], ms, 'none'),
  };
  for (const jumpMs of [-40 * 24 * HOUR_MS, 40 * 24 * HOUR_MS]) {
    const decision = decide(windowed, answered(500), 1, 100 * 24 * HOUR_MS + jumpMs, Math.random, 100 * 24 * HOUR_MS);
    expect(decision).toEqual({ kind: 'retry', delayMs: HOUR_MS });
  }
});

test('jitter stays within its bounds', () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), unit, (delay, r) => {
      expect(jittered(delay, 'none', () => r)).toBe(delay);
      const full = jittered(delay, 'full', () => r);
      expect(full >= 0 && full <= delay).toBe(true);
      const equal = jittered(delay, 'equal', () => r);
      expect(equal >= Math.floor(delay / 2) && equal <= delay).toBe(true);
    }),
  );
});
