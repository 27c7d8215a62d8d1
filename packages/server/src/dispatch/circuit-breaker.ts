import type { AttemptOutcome } from '../domain/outcome.ts';

/**
 * The circuit breaker of an endpoint: how it answers decides how much it may have of a node.
 * - `healthy` (closed) its last attempt ended well, and soon: its contract's requests at a time
 * - `unproven` (half open) nothing is known yet, or it answers slowly: a share of the node's requests and memory, with all others like it
 * - `failing` (open) its last attempt got no answer, or it has refused several in a row: one request at a time, as a probe
 *
 * unproven -> healthy (a quick success) -> unproven (a slow one) ; any -> failing -> healthy or unproven (a success).
 * The shares are bulkheads (slots.ts, delivery-memory.ts): those that hang take nothing away from the others.
 */
export type Standing = 'unproven' | 'healthy' | 'failing';

/** An attempt that takes longer holds a request slot that many quick ones could have used. */
const SLOW_MS = 1_000;
/** Refusals in a row: some receivers refuse a part of what they are sent, and that is all right. */
const REFUSALS_MAX = 3;

export interface Assessment {
  standing: Standing;
  /** Failures in a row. */
  failures: number;
  /** Requests at a time: one, as a probe, while it is failing; otherwise one more with every answer, up to the limit. */
  concurrency: number;
}

export function assess(before: Assessment, limit: number, { error, response, timings }: AttemptOutcome): Assessment {
  // It was never sent.
  if (error === 'interrupted') return before;
  if (error === undefined) {
    const standing = timings.total < SLOW_MS ? 'healthy' : 'unproven';
    return { standing, failures: 0, concurrency: Math.min(limit, before.concurrency + 1) };
  }
  const failures = before.failures + 1;
  if (response === undefined || failures >= REFUSALS_MAX) return { standing: 'failing', failures, concurrency: 1 };
  const standing = before.standing === 'healthy' && timings.total >= SLOW_MS ? 'unproven' : before.standing;
  return { standing, failures, concurrency: Math.min(limit, before.concurrency + 1) };
}
