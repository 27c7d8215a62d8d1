import type { Webhook, WebhookEvent } from '../webhook/index.ts';
import type { Handler } from './answer.ts';
import { webhookHandler } from './fetch.ts';

/**
 * A handler for Hono.
 *
 * ```ts
 * app.post('/hooks', webhookHono(new Webhook(secret), async (event, context) => …));
 * ```
 */
export function webhookHono<E extends WebhookEvent, Context extends { req: { raw: Request } }>(
  webhook: Webhook<E>,
  handler: Handler<E, Context>,
): (context: Context) => Promise<Response> {
  return (context) => webhookHandler(webhook, (event) => handler(event, context))(context.req.raw);
}
