/**
 * What became of one attempt. Stable codes: they stand in the API, in metrics and on the page.
 *
 * - `dns_failed` the name could not be resolved; `blocked_address` it leads where deliveries may not go
 * - `refused` nobody listens; `unreachable` no way there; `reset` the connection broke
 * - `tls_failed` no trusted, valid TLS connection; `not_tls` plain HTTP where TLS was expected
 * - `timeout` one of the contract's time limits ran out
 * - `http_status` an answer outside 2xx
 * - `invalid_response` an answer that is not HTTP, or over the limits
 * - `invalid_url` the URL may not be used
 * - `auth_failed` the endpoint's token endpoint gave no token
 * - `transform_failed` the endpoint's transformation made no request
 * - `interrupted` the node stopped before the answer came
 */
export const ERROR_CODES = [
  'dns_failed',
  'blocked_address',
  'refused',
  'unreachable',
  'reset',
  'tls_failed',
  'not_tls',
  'timeout',
  'http_status',
  'invalid_response',
  'invalid_url',
  'auth_failed',
  'transform_failed',
  'interrupted',
] as const;

export type AttemptError = (typeof ERROR_CODES)[number];

/** Milliseconds, undefined where a step did not happen (a connection that was used again has no `dns`). */
export interface Timings {
  dns?: number;
  connect?: number;
  tls?: number;
  firstByte?: number;
  total: number;
}

/** The response as far as it came. */
export interface AttemptResponse {
  status: number;
  /** Names in lower case, in order; a repeated header stands several times. */
  headers: [name: string, value: string][];
  /** The first bytes; `truncated` when there were more. */
  body: Buffer;
  truncated: boolean;
}

export interface AttemptOutcome {
  error?: AttemptError;
  /** A sentence for people, where the code alone does not say it. */
  errorDetail?: string;
  response?: AttemptResponse;
  timings: Timings;
}
