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
  const asked = parseRetryAfter(headerOf(outcome, 'retry-after'), nowMs);
  // Asking for no wait at all is no answer: it would burn every retry within a second.
  if (asked === undefined || asked === 0) return { kind: 'retry', delayMs: jittered(base, policy.jitter, random) };
  if (asked <= policy.retryAfter.capMs) return { kind: 'retry', delayMs: asked };
  if (policy.retryAfter.above === 'fail') return discard('retry_after_too_long');
  if (policy.retryAfter.above === 'ignore') return { kind: 'retry', delayMs: jittered(base, policy.jitter, random) };
  return { kind: 'retry', delayMs: policy.retryAfter.capMs };
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
