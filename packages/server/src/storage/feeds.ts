import { texts } from './arrays.ts';
import type { Database } from './database.ts';
import { areOlderNodesRunning } from './migrate.ts';
import type { Feed, FeedPage, FeedStore } from './page-store.ts';
import { type EventRow, toStoredEvent, toUuidText } from './rows.ts';
import { statement } from './statement.ts';
import { hasOlderEnded } from './under-way.ts';

const PAGE = statement('feed_page').text;
const HISTORY = statement('feed_history').text;
/** Payloads that one page holds. */
const PAGE_BYTES_MAX = 8 * 1024 * 1024;
const SMALLEST_UUID = '00000000-0000-0000-0000-000000000000';

type Row = EventRow & { position: number };
interface FeedRow {
  history_until: string | null;
  begun_xid: string;
  position: number;
}

export function feedStore(database: Database): FeedStore {
  const feedOf = async (accountId: string) => {
    const [row] = await database.run<FeedRow>(
      'SELECT history_until, begun_xid, position::float8 FROM feeds WHERE account_id = $1',
      [accountId],
    );
    return row;
  };

  const begin = (accountId: string) =>
    database.transaction(async (run) => {
      // With the account's version every node learns of it, and what was planned by an older copy is refused.
      const [account] = await run(
        'UPDATE accounts SET version = version + 1 WHERE id = $1 AND closed_at IS NULL RETURNING id',
        [accountId],
      );
      if (!account) return;
      await run('INSERT INTO feeds (account_id) VALUES ($1) ON CONFLICT DO NOTHING', [accountId]);
      await run("SELECT pg_notify('posthorn_account', $1)", [accountId]);
    });

  /** Once every statement of ours has ended that does not know of the feed: see the migration. */
  const finishBeginning = async (accountId: string, begunXid: string): Promise<boolean> => {
    if (!(await hasOlderEnded(database, 'posthorn% hot', begunXid))) return false;
    await database.run(
      `UPDATE feeds SET history_until = coalesce(
         (SELECT id FROM events e WHERE e.account_id = $1 ORDER BY id DESC LIMIT 1), '${SMALLEST_UUID}')
       WHERE account_id = $1 AND history_until IS NULL`,
      [accountId],
    );
    return true;
  };

  const readHistory = async (accountId: string, feed: Feed, after: string, limit: number): Promise<FeedPage> => {
    const values = [accountId, after === '' ? SMALLEST_UUID : toUuidText('evt', after), feed.historyUntil];
    const rows = await database.read<Row>(accountId, HISTORY, [...values, limit + 1, PAGE_BYTES_MAX]);
    const { events, hasMore } = pageOf(rows, limit);
    const last = events.at(-1);
    if (hasMore) return { events, hasMore, next: { kind: 'history', after: last?.id ?? after }, missed: 0 };
    if (events.length > 0) return { events, hasMore: true, next: { kind: 'feed', after: 0 }, missed: 0 };
    return readFeed(accountId, feed, 0, limit);
  };

  const readFeed = async (accountId: string, feed: Feed, after: number, limit: number): Promise<FeedPage> => {
    const rows = await database.read<Row>(accountId, PAGE, [accountId, after, limit + 1, PAGE_BYTES_MAX]);
    const { events, hasMore } = pageOf(rows, limit);
    // Where nothing is behind the place now, nothing up to the position of before is kept any more.
    const end = rows[events.length - 1]?.position ?? Math.max(after, feed.position);
    return { events, hasMore, next: { kind: 'feed', after: end }, missed: end - after - events.length };
  };

  return {
    async open(accountId) {
      let row = await feedOf(accountId);
      if (!row) {
        // They number nothing.
        if (await areOlderNodesRunning(database)) return undefined;
        await begin(accountId);
        row = await feedOf(accountId);
      }
      if (row?.history_until === null && (await finishBeginning(accountId, row.begun_xid)))
        row = await feedOf(accountId);
      if (!row || row.history_until === null) return undefined;
      return { id: row.begun_xid, position: row.position, historyUntil: row.history_until };
    },

    read: (accountId, feed, place, limit) =>
      place.kind === 'history'
        ? readHistory(accountId, feed, place.after, limit)
        : readFeed(accountId, feed, place.after, limit),

    async positions(accountIds) {
      const rows = await database.run<{ account_id: string; position: number }>(
        'SELECT account_id, position::float8 FROM feeds WHERE account_id = ANY($1::text[])',
        [texts(accountIds)],
      );
      return new Map(rows.map((row) => [row.account_id, row.position]));
    },
  };
}

function pageOf(rows: readonly Row[], limit: number): Pick<FeedPage, 'events' | 'hasMore'> {
  const shown = rows.filter((row) => row.payload !== null).slice(0, limit);
  return { events: shown.map(toStoredEvent), hasMore: rows.length > shown.length };
}
