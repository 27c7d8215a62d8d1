import type { Webhook, WebhookEvent } from '../webhook/index.ts';
import { answerWebhook, type Handler, readBody, TOO_LARGE } from './answer.ts';

/** What is used of Express's (and Node's) request. */
interface NodeRequest extends AsyncIterable<Uint8Array> {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: unknown;
}

interface NodeResponse {
  readonly headersSent?: boolean;
  writeHead(status: number, headers?: Record<string, string>): unknown;
  end(text?: string): unknown;
}

/**
 * A handler for Express, and for Node's own server. It reads the body itself: put it before `express.json()`, or use
 * `express.raw({ type: '*\/*' })` for its route. A handler that throws is Express's to answer; Node's own server answers 500.
 *
 * ```ts
 * app.post('/hooks', webhookExpress(new Webhook(secret), async (event, request) => …));
 * ```
 */
export function webhookExpress<E extends WebhookEvent, Request extends NodeRequest>(
  webhook: Webhook<E>,
  handler: Handler<E, Request>,
): (request: Request, response: NodeResponse, next?: (error: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    try {
      const body = request.body === undefined ? await readBody(request) : request.body;
      // What is neither bytes nor text is refused with an explanation.
      const answer =
        body === undefined
          ? TOO_LARGE
          : await answerWebhook(webhook, { body: body as Uint8Array, headers: request.headers }, handler, request);
      response.writeHead(answer.status, answer.body ? { 'content-type': 'application/json' } : {});
      response.end(answer.body && JSON.stringify(answer.body));
    } catch (error) {
      if (next) next(error);
      // Node's own server: the sender tries again. Of a request that broke off nobody reads it.
      else if (response.headersSent) response.end();
      else {
        response.writeHead(500);
        response.end();
      }
    }
  };
}
