import type { Webhook, WebhookEvent } from '../webhook/index.ts';
import { type Answer, answerWebhook, type Handler, readBody, TOO_LARGE } from './answer.ts';

/**
 * A handler for servers that speak the Fetch API: Bun, Deno, Cloudflare Workers, and the routes of Next.js.
 *
 * ```ts
 * // app/hooks/route.ts
 * export const POST = webhookHandler(new Webhook(process.env.WEBHOOK_SECRET), async (event) => …);
 * ```
 */
export function webhookHandler<E extends WebhookEvent>(
  webhook: Webhook<E>,
  handler: Handler<E, Request>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const body = await readBody(partsOf(request.body));
    if (!body) return toResponse(TOO_LARGE);
    return toResponse(await answerWebhook(webhook, { body, headers: request.headers }, handler, request));
  };
}

/** Not every platform can iterate over a stream. */
async function* partsOf(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const reader = stream?.getReader();
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) yield part.value;
  } finally {
    await reader?.cancel();
  }
}

function toResponse({ status, body }: Answer): Response {
  return body ? Response.json(body, { status }) : new Response(null, { status });
}
