/**
 * The catalogue of errors: code -> HTTP status, title, and what the caller can do. `docs/errors.md`, the OpenAPI
 * document and the clients are checked against it.
 */
export const CATALOGUE = {
  malformed_request: [400, 'The request is not HTTP as this server takes it', 'Send HTTP/1.1 with one `Host` header.'],
  malformed_json: [400, 'The body is not JSON', 'Send one JSON document in UTF-8; `detail` names the place.'],
  invalid_request: [400, 'The request has the wrong form', 'Correct the fields that `errors` points at.'],
  invalid_cursor: [400, 'The cursor is not one of ours', 'Pass on `next_cursor` unchanged, with the same filters.'],
  unauthorized: [401, 'No valid key', 'Send `Authorization: Bearer <operator key>`.'],
  forbidden: [
    403,
    'This session may not do that',
    'Ask for a page session with the permission, or use the operator key.',
  ],
  route_not_found: [404, 'No such address', 'Compare the path with /docs.'],
  event_type_not_found: [404, 'No such event type', 'GET /v1/event-types lists those that are declared.'],
  contract_not_found: [404, 'No such contract', 'GET /v1/contracts lists those that exist.'],
  account_not_found: [404, 'No such account', 'GET /v1/accounts lists those that exist.'],
  endpoint_not_found: [404, 'No such endpoint in this account', "List the account's endpoints."],
  event_not_found: [404, 'No such event in this account', 'Events are kept for the retention of the contract.'],
  scheduled_event_not_found: [
    404,
    'No such scheduled event in this account',
    'It may have been published by now: look for it among the events.',
  ],
  key_not_found: [404, 'No such key in this account', "List the account's keys."],
  bin_not_found: [404, 'No such bin in this account', 'Bins expire after seven days; create another.'],
  replay_not_found: [404, 'No such replay in this account', "List the account's replays."],
  delivery_not_found: [
    404,
    'No such delivery in this account',
    'Deliveries are kept for the retention of the contract.',
  ],
  parked_key_not_found: [
    404,
    'No such parked key of this endpoint',
    'A key is parked while its first delivery has failed and waits for its next try; list the parked keys.',
  ],
  attempt_not_found: [404, 'There is no such attempt', 'Attempts are numbered from 1; the delivery lists them.'],
  source_not_found: [404, 'No such source', 'GET /v1/sources lists those that are configured.'],
  dead_letter_not_found: [404, 'No such dead letter of this source', 'It may have been published by now.'],
  method_not_allowed: [405, 'The address exists, but not for this method', 'Compare the method with /docs.'],
  request_timeout: [408, 'The request did not arrive in time', 'Send it again, faster or in smaller pieces.'],
  account_exists: [409, 'An account with this id exists', 'Use another id, or PATCH the existing account.'],
  idempotency_conflict: [
    409,
    'This idempotency key stands for another event',
    'Repeat the first request unchanged, or use a new key for a new event.',
  ],
  limit_reached: [409, 'A limit of the contract is reached', 'Delete something first, or raise the limit.'],
  not_supported: [409, 'The contract does not have this', 'GET /v1/contracts/{contract} shows what it promises.'],
  breaking_change: [
    409,
    'Receivers that read this event today may fail by the change',
    'Declare a new event type beside it, or send `allow_breaking` when nobody reads what goes.',
  ],
  not_retryable: [409, 'This delivery cannot be sent', '`detail` says why.'],
  payload_too_large: [413, 'The body is over the limit', 'Send less.'],
  unsupported_media_type: [415, 'The body is not application/json', 'Send `Content-Type: application/json`.'],
  unsupported_encoding: [
    415,
    'The body is compressed in a way that is not understood',
    'Use one `Content-Encoding` of those that `Accept-Encoding` of the answer lists.',
  ],
  unknown_trigger: [422, 'The contract has no such trigger', 'GET /v1/contracts/{contract} lists the triggers.'],
  unknown_topic: [422, 'The contract has no such topic', 'GET /v1/contracts/{contract} lists the topics.'],
  unknown_pair: [
    422,
    'This trigger has no payload of this topic',
    'GET /v1/contracts/{contract} lists the pairs that exist.',
  ],
  ownership_unproven: [
    409,
    'The receiver has not shown that it wants these requests',
    'Have it answer the challenge with the challenge, then activate the endpoint. `detail` says what it answered.',
  ],
  transform_failed: [
    422,
    'The transformation of this endpoint makes no request of this event',
    '`detail` says why; try it out with POST /v1/accounts/{account}/try-transformation.',
  ],
  unknown_version: [422, 'The contract has no such version', 'GET /v1/contracts/{contract} lists the versions.'],
  unknown_scope: [422, 'The contract has no such scope', 'GET /v1/contracts/{contract} lists the scopes.'],
  invalid_payload: [
    422,
    'The payload does not fit the contract',
    'Correct what `errors` points at; GET /v1/contracts/{contract} shows a sample of every payload.',
  ],
  invalid_url: [422, 'Deliveries cannot go to this URL', 'Use an absolute http or https URL without credentials.'],
  blocked_address: [
    422,
    'The URL leads to an address that deliveries may not reach',
    'Use a public address, or add its network to POSTHORN_ALLOW_NETWORKS.',
  ],
  invalid_secret: [422, 'The secret has the wrong form', 'Send `whsec_` or `whsk_` and base64, or leave it out.'],
  too_many_requests: [429, 'Too many requests in a short time', 'Try again after `Retry-After` seconds.'],
  headers_too_large: [431, 'The headers are over the limit', 'Send at most 16 KiB of headers, the address included.'],
  internal_error: [500, 'Something went wrong here', 'Try again; if it stays, give the operator the request id.'],
  mail_unavailable: [503, 'The e-mail could not be sent', 'Try again later; the operator finds the reason in the log.'],
  account_moving: [
    503,
    'This account is on its way to another database',
    'Try again after `Retry-After` seconds: it takes a moment.',
  ],
  move_not_found: [404, 'This account has not been moved', 'POST moves it.'],
  cell_not_found: [404, 'No such cell', 'GET /v1/cells lists those that are configured.'],
  cell_unavailable: [
    503,
    'The database of this account cannot be reached',
    'Try again after `Retry-After` seconds; accounts in other cells are served meanwhile.',
  ],
  database_unavailable: [503, 'The database cannot be reached', 'Try again after `Retry-After` seconds.'],
  overloaded: [503, 'Too much is waiting to be stored', 'Try again after `Retry-After` seconds.'],
  shutting_down: [503, 'This node is stopping', 'Try again after `Retry-After` seconds.'],
} as const satisfies Record<string, readonly [status: number, title: string, action: string]>;

export type ErrorCode = keyof typeof CATALOGUE;

/** One wrong place in a request: a JSON pointer (RFC 6901) into the body, or a parameter's name. */
export interface PlaceOfError {
  pointer: string;
  detail: string;
}

/** The JSON Pointer (RFC 6901) to a member of what another points at. */
export function pointerTo(parent: string, name: string | number): string {
  return `${parent}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The refusal of a body for what stands at one place of it. */
export function invalidAt(pointer: string, detail: string): Problem {
  return new Problem('invalid_request', `${pointer}: ${detail}`, [{ pointer, detail }]);
}

/** A refusal that the caller can understand. The HTTP layer writes it as RFC 9457 problem details. */
export class Problem extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly title: string;
  readonly places: readonly PlaceOfError[];

  constructor(code: ErrorCode, detail?: string, places: readonly PlaceOfError[] = []) {
    const [status, title, action] = CATALOGUE[code];
    super(detail ?? action);
    this.name = 'Problem';
    this.code = code;
    this.status = status;
    this.title = title;
    this.places = places;
  }
}

/** What is begun while the server stops is refused; that is nothing to report. */
export function isShuttingDown(error: unknown): boolean {
  return error instanceof Problem && error.code === 'shutting_down';
}
