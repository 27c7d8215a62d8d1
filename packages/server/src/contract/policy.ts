import type { DeliveryPolicy } from '../domain/policy.ts';
import { lastPart, retryWindow } from '../domain/window.ts';
import type { ContractDocument } from './document.ts';

type PolicyRules = ContractDocument['policy'];

/** Three days of one sample a minute. */
const TESTING_MODE = { duration_s: 72 * 3600, interval_s: 60 };
const ATTEMPTS_MAX = 100;
/** What a contract that says nothing promises. */
const DEFAULTS = {
  timeouts: { connect_ms: 5_000, headers_ms: 10_000, body_ms: 10_000, total_ms: 15_000 },
  retryAfter: { cap_s: 86_400, above: 'cap' },
  concurrency: 10,
  retentionDays: 30,
} as const;

export function compilePolicy(rules: PolicyRules): DeliveryPolicy {
  const testing = rules.testing_mode ?? TESTING_MODE;
  const retryable = expandStatuses(rules.retryable_statuses ?? []);
  const timeouts = { ...DEFAULTS.timeouts, ...rules.timeouts };
  const retryAfter = rules.retry_after ?? DEFAULTS.retryAfter;
  const retryDelaysMs = retryDelays(rules);
  const windowMs = windowOf(rules);
  const jitter = rules.jitter ?? (windowMs === undefined ? 'full' : 'tenth');
  return {
    timeouts: {
      connectMs: timeouts.connect_ms,
      headersMs: timeouts.headers_ms,
      bodyMs: timeouts.body_ms,
      totalMs: timeouts.total_ms,
    },
    retryDelaysMs,
    jitter,
    ...(windowMs === undefined ? {} : { window: retryWindow(retryDelaysMs, windowMs, jitter) }),
    retryAfter: { capMs: retryAfter.cap_s * 1000, above: retryAfter.above },
    finalStatuses: new Set([...expandStatuses(rules.final_statuses ?? [])].filter((status) => !retryable.has(status))),
    goneStatuses: new Set(rules.gone_statuses ?? []),
    concurrency: rules.concurrency ?? DEFAULTS.concurrency,
    ratePerS: rules.rate_limit?.per_s,
    autoDisable: rules.auto_disable,
    onExhausted: rules.on_exhausted ?? 'keep',
    testingMode: { durationMs: testing.duration_s * 1000, intervalMs: testing.interval_s * 1000 },
    retentionDays: rules.retention_days ?? DEFAULTS.retentionDays,
  };
}

function windowOf({ window_s, backoff }: PolicyRules): number | undefined {
  const seconds = backoff ? backoff.window_s : window_s;
  return seconds === undefined ? undefined : seconds * 1000;
}

/** The schedule as written, or the backoff unrolled until its attempts or its window are used up. */
function retryDelays(rules: PolicyRules): number[] {
  const { retry_delays_s, backoff } = rules;
  if (!backoff) return (retry_delays_s ?? []).map((seconds) => Math.round(seconds * 1000));
  const windowMs = windowOf(rules);
  const delays = unrolled(backoff);
  const areAttemptsFirst = backoff.attempts !== undefined && delays.length === backoff.attempts - 1;
  return windowMs === undefined || areAttemptsFirst ? delays : unrolledTo(windowMs, backoff);
}

type Backoff = NonNullable<PolicyRules['backoff']>;

function unrolled({ base_s, factor, cap_s, attempts = ATTEMPTS_MAX, window_s }: Backoff): number[] {
  const delays: number[] = [];
  let total = 0;
  let delay = base_s;
  while (delays.length < attempts - 1) {
    const next = Math.min(delay, cap_s);
    total += next;
    if (window_s !== undefined && total > window_s) break;
    delays.push(Math.round(next * 1000));
    delay *= factor;
  }
  return delays;
}

/** The backoff as far as the window goes, and a last try in the middle of its last part. */
function unrolledTo(windowMs: number, backoff: Backoff): number[] {
  const { fromMs, toMs } = lastPart(windowMs);
  const lastAt = Math.round((fromMs + toMs) / 2);
  const delays: number[] = [];
  let at = 0;
  for (const delay of unrolled({ ...backoff, attempts: ATTEMPTS_MAX - 1 })) {
    // One that would come shortly before the last is left out.
    if (at + delay * 1.5 > lastAt) break;
    at += delay;
    delays.push(delay);
  }
  return [...delays, lastAt - at];
}

/** `4xx` stands for 400 to 499. */
function expandStatuses(statuses: readonly (number | string)[]): Set<number> {
  return new Set(
    statuses.flatMap((status) =>
      typeof status === 'number' ? [status] : Array.from({ length: 100 }, (_, i) => Number(status[0]) * 100 + i),
    ),
  );
}
