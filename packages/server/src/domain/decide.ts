import type { Random } from './clock.ts';
import type { AttemptOutcome } from './outcome.ts';
import type { DeliveryPolicy, Jitter } from './policy.ts';
import { parseRetryAfter } from './retry-after.ts';

/** What happens to a delivery after an attempt. */
export type Decision =
  | { kind: 'succeeded' }
  | { kind: 'retry'; delayMs: number }
  | { kind: 'discarded'; reason: DiscardReason; endpointGone: boolean };

export type DiscardReason =
  | 'retries_exhausted'
  | 'final_status'
  | 'retry_after_too_long'
  | 'gone'
  | 'test'
  | 'endpoint_deleted';

/**
 * Decides by the contract's policy.
 * @param tries attempts made so far in this round, this one included; a retry by hand begins a new round
 */
export function decide(
  policy: DeliveryPolicy,
  outcome: AttemptOutcome,
  tries: number,
  nowMs: number,
  random: Random,
): Decision {
  if (outcome.error === undefined) return { kind: 'succeeded' };
  const status = outcome.response?.status;
  if (status !== undefined && policy.goneStatuses.has(status)) return discard('gone', true);
  if (status !== undefined && policy.finalStatuses.has(status)) return discard('final_status');
  const base = policy.retryDelaysMs[tries - 1];
  if (base === undefined) return discard('retries_exhausted');
  const ownMs = jittered(base, policy.jitter, random);
  const { capMs, above } = policy.retryAfter;
  const askedMs = parseRetryAfter(headerOf(outcome, 'retry-after'), nowMs) ?? 0;
  if (askedMs > capMs && above === 'fail') return discard('retry_after_too_long');
  const obeyedMs = askedMs > capMs && above === 'ignore' ? 0 : Math.min(askedMs, capMs);
  // Never sooner than by the own schedule: a receiver that asks for a second would use up every retry within seconds.
  return { kind: 'retry', delayMs: Math.max(ownMs, obeyedMs) };
}

function discard(reason: DiscardReason, endpointGone = false): Decision {
  return { kind: 'discarded', reason, endpointGone };
}

export function jittered(delayMs: number, jitter: Jitter, random: Random): number {
  switch (jitter) {
    case 'none':
      return delayMs;
    case 'equal':
      return Math.round(delayMs * (0.5 + random() / 2));
    case 'full':
      return Math.round(delayMs * random());
  }
}

function headerOf(outcome: AttemptOutcome, name: string): string | undefined {
  return outcome.response?.headers.find(([key]) => key === name)?.[1];
}
