import type { Random } from './clock.ts';
import type { SettledAttempt } from './model.ts';
import type { AttemptOutcome } from './outcome.ts';
import type { DeliveryPolicy, Jitter } from './policy.ts';
import { parseRetryAfter } from './retry-after.ts';
import { leftIn, nextInWindow, plannedSince, type RetryWindow } from './window.ts';

/** Windows after the first try, beyond which it is not believed that so much time has passed. */
const FAR_BEYOND = 7;

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
  | 'endpoint_deleted'
  | 'ownership_unproven';

/**
 * Decides by the contract's policy.
 * @param attemptsThisRound attempts made so far in this round, this one included; a retry by hand begins a new round
 * @param roundAtMs when the first attempt of this round began, where that is known
 */
export function decide(
  policy: DeliveryPolicy,
  outcome: AttemptOutcome,
  attemptsThisRound: number,
  nowMs: number,
  random: Random,
  roundAtMs?: number,
): Decision {
  if (outcome.error === undefined) return { kind: 'succeeded' };
  const status = outcome.response?.status;
  if (status !== undefined && policy.goneStatuses.has(status)) return discard('gone', true);
  if (status !== undefined && policy.finalStatuses.has(status)) return discard('final_status');
  const { window } = policy;
  const sinceMs = window && sinceFirst(window, attemptsThisRound, roundAtMs, nowMs);
  const own = ownDelay(policy, attemptsThisRound, sinceMs, random);
  if (own === undefined) return discard('retries_exhausted');
  const asked = parseRetryAfter(headerOf(outcome, 'retry-after'), nowMs) ?? 0;
  const { capMs, above } = policy.retryAfter;
  if (asked > capMs && above === 'fail') return discard('retry_after_too_long');
  const obeyed = asked > capMs && above === 'ignore' ? 0 : Math.min(asked, capMs);
  // Never sooner than by the own schedule: a receiver that asks for a second would use up every retry within seconds.
  const delayMs = Math.max(own, obeyed);
  // The window is the contract's promise: no receiver moves a retry out of it.
  return { kind: 'retry', delayMs: window ? Math.min(delayMs, leftIn(window, sinceMs)) : delayMs };
}

/**
 * How long ago the first try of the round was. Before it, or far beyond the window, a clock was wrong, or nothing could be sent
 * for long: then the round is taken to be where it was planned to be, which neither gives up nor waits for days.
 */
function sinceFirst(
  window: RetryWindow,
  attemptsThisRound: number,
  roundAtMs: number | undefined,
  nowMs: number,
): number {
  const sinceMs = roundAtMs === undefined ? Number.NaN : nowMs - roundAtMs;
  return sinceMs >= 0 && sinceMs <= FAR_BEYOND * window.ms ? sinceMs : plannedSince(window, attemptsThisRound);
}

/** The contract's own wait before the next try; undefined when there is none. */
function ownDelay(
  { window, retryDelaysMs, jitter }: DeliveryPolicy,
  attemptsThisRound: number,
  sinceMs: number | undefined,
  random: Random,
): number | undefined {
  if (window && sinceMs !== undefined) return nextInWindow(window, sinceMs, random);
  const base = retryDelaysMs[attemptsThisRound - 1];
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

/**
 * When the next attempt is due, undefined when there is none: planned from the end of this one, by the clock by which it
 * began, or from now, whichever is sooner. A clock that was ahead at one of the two moments does not put it off.
 */
export function retryAtMs({ startedAtMs, outcome, decision }: SettledAttempt, nowMs: number): number | undefined {
  if (decision.kind !== 'retry') return undefined;
  return Math.min(startedAtMs + outcome.timings.total, nowMs) + decision.delayMs;
}
