import type { Random } from './clock.ts';
import type { AttemptOutcome } from './outcome.ts';
import type { DeliveryPolicy, Jitter } from './policy.ts';
import { parseRetryAfter } from './retry-after.ts';
import { leftIn, nextInWindow, plannedSince } from './window.ts';

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
 * @param roundAtMs when the first attempt of this round began, where that is known
 */
export function decide(
  policy: DeliveryPolicy,
  outcome: AttemptOutcome,
  tries: number,
  nowMs: number,
  random: Random,
  roundAtMs?: number,
): Decision {
  if (outcome.error === undefined) return { kind: 'succeeded' };
  const status = outcome.response?.status;
  if (status !== undefined && policy.goneStatuses.has(status)) return discard('gone', true);
  if (status !== undefined && policy.finalStatuses.has(status)) return discard('final_status');
  const { window } = policy;
  const sinceMs = window && (roundAtMs === undefined ? plannedSince(window, tries) : nowMs - roundAtMs);
  const own = ownDelay(policy, tries, sinceMs, random);
  if (own === undefined) return discard('retries_exhausted');
  const asked = parseRetryAfter(headerOf(outcome, 'retry-after'), nowMs);
  // Asking for no wait at all is no answer: it would burn every retry within a second.
  if (asked === undefined || asked === 0) return { kind: 'retry', delayMs: own };
  if (asked > policy.retryAfter.capMs && policy.retryAfter.above === 'fail') return discard('retry_after_too_long');
  if (asked > policy.retryAfter.capMs && policy.retryAfter.above === 'ignore') return { kind: 'retry', delayMs: own };
  const delayMs = Math.min(asked, policy.retryAfter.capMs);
  // The window is the contract's promise: no receiver moves a retry out of it.
  return { kind: 'retry', delayMs: window ? Math.min(delayMs, leftIn(window, sinceMs)) : delayMs };
}

/** The contract's own wait before the next try; undefined when there is none. */
function ownDelay(
  { window, retryDelaysMs, jitter }: DeliveryPolicy,
  tries: number,
  sinceMs: number | undefined,
  random: Random,
): number | undefined {
  if (window && sinceMs !== undefined) return nextInWindow(window, sinceMs, random);
  const base = retryDelaysMs[tries - 1];
  return base === undefined ? undefined : jittered(base, jitter, random);
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
    case 'tenth':
      return Math.round(delayMs * (0.9 + random() / 5));
    case 'full':
      return Math.round(delayMs * random());
  }
}

function headerOf(outcome: AttemptOutcome, name: string): string | undefined {
  return outcome.response?.headers.find(([key]) => key === name)?.[1];
}
