import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from './decide.ts';
import type { AttemptOutcome } from './outcome.ts';
import type { DeliveryPolicy, Jitter } from './policy.ts';
import { lastPart, retryWindow } from './window.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FAILED: AttemptOutcome = { error: 'timeout', timings: { total: 5_000 } };
const TWO_DAYS = [1, 5, 30, 60, 120, 240, 480, 720, 1200].map((minutes) => minutes * MINUTE);

function policyOf(delaysMs: readonly number[], windowMs: number, jitter: Jitter = 'tenth'): DeliveryPolicy {
  return {
    timeouts: { connectMs: 1, headersMs: 1, bodyMs: 1, totalMs: 1 },
    retryDelaysMs: delaysMs,
    jitter,
    window: retryWindow(delaysMs, windowMs, jitter),
    retryAfter: { capMs: HOUR, above: 'cap' },
    finalStatuses: new Set(),
    goneStatuses: new Set(),
    concurrency: 10,
    ratePerS: undefined,
    autoDisable: undefined,
    onExhausted: 'keep',
    testingMode: { durationMs: 1, intervalMs: 1 },
    retentionDays: 30,
  };
}

/** When the tries of a round are made, in milliseconds from the first, with a receiver that always fails. */
function triesOf(
  policy: DeliveryPolicy,
  random: () => number,
  { outcome = FAILED, attemptMs = () => 0 as number, lateMs = () => 0 as number } = {},
): number[] {
  const times = [0];
  for (;;) {
    const nowMs = (times.at(-1) ?? 0) + attemptMs();
    const decision = decide(policy, outcome, times.length, nowMs, random, 0);
    if (decision.kind !== 'retry') return times;
    expect(decision.delayMs).toBeGreaterThan(0);
    times.push(nowMs + decision.delayMs + lateMs());
    if (times.length > 200) throw new Error('no end');
  }
}

const unit = fc.oneof(
  fc.constantFrom(0, 0.5, 1 - Number.EPSILON),
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
);

describe('48 hours', () => {
  const policy = policyOf(TWO_DAYS, 48 * HOUR);

  test('ten tries, each within a tenth of its delay, the last in the last hour, whatever chance says', () => {
    fc.assert(
      fc.property(fc.infiniteStream(unit), fc.integer({ min: 0, max: 5_000 }), (chance, attemptMs) => {
        const times = triesOf(policy, () => chance.next().value, { attemptMs: () => attemptMs });
        expect(times).toHaveLength(10);
        let at = 0;
        TWO_DAYS.forEach((delay, i) => {
          at += delay;
          expect(Math.abs((times[i + 1] ?? 0) - at)).toBeLessThanOrEqual(delay / 10 + 1);
        });
        expect(times.at(-1)).toBeGreaterThanOrEqual(47 * HOUR);
        expect(times.at(-1)).toBeLessThanOrEqual(48 * HOUR);
      }),
    );
  });

  test.each([0, 0.5, 1 - Number.EPSILON])('chance that is always %d', (chance) => {
    const last = triesOf(policy, () => chance).at(-1);
    expect(last).toBeGreaterThanOrEqual(47 * HOUR);
    expect(last).toBeLessThanOrEqual(48 * HOUR);
  });

  test('chance spreads the tries', () => {
    const [low, high] = [0, 1 - Number.EPSILON].map((chance) => triesOf(policy, () => chance));
    low?.slice(1).forEach((at, i) => {
      expect(at).toBeLessThan(high?.[i + 1] ?? 0);
    });
  });

  test('tries that are sent late move no other, and none is planned past the window', () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(unit),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 100 }),
        (chance, at, hours) => {
          let n = 0;
          const lateMs = () => (++n === at ? hours * HOUR : 0);
          const times = triesOf(policy, () => chance.next().value, { lateMs });
          const late = times[at] ?? 0;
          expect(times.filter((time) => time > 48 * HOUR)).toEqual(late > 48 * HOUR ? [late] : []);
          // What has passed meanwhile is left out, not made up for in a row.
          expect(times.slice(at + 1).every((time) => time > late)).toBe(true);
          if (late < 46 * HOUR) expect(times.at(-1)).toBeGreaterThanOrEqual(47 * HOUR);
        },
      ),
    );
  });

  test('a Retry-After moves a try, and none past the window', () => {
    const response = {
      status: 503,
      headers: [['retry-after', '3600']] as [string, string][],
      body: Buffer.alloc(0),
      truncated: false,
    };
    const outcome: AttemptOutcome = { error: 'http_status', response, timings: { total: 1 } };
    const times = triesOf(policy, () => 0.5, { outcome });
    expect(times[1]).toBe(HOUR);
    expect(times.at(-1)).toBeLessThanOrEqual(48 * HOUR);
    expect(times.at(-1)).toBeGreaterThanOrEqual(47 * HOUR);
  });
});

test('without a start of its own, a round is taken to be as far as its tries', () => {
  const policy = policyOf(TWO_DAYS, 48 * HOUR, 'none');
  expect(decide(policy, FAILED, 1, 1e12, Math.random)).toEqual({ kind: 'retry', delayMs: MINUTE });
  expect(decide(policy, FAILED, 9, 1e12, Math.random)).toEqual({ kind: 'retry', delayMs: 20 * HOUR });
  expect(decide(policy, FAILED, 10, 1e12, Math.random)).toMatchObject({
    kind: 'discarded',
    reason: 'retries_exhausted',
  });
});

test('every window: the last try falls into its last part', () => {
  const delays = fc.array(fc.integer({ min: 1_000, max: HOUR }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      delays,
      fc.infiniteStream(unit),
      fc.constantFrom<Jitter>('tenth', 'none'),
      (delaysMs, chance, jitter) => {
        const sum = delaysMs.reduce((a, b) => a + b);
        const windowMs = Math.ceil(sum / 0.975);
        const part = lastPart(windowMs);
        expect(sum >= part.fromMs && sum <= part.toMs).toBe(true);
        const times = triesOf(policyOf(delaysMs, windowMs, jitter), () => chance.next().value);
        expect(times.at(-1)).toBeGreaterThanOrEqual(windowMs - Math.min(HOUR, windowMs / 20) - 1);
        expect(times.at(-1)).toBeLessThanOrEqual(windowMs);
      },
    ),
  );
});
