import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { TooManyRequests } from '../../domain/too-many-requests.ts';
import type { App, HttpParts } from '../app.ts';
import { isSessionCurrent } from '../caller.ts';
import { AccountParams, closed, responses } from '../schemas.ts';
import { TestFilter } from './delivery-filter.ts';
import { presentDelivery } from './present-delivery.ts';

/** What happened within this time comes in one message, so that a burst never floods a page. */
const EVERY_MS = 1_000;
const NEWEST = 50;
const PULSE_EVERY = 15;
const STREAMS_MAX = 500;
const STREAMS_OF_ACCOUNT_MAX = 20;
const STREAM_RETRY_S = 15;

/** Tells a page that shows an account's messages what has changed, as server-sent events. */
export function liveRoutes(app: App, parts: HttpParts): void {
  const { store, directory, clock, isUp } = parts;
  const streams = new Set<FastifyReply['raw']>();
  const ofAccount = new Map<string, number>();
  const count = (account: string, change: number) => {
    const now = (ofAccount.get(account) ?? 0) + change;
    if (now > 0) ofAccount.set(account, now);
    else ofAccount.delete(account);
  };
  /** A stream may stand for days: it ends with its session, and with the account. */
  const isAllowed = async (request: FastifyRequest<{ Params: { account: string } }>) =>
    (await isSessionCurrent(request, parts)) && (await directory.get(request.params.account)) !== undefined;
  app.addHook('preClose', async () => {
    for (const stream of streams) stream.end();
  });

  app.get(
    '/accounts/:account/deliveries/live',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'watchDeliveries',
        summary: 'Watch the newest deliveries',
        description:
          'Server-sent events: `deliveries` with the newest 50, at once and whenever one of them has changed.',
        tags: ['Developers page'],
        params: AccountParams,
        querystring: closed(TestFilter),
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
      if ((ofAccount.get(account) ?? 0) >= STREAMS_OF_ACCOUNT_MAX) {
        const detail = `An account has at most ${STREAMS_OF_ACCOUNT_MAX} live views at a time.`;
        throw new TooManyRequests(STREAM_RETRY_S, detail);
      }
      if (streams.size >= STREAMS_MAX) throw new Problem('overloaded');
      reply.hijack();
      const { raw } = reply;
      // Whoever left while the account was looked up says so no more.
      if (raw.destroyed) return;
      streams.add(raw);
      count(account, 1);
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
            const list = await store.deliveries.list(account, { limit: NEWEST }, request.query);
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
        count(account, -1);
        cancel();
      });
      void look();
    },
  );
}
