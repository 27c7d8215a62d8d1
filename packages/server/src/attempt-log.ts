import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { encodeId } from './domain/ids.ts';
import type { SettledAttempt } from './domain/model.ts';

/** One wide line for each attempt, or for those that failed; undefined where none is wanted. */
export function attemptLog(
  { logAttempts }: Pick<Config, 'logAttempts'>,
  log: Logger,
): ((attempt: SettledAttempt) => void) | undefined {
  if (logAttempts === 'none') return undefined;
  return (attempt) => {
    if (logAttempts === 'failed' && attempt.outcome.error === undefined) return;
    log.info(lineOf(attempt), 'attempt');
  };
}

function lineOf({ delivery, startedAtMs, url, outcome, decision }: SettledAttempt) {
  const { event, uuid, accountId, endpointId, topic, test, attempts } = delivery;
  const { error, errorDetail, response, timings } = outcome;
  return {
    account: accountId,
    endpoint: endpointId,
    event: event.externalId ?? event.id,
    delivery: encodeId('dlv', uuid),
    trigger: event.trigger,
    ...(topic === null ? {} : { topic }),
    ...(test ? { test } : {}),
    attempt: attempts + 1,
    // A webhook's path and query may hold a secret.
    host: URL.canParse(url) ? new URL(url).host : url,
    ...(response ? { status: response.status } : {}),
    ...(error ? { error } : {}),
    ...(errorDetail ? { detail: errorDetail } : {}),
    ms: Math.round(timings.total * 10) / 10,
    ...(timings.firstByte === undefined ? {} : { first_byte_ms: Math.round(timings.firstByte * 10) / 10 }),
    waited_ms: Math.max(0, Math.round(startedAtMs - event.createdAtMs)),
    bytes: event.payload.length,
    next: decision.kind,
    ...(decision.kind === 'retry' ? { retry_ms: Math.round(decision.delayMs) } : {}),
    ...(decision.kind === 'discarded' ? { reason: decision.reason } : {}),
  };
}
