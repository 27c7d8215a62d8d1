import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Webhook, WebhookEvent } from '../webhook/index.ts';
import { answerWebhook, BODY_BYTES_MAX, type Handler } from './answer.ts';

/**
 * A plugin for Fastify: a route that takes webhooks, with the bytes as they arrived. Other routes read bodies as before.
 *
 * ```ts
 * app.register(webhookFastify(new Webhook(secret), async (event, request) => …), { prefix: '/hooks' });
 * ```
 */
export function webhookFastify<E extends WebhookEvent>(
  webhook: Webhook<E>,
  handler: Handler<E, FastifyRequest>,
): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_, body, done) =>
      done(null, body),
    );
    app.post('/', async (request, reply) => {
      const body = (request.body ?? new Uint8Array()) as Uint8Array;
      const answer = await answerWebhook(webhook, { body, headers: request.headers }, handler, request);
      return reply.code(answer.status).send(answer.body);
    });
  };
}
