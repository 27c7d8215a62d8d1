import type { Webhook, WebhookEvent } from '../webhook/index.ts';
import type { Handler } from './answer.ts';
import { webhookHandler } from './fetch.ts';

/**
 * A route handler for Next.js (App Router).
 *
 * ```ts
 * // app/hooks/route.ts
 * export const POST = webhookRoute(new Webhook(process.env.WEBHOOK_SECRET), async (event) => …);
 * ```
 */
export function webhookRoute<E extends WebhookEvent>(
  webhook: Webhook<E>,
  handler: Handler<E, Request>,
): (request: Request) => Promise<Response> {
  return webhookHandler(webhook, handler);
}
