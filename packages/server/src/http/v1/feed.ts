import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { isId } from '../../domain/ids.ts';
import type { FeedPlace } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { sendJson } from '../raw-json.ts';
import { AccountParams, closed, named, PageQuery, responses } from '../schemas.ts';
import { EventView, eventJson } from './events.ts';

const LIMIT_DEFAULT = 50;
const WAIT_MAX_S = 30;

const FeedView = named(
  'FeedPage',
  Type.Object({
    data: Type.Array(EventView),
    next_cursor: Type.String({ description: 'Where to go on; there is always one' }),
    has_more: Type.Boolean({ description: 'Whether something follows already' }),
    missed: Type.Integer({
      description:
        'Events between the cursor and the end of this page that are not kept any more: whoever was away longer than the history is kept',
    }),
  }),
);

/** The events of an account in an order that never changes, for receivers that ask instead of being called. */
export function feedRoutes(app: App, { directory, feeds }: HttpParts): void {
  app.addHook('preClose', async () => feeds.stop());

  app.get(
    '/accounts/:account/feed',
    {
      schema: {
        operationId: 'getFeed',
        summary: "Read an account's events in the order in which they were accepted",
        description:
          'The same events with the same ids as webhooks carry, in an order that never changes: nothing is skipped, whatever commits at the same time. Keep `next_cursor` when you have dealt with the page. Without a cursor it begins with the oldest event that is kept. An API key of the account with the scope `posthorn:feed` may read it, too.',
        tags: ['Events'],
        params: AccountParams,
        querystring: closed({
          limit: PageQuery.limit,
          cursor: Type.Optional(
            Type.String({
              maxLength: 256,
              description: '`next_cursor` of the page before, or `newest`: what happens from now on',
            }),
          ),
          wait: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: WAIT_MAX_S,
              default: 0,
              description: 'Seconds to wait for something when there is nothing (long polling)',
            }),
          ),
        }),
        response: responses({ 200: FeedView }),
      },
    },
    async (request, reply) => {
      const { account } = request.params;
      const { limit = LIMIT_DEFAULT, cursor, wait = 0 } = request.query;
      if (!(await directory.get(account))) throw new Problem('account_not_found');
      const from = cursor === undefined || cursor === '' ? 'oldest' : cursor === 'newest' ? cursor : toPlace(cursor);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const options = { limit, waitMs: wait * 1000, signal: gone.signal };
      const { feed, events, next, hasMore, missed } = await feeds.read(account, from, options);
      const rest = JSON.stringify({ next_cursor: toCursor(feed, next), has_more: hasMore, missed });
      return sendJson(reply, `{"data":[${events.map(eventJson).join(',')}],${rest.slice(1)}`);
    },
  );
}

/** Wrapped, so that nobody builds on what it holds. */
function toCursor(feed: string, { kind, after }: FeedPlace): string {
  return Buffer.from(`${kind === 'feed' ? 'f' : 'h'}:${feed}:${after}`).toString('base64url');
}

/** @throws Problem `invalid_cursor` */
function toPlace(cursor: string): { feed: string; place: FeedPlace } {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const [, kind, feed = '', after = ''] = /^([fh]):(\d{1,20}):(\w+)$/.exec(text) ?? [];
  const place: FeedPlace | undefined =
    kind === 'f' && /^\d{1,15}$/.test(after)
      ? { kind: 'feed', after: Number(after) }
      : kind === 'h' && isId('evt', after)
        ? { kind: 'history', after }
        : undefined;
  if (!place || toCursor(feed, place) !== cursor) throw new Problem('invalid_cursor');
  return { feed, place };
}
