import { encodeId } from '../domain/ids.ts';
import { uuids } from './arrays.ts';
import type { Database } from './database.ts';
import { firstIdOf, type IdBounds, matching, SENDABLE } from './delivery-filter.ts';
import type { Replay, ReplayFilter, ReplayStatus, ReplayStore } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuid, toUuidText } from './rows.ts';
import { type Parameter, statement } from './statement.ts';

const ADVANCE = statement('replay_advance').text;
/** Deliveries that are looked at for one piece, whether the filter takes them or not. */
const SCANNED_MAX = 20_000;

/** As it is stored. Those that began before tests could be chosen have no `test`: they leave tests out. */
interface StoredFilter extends Omit<ReplayFilter, 'endpointId' | 'test' | 'fromMs' | 'toMs'> {
  endpoint?: string;
  test?: boolean | 'any';
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
    filter: toFilter(filter),
  };
}

function toFilter({ endpoint, test = false, from, to, ...rest }: StoredFilter): ReplayFilter {
  return {
    ...rest,
    fromMs: from,
    toMs: to,
    ...(endpoint === undefined ? {} : { endpointId: fromUuidText('ep', endpoint) }),
    ...(test === 'any' ? {} : { test }),
  };
}

function toStored({ endpointId, test, fromMs, toMs, ...rest }: ReplayFilter): StoredFilter {
  return {
    ...rest,
    from: fromMs,
    to: toMs,
    test: test ?? 'any',
    ...(endpointId === undefined ? {} : { endpoint: toUuidText('ep', endpointId) }),
  };
}

/** Of what a filter finds (`m`), as `SENDABLE` says it. */
const CAN_BE_SENT = `e.id IS NOT NULL AND m.status NOT IN ('pending', 'delivering')
  AND coalesce(m.reason, '') NOT IN ('no_payload', 'filtered')`;

export function replayStore(database: Database): ReplayStore {
  const many = async (text: string, values: Parameter[]) => (await database.run<ReplayRow>(text, values)).map(toReplay);

  /** Those that a filter takes between two ids and that can be sent, oldest first: whether each was finished. */
  const sendable = async (accountId: string, filter: ReplayFilter, bounds: IdBounds, limit: number) => {
    const { text, values } = matching(accountId, filter, bounds, limit, SENDABLE);
    const rows = await database.read<{ id: string; is_finished: boolean }>(
      accountId,
      `SELECT m.id, m.finished_at IS NOT NULL AS is_finished FROM (${text}) m ORDER BY m.id`,
      values,
    );
    return rows.map((row) => ({ id: bytesOfUuid(row.id), isFinished: row.is_finished }));
  };

  /** The last of the deliveries after `after` that one look may read; undefined when it may read all there are. */
  const endOfLook = async (accountId: string, after: string, before: string) => {
    const [row] = await database.read<{ id: string }>(
      accountId,
      `SELECT id FROM (
         (SELECT id FROM deliveries WHERE account_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4)
         UNION ALL (SELECT id FROM queue WHERE account_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4)
       ) seen ORDER BY id OFFSET $4 - 1 LIMIT 1`,
      [accountId, after, before, SCANNED_MAX],
    );
    return row?.id;
  };

  return {
    async count(accountId, filter) {
      const { text, values } = matching(accountId, filter, {}, null);
      const [row] = await database.read<{ matched: number; count: number; held: number }>(
        accountId,
        `SELECT count(*)::int AS matched, count(*) FILTER (WHERE ${CAN_BE_SENT})::int AS count,
                count(*) FILTER (WHERE ${CAN_BE_SENT} AND e.status = 'inactive')::int AS held
         FROM (${text}) m LEFT JOIN endpoints e ON e.id = m.endpoint_id`,
        values,
      );
      return row ?? { matched: 0, count: 0, held: 0 };
    },

    create({ id, accountId, filter, total, perS }, firstAtMs, max) {
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
            JSON.stringify(toStored(filter)),
            total,
            perS,
            // `after` itself is not taken: the id just before the first of that time.
            firstIdOf(Math.max(filter.fromMs - 1, 0)),
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
      await database.run('DELETE FROM replays WHERE id < $1', [firstIdOf(ms)]);
    },

    async due(nowMs, limit, except) {
      const rows = await database.run<{ id: string }>(
        `SELECT id FROM replays WHERE status = 'running' AND next_at <= $1 AND id <> ALL($3::uuid[])
           AND NOT EXISTS (SELECT FROM accounts a WHERE a.id = replays.account_id AND a.moved_to IS NOT NULL)
         ORDER BY next_at LIMIT $2`,
        [new Date(nowMs), limit, uuids(except.map((id) => toUuid('rpl', id)))],
      );
      return rows.map((row) => encodeId('rpl', bytesOfUuid(row.id)));
    },

    async postpone(id, untilMs) {
      await database.run('UPDATE replays SET next_at = $2 WHERE id = $1', [toUuidText('rpl', id), new Date(untilMs)]);
    },

    async advance(id, nowMs) {
      const uuid = toUuidText('rpl', id);
      const [row] = await database.run<ReplayRow & { after: string }>(
        `SELECT ${COLUMNS}, after FROM replays WHERE id = $1 AND status = 'running'`,
        [uuid],
      );
      if (!row) return;
      const { account_id: accountId, after, per_s: perS } = row;
      const filter = toFilter(row.filter);
      const beyond = firstIdOf(filter.toMs);
      const end = filter.ids ? undefined : await endOfLook(accountId, after, beyond);
      const bounds = { after, before: end === undefined ? beyond : successorOf(end) };
      const piece = await sendable(accountId, filter, bounds, perS);
      // A full piece may end before what was looked at; otherwise all of that is done with.
      const isFull = piece.length === perS;
      const next = (isFull ? piece.at(-1)?.id.toString('hex') : end) ?? after;
      const isLast = !isFull && end === undefined;
      await database.run(ADVANCE, [
        new Date(nowMs),
        uuid,
        uuids(piece.filter((one) => one.isFinished).map((one) => one.id)),
        uuids(piece.filter((one) => !one.isFinished).map((one) => one.id)),
        after,
        next,
        isLast,
      ]);
    },
  };
}

function successorOf(uuid: string): string {
  const next = BigInt(`0x${uuid.replaceAll('-', '')}`) + 1n;
  return next.toString(16).padStart(32, '0');
}
