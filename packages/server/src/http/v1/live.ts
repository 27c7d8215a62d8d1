import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import type { App, HttpParts } from '../app.ts';
import { isSessionCurrent } from '../caller.ts';
import { AccountParams, responses } from '../schemas.ts';
import { presentDelivery } from './present-delivery.ts';

/** What happened within this time comes in one message, so that a burst never floods a page. */
const EVERY_MS = 1_000;
const NEWEST = 50;
const PULSE_EVERY = 15;
const STREAMS_MAX = 500;

/** Tells a page that shows an account's messages what has changed, as server-sent events. */
export function liveRoutes(app: App, { store, directory, sessions, clock, isUp }: HttpParts): void {
  const streams = new Set<FastifyReply['raw']>();
  /** A stream may stand for days: it ends with its session, and with the account. */
  const isAllowed = async (request: FastifyRequest<{ Params: { account: string } }>) =>
    (await isSessionCurrent(request, sessions)) && (await directory.get(request.params.account)) !== undefined;
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });

  app.get(
    '/accounts/:account/deliveries/live',
    {
      schema: {
        operationId: 'watchDeliveries',
        summary: 'Watch the newest deliveries',
        description:
          'Server-sent events: `deliveries` with the newest 50, at once and whenever one of them has changed.',
        tags: ['Developers page'],
        params: AccountParams,
        response: responses({
          200: {
            description: 'text/event-stream',
            content: { 'text/event-stream': { schema: Type.String() } },
          } as never,
        }),
      },
    },
    async (request, reply) => {
      const { account } = request.params;
      if (!(await directory.get(account))) throw new Problem('account_not_found');
      if (streams.size >= STREAMS_MAX) throw new Problem('overloaded');
      reply.hijack();
      const { raw } = reply;
      // Whoever left while the account was looked up says so no more.
      if (raw.destroyed) return;
      streams.add(raw);
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      let shown: string | undefined;
      let turn = 0;
      let cancel = () => {};
      const look = async () => {
        try {
          if (!(await isAllowed(request))) return raw.end();
          // Who does not read what was written is told nothing more until then: what waits for them stays small.
          if (isUp() && !raw.writableNeedDrain) {
            const list = await store.deliveries.list(account, { limit: NEWEST }, {});
            const text = JSON.stringify(list.map(presentDelivery));
            if (text !== shown) raw.write(`event: deliveries\ndata: ${text}\n\n`);
            else if (turn % PULSE_EVERY === 0) raw.write(': still here\n\n');
            shown = text;
          }
        } catch (error) {
          request.log.debug({ err: error }, 'a live view missed a look');
        }
        turn++;
        if (!raw.destroyed && !raw.writableEnded) cancel = clock.after(EVERY_MS, () => void look());
      };
      raw.on('close', () => {
        streams.delete(raw);
        cancel();
      });
      void look();
    },
  );
}
