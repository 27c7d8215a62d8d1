import { type Bytes, concat, utf8 } from './bytes.ts';
import { type Place, standard, type WebhookContract, type WebhookEvent } from './contract.ts';
import { WebhookError } from './error.ts';
import { type HeadersInput, headerOf } from './headers.ts';
import { SignatureCheck } from './signature.ts';

/** What Standard Webhooks recommends. */
const TOLERANCE_S = 300;

export interface WebhookOptions<E extends WebhookEvent> {
  /** Whose webhooks these are: `standard` without it. Built in: `@posthorn/sdk/contracts/loop-returns` and its like. */
  contract?: WebhookContract<E>;
  /** How far the signed time may be off, in seconds, in contracts that sign one: 300 without it. */
  toleranceSeconds?: number;
  /** Milliseconds since 1970: another clock, for tests. */
  now?: () => number;
}

/**
 * Verifies the webhooks of one endpoint, and reads them.
 *
 * ```ts
 * const webhook = new Webhook(process.env.WEBHOOK_SECRET);
 * const event = await webhook.verify(rawBody, request.headers);
 * if (event.trigger === 'order.created') …
 * ```
 */
export class Webhook<E extends WebhookEvent = WebhookEvent<string, null>> {
  private readonly contract: WebhookContract<WebhookEvent>;
  private readonly signature: SignatureCheck;

  /**
   * @param secrets of the endpoint: `whsec_…`, or the public key `whpk_…`; during a rotation, the old one and the new one
   * @throws TypeError for a secret that is none of this contract
   */
  constructor(secrets: string | readonly string[] | undefined, options: WebhookOptions<E> = {}) {
    const { contract = standard, toleranceSeconds = TOLERANCE_S, now = Date.now } = options;
    this.contract = contract;
    if (secrets === undefined) throw new TypeError('Give the secret of the endpoint.');
    const list = typeof secrets === 'string' ? [secrets] : secrets;
    this.signature = new SignatureCheck(contract.signature, list, { toleranceMs: toleranceSeconds * 1000, now });
  }

  /**
   * @param body its bytes as they arrived, or their text: not parsed, not written again
   * @throws WebhookError with a `reason`
   */
  async verify(body: string | Uint8Array | ArrayBuffer, headers: HeadersInput): Promise<E> {
    const bytes = bytesOf(body);
    await this.signature.check({ body: bytes, headers });
    const text = new TextDecoder().decode(bytes);
    return this.read(text, headers) as E;
  }

  private read(text: string, headers: HeadersInput): WebhookEvent {
    const { id, trigger, topic, payload } = this.contract;
    const body = parse(text);
    const at = (place: Place | null) => {
      if (place === null) return null;
      const value = 'header' in place ? headerOf(headers, place.header) : body[place.member];
      return typeof value === 'string' ? value : null;
    };
    return {
      id: at(id),
      trigger: at(trigger) ?? '',
      topic: at(topic),
      payload: payload === null ? body : body[payload],
      text,
    };
  }
}

function bytesOf(body: unknown): Bytes {
  if (typeof body === 'string') return utf8(body);
  if (body instanceof Uint8Array) return concat(body);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  throw new WebhookError(
    'body_not_raw',
    'Give the body as it arrived, as bytes or text: a body that was parsed and written again has another signature.',
  );
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new WebhookError('body_not_json', 'The body is no JSON object.');
}
