import type { Contract } from '../../contract/contract.ts';
import { isCredentialName, isPublicHeader } from '../../domain/header-names.ts';
import type { Attempt, SettledAttempt } from '../../domain/model.ts';
import type { DeliveryRow } from '../../storage/store.ts';
import { HIDDEN, hideUnless, presentBody, toRecord } from '../present-http.ts';

/** The one attempt that has just been settled, as history will show it. */
export function toAttempt(settled: SettledAttempt): Attempt {
  const { delivery, startedAtMs, url, requestHeaders, ownHeaders, sent, outcome } = settled;
  return {
    number: delivery.attempts + 1,
    startedAt: new Date(startedAtMs),
    url,
    requestHeaders,
    sent: sent ?? null,
    ownHeaders: [...ownHeaders.values],
    error: outcome.error ?? null,
    errorDetail: outcome.errorDetail ?? null,
    responseStatus: outcome.response?.status ?? null,
    responseHeaders: outcome.response?.headers ?? [],
    responseBody: outcome.response?.body ?? null,
    responseTruncated: outcome.response?.truncated ?? false,
    bodiesOmitted: false,
    timings: outcome.timings,
  };
}

export function presentDelivery(delivery: DeliveryRow) {
  return {
    id: delivery.id,
    event_id: delivery.eventId,
    endpoint_id: delivery.endpointId,
    topic: delivery.topic,
    trigger: delivery.trigger,
    status: delivery.status,
    reason: delivery.reason,
    test: delivery.test,
    attempt_count: delivery.attempts,
    tries: delivery.tries,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    created_at: new Date(delivery.createdAtMs).toISOString(),
    next_attempt_at: delivery.nextAttemptAt?.toISOString() ?? null,
    ordering_key: delivery.orderingKey,
    finished_at: delivery.finishedAt?.toISOString() ?? null,
  };
}

const NOTHING = Buffer.alloc(0);

/** Whoever may change webhooks sees all that was sent. */
const SEES_ALL = { request: () => true, response: () => true };

/** Others see what cannot be a credential. Attempts from before own headers stood apart hold them among the contract's. */
export function withoutCredentials({ headerNames }: Pick<Contract, 'headerNames'>) {
  return {
    request: (name: string) => isPublicHeader(name, headerNames),
    response: (name: string) => !isCredentialName(name),
  };
}

/** More of the answer's body was sent, or was to come when the attempt failed. */
function isCut({ responseTruncated, error }: Attempt): boolean {
  return responseTruncated || (error !== null && error !== 'http_status');
}

/** What a function has put into a body may be a credential. */
function bodyOf({ sent }: Attempt, written: Buffer, seesAll: boolean): Buffer {
  if (!sent) return written;
  return seesAll ? sent.body : Buffer.from(HIDDEN);
}

/** @param requestBody as the contract writes it; what a transformation made of it stands with the attempt */
export function presentAttempt(
  attempt: Attempt,
  requestBody: Buffer,
  sees: { request: (name: string) => boolean; response: (name: string) => boolean } = SEES_ALL,
) {
  const { timings } = attempt;
  return {
    number: attempt.number,
    started_at: attempt.startedAt.toISOString(),
    url: attempt.url,
    error: attempt.error,
    error_detail: attempt.errorDetail,
    duration_ms: timings.total,
    bodies_omitted: attempt.bodiesOmitted,
    timings_ms: {
      dns: timings.dns ?? null,
      connect: timings.connect ?? null,
      tls: timings.tls ?? null,
      first_byte: timings.firstByte ?? null,
      total: timings.total,
    },
    request: {
      method: attempt.sent?.method ?? 'POST',
      headers: toRecord(hideUnless([...attempt.requestHeaders, ...attempt.ownHeaders], sees.request)),
      ...presentBody(attempt.bodiesOmitted ? NOTHING : bodyOf(attempt, requestBody, sees === SEES_ALL), false),
    },
    response:
      attempt.responseStatus === null
        ? null
        : {
            status: attempt.responseStatus,
            headers: toRecord(hideUnless(attempt.responseHeaders, sees.response)),
            ...presentBody(attempt.responseBody ?? NOTHING, isCut(attempt)),
            truncated: attempt.responseTruncated,
          },
  };
}
