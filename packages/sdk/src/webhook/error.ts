/**
 * Why a request is not to be trusted.
 * - `body_not_raw` the body was parsed or changed before; what is signed is its bytes, as they arrived
 * - `header_missing` a header that the contract sends is not there
 * - `header_malformed` it is there, and cannot be read
 * - `timestamp_too_old`, `timestamp_too_new` by this machine's clock: a replayed request, or a clock that is wrong
 * - `signature_mismatch` another secret, or not these bytes
 * - `body_not_json` it was signed by the sender, and is no JSON
 */
export type WebhookRefusal =
  | 'body_not_raw'
  | 'header_missing'
  | 'header_malformed'
  | 'timestamp_too_old'
  | 'timestamp_too_new'
  | 'signature_mismatch'
  | 'body_not_json';

/** A request did not verify: answer it with 400, and do nothing of what it says. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';

  constructor(
    readonly reason: WebhookRefusal,
    message: string,
  ) {
    super(message);
  }
}
