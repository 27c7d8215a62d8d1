import type { Webhook, WebhookEvent } from '../webhook/index.ts';
import { answerWebhook, BODY_BYTES_MAX, type Handler } from './answer.ts';

/** What is used of Fastify. */
interface FastifyLike {
  addContentTypeParser(
    type: string,
    options: { parseAs: 'buffer'; bodyLimit: number },
    parse: (request: unknown, body: Uint8Array, done: (error: null, body: Uint8Array) => void) => void,
  ): unknown;
  removeAllContentTypeParsers(): unknown;
  post(path: string, handler: (request: never, reply: never) => Promise<unknown>): unknown;
}

interface FastifyRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

interface FastifyReply {
  code(status: number): { send(body?: unknown): unknown };
}

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
): (app: FastifyLike) => Promise<void> {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_, body, done) =>
      done(null, body),
    );
    app.post('/', async (request: FastifyRequest, reply: FastifyReply) => {
      const body = (request.body ?? new Uint8Array()) as Uint8Array;
      const answer = await answerWebhook(webhook, { body, headers: request.headers }, handler, request);
      return reply.code(answer.status).send(answer.body);
    });
  };
}
