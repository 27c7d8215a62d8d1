import { concat } from '../webhook/bytes.ts';
import type { HeadersInput, Webhook, WebhookEvent } from '../webhook/index.ts';
import { WebhookError } from '../webhook/index.ts';

/** What you do with an event. Whatever it throws makes the sender try again. */
export type Handler<E, Context> = (event: E, context: Context) => unknown;

export interface Answer {
  status: 204 | 400 | 413;
  /** Undefined: there is none. */
  body?: { error: string; detail: string };
}

export const BODY_BYTES_MAX = 5 * 1024 * 1024;
export const TOO_LARGE: Answer = {
  status: 413,
  body: { error: 'body_too_large', detail: `The body has more than ${BODY_BYTES_MAX} bytes.` },
};

/** Verifies a request, lets the handler deal with its event, and says what to answer: 204, or 400 for what does not verify. */
export async function answerWebhook<E extends WebhookEvent, Context>(
  webhook: Webhook<E>,
  request: { body: string | Uint8Array | ArrayBuffer; headers: HeadersInput },
  handler: Handler<E, Context>,
  context: Context,
): Promise<Answer> {
  let event: E;
  try {
    event = await webhook.verify(request.body, request.headers);
  } catch (error) {
    if (!(error instanceof WebhookError)) throw error;
    return { status: 400, body: { error: error.reason, detail: error.message } };
  }
  await handler(event, context);
  return { status: 204 };
}

/** Joins the parts of a body. @returns undefined when it is too large */
export async function readBody(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const read: Uint8Array[] = [];
  let size = 0;
  for await (const part of parts) {
    size += part.length;
    if (size > BODY_BYTES_MAX) return undefined;
    read.push(part);
  }
  return concat(...read);
}
