import { encodeId, firstUuidOf } from '../domain/ids.ts';
import { type Database, type Parameter, statement } from './database.ts';
import type { Replay, ReplayFilter, ReplayStatus, ReplayStore } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuidText } from './rows.ts';

const ADVANCE = statement('replay_advance').text;
/** Deliveries that are looked at for one piece, whether the filter takes them or not. */
const SCANNED_MAX = 20_000;

/** As it is stored: what the statement compares with, and the times for people. */
interface StoredFilter {
  endpoint?: string;
  trigger?: string;
  status?: ReplayFilter['status'];
  below: string;
  from: number;
  to: number;
}

interface ReplayRow {
  id: string;
  account_id: string;
  filter: StoredFilter;
  total: number;
  done: number;
  per_s: number;
  status: ReplayStatus;
}

const COLUMNS = 'id, account_id, filter, total, done, per_s, status';

function toReplay({ id, account_id, filter, per_s, ...row }: ReplayRow): Replay {
  return {
    ...row,
    id: encodeId('rpl', bytesOfUuid(id)),
    accountId: account_id,
    perS: per_s,
    filter: {
      fromMs: filter.from,
      toMs: filter.to,
      ...(filter.endpoint === undefined ? {} : { endpointId: fromUuidText('ep', filter.endpoint) }),
      ...(filter.trigger === undefined ? {} : { trigger: filter.trigger }),
      ...(filter.status === undefined ? {} : { status: filter.status }),
    },
  };
}

const boundOf = (ms: number) => firstUuidOf(ms).toString('hex');

export function replayStore(database: Database): ReplayStore {
  const many = async (text: string, values: Parameter[]) => (await database.run<ReplayRow>(text, values)).map(toReplay);

  return {
    async count(accountId, { endpointId, trigger, status, fromMs, toMs }) {
      const [row] = await database.read<{ n: number }>(
        accountId,
        `SELECT count(*)::int AS n FROM deliveries d
         WHERE account_id = $1 AND id >= $2 AND id < $3
           AND ($4::uuid IS NULL OR endpoint_id = $4) AND ($5::text IS NULL OR status = $5)
           AND ($6::text IS NULL OR trigger = $6)
           AND NOT test AND reason IS DISTINCT FROM 'no_payload'
           AND EXISTS (SELECT FROM endpoints e WHERE e.id = d.endpoint_id)`,
        [
          accountId,
          boundOf(fromMs),
          boundOf(toMs),
          endpointId === undefined ? null : toUuidText('ep', endpointId),
          status ?? null,
          trigger ?? null,
        ],
      );
      return row?.n ?? 0;
    },

    create({ id, accountId, filter, total, perS }, firstAtMs, max) {
      const stored: StoredFilter = {
        ...(filter.endpointId === undefined ? {} : { endpoint: toUuidText('ep', filter.endpointId) }),
        ...(filter.trigger === undefined ? {} : { trigger: filter.trigger }),
        ...(filter.status === undefined ? {} : { status: filter.status }),
        below: boundOf(filter.toMs),
        from: filter.fromMs,
        to: filter.toMs,
      };
      return database.transaction(async (run) => {
        await run('SELECT FROM accounts WHERE id = $1 FOR UPDATE', [accountId]);
        const rows = await run(
          `INSERT INTO replays (id, account_id, filter, total, per_s, status, after, next_at)
           SELECT $1, $2, $3, $4, $5, 'running', $6, $7
           WHERE (SELECT count(*) FROM replays WHERE account_id = $2 AND status = 'running') < $8
           RETURNING id`,
          [
            toUuidText('rpl', id),
            accountId,
            JSON.stringify(stored),
            total,
            perS,
            // `after` itself is not taken: the id just before the first of that time.
            boundOf(filter.fromMs - 1),
            new Date(firstAtMs),
            max,
          ],
        );
        return rows.length > 0;
      });
    },

    find: async (accountId, id) =>
      (
        await many(`SELECT ${COLUMNS} FROM replays WHERE account_id = $1 AND id = $2`, [
          accountId,
          toUuidText('rpl', id),
        ])
      )[0],
    list: (accountId, limit) =>
      many(`SELECT ${COLUMNS} FROM replays WHERE account_id = $1 ORDER BY id DESC LIMIT $2`, [accountId, limit]),
    cancel: async (accountId, id) =>
      (
        await many(
          `UPDATE replays SET status = CASE WHEN status = 'running' THEN 'cancelled' ELSE status END
           WHERE account_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
          [accountId, toUuidText('rpl', id)],
        )
      )[0],

    async dropBefore(ms) {
      await database.run('DELETE FROM replays WHERE id < $1', [boundOf(ms)]);
    },

    async due(nowMs, limit) {
      const rows = await database.run<{ id: string }>(
        `SELECT id FROM replays WHERE status = 'running' AND next_at <= $1 ORDER BY next_at LIMIT $2`,
        [new Date(nowMs), limit],
      );
      return rows.map((row) => encodeId('rpl', bytesOfUuid(row.id)));
    },

    async advance(id, nowMs) {
      const rows = await database.run<{ endpoint_id: string; account_id: string }>(ADVANCE, [
        new Date(nowMs),
        toUuidText('rpl', id),
        SCANNED_MAX,
      ]);
      return rows.map((row) => ({ endpointId: fromUuidText('ep', row.endpoint_id), accountId: row.account_id }));
    },
  };
}
