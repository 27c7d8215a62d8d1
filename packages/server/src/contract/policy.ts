import type { DeliveryPolicy } from '../domain/policy.ts';
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
  return {
    timeouts: {
      connectMs: timeouts.connect_ms,
      headersMs: timeouts.headers_ms,
      bodyMs: timeouts.body_ms,
      totalMs: timeouts.total_ms,
    },
    retryDelaysMs: retryDelays(rules),
    jitter: rules.jitter ?? 'full',
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

/** The schedule as written, or the backoff unrolled until its attempts or its window are used up. */
function retryDelays({ retry_delays_s, backoff }: PolicyRules): number[] {
  if (!backoff) return (retry_delays_s ?? []).map((seconds) => Math.round(seconds * 1000));
  const delays: number[] = [];
  let total = 0;
  let delay = backoff.base_s;
  while (delays.length < (backoff.attempts ?? ATTEMPTS_MAX) - 1) {
    const next = Math.min(delay, backoff.cap_s);
    total += next;
    if (backoff.window_s !== undefined && total > backoff.window_s) break;
    delays.push(Math.round(next * 1000));
    delay *= backoff.factor;
  }
  return delays;
}

/** `4xx` stands for 400 to 499. */
function expandStatuses(statuses: readonly (number | string)[]): Set<number> {
  return new Set(
    statuses.flatMap((status) =>
      typeof status === 'number' ? [status] : Array.from({ length: 100 }, (_, i) => Number(status[0]) * 100 + i),
    ),
  );
}
