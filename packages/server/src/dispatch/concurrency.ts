import type { AttemptOutcome } from '../domain/outcome.ts';

/**
 * How many requests one endpoint gets at a time: additive increase, multiplicative decrease below the contract's
 * limit. An endpoint that times out holds fewer and fewer of the node's slots, and earns them back by answering.
 */
export function nextConcurrency(current: number, limit: number, outcome: AttemptOutcome): number {
  if (outcome.error === 'timeout') return Math.max(1, Math.floor(current / 2));
  return outcome.response === undefined ? current : Math.min(limit, current + 1);
}
