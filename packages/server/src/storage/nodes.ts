import { timeOfId } from '../domain/ids.ts';
import { bools, int4s, texts, uuids } from './arrays.ts';
import { endBackends } from './backends.ts';
import type { Database } from './database.ts';
import { decodeHandedOver } from './handed-over.ts';
import { letGoOfLocked } from './lanes.ts';
import { bytesOfUuid } from './rows.ts';
import { statement } from './statement.ts';
import type { DeadNode, NodeStore, OverviewStore, SettingStore } from './store.ts';

const DECLARE_DEAD = statement('declare_dead').text;
const HANDED_OVER = statement('handed_over').text;
const REQUEUE = statement('requeue').text;
const LANES_LOCK_OF = statement('lanes_lock_of').text;
/** Rises when nodes begin to write what those of the version before do not: 2 own lanes, 3 number events of feeds, 4 keep the order of lines. */
export const ENGINE = 4;
/** A node that has been silent for so long is not waited for: it finds out when it comes back. */
const RUNNING_S = 15;
/** Nodes of the version before. One in the future is of a clock that was wrong. */
export const OLDER_NODES = `SELECT FROM nodes WHERE engine < ${ENGINE} AND abs(extract(epoch FROM now() - heartbeat_at)) < ${RUNNING_S}
  LIMIT 1`;
/** Of two nodes that take over the same dead one, one waits (any constant will do). */
const TAKE_OVER_LOCK = 7_120_019;
const EVENTS_AT_ONCE = 2_000;
const LANES_AT_ONCE = 5_000;

interface HandedOverRow {
  account_id: string;
  id: string;
  trigger: string;
  test: boolean;
  payload_bytes: number;
  handed_over: Buffer;
}

export function nodeStore(database: Database): NodeStore {
  return {
    async register(host, pid, watermark) {
      const [row] = await database.run<{ id: number }>(
        'INSERT INTO nodes (host, pid, engine, name, watermark) VALUES ($1, $2, $3, $4, $5) RETURNING id',
        [host, pid, ENGINE, database.name, Buffer.from(watermark).toString('hex')],
      );
      if (!row) throw new Error('INSERT answered no row');
      return row.id;
    },
    async beat(node, { finishedPerS, inFlight, inMemory, backlogged }, watermark) {
      const rows = await database.maintain(
        `UPDATE nodes SET heartbeat_at = now(), finished_per_s = $2, in_flight = $3, in_memory = $4, backlogged = $5,
           watermark = $6
         WHERE id = $1 AND dead_at IS NULL RETURNING id`,
        [node, finishedPerS, inFlight, inMemory, backlogged, Buffer.from(watermark).toString('hex')],
      );
      return rows.length > 0;
    },
    async declareDead(node, silent) {
      const isEverybody = silent === 'everybody else';
      const nodes = isEverybody ? [] : silent;
      return database.maintain<DeadNode & Record<string, unknown>>(DECLARE_DEAD, [
        node,
        int4s(nodes.map(({ id }) => id)),
        texts(nodes.map(({ heartbeat }) => heartbeat)),
        isEverybody,
      ]);
    },
    async takeOver({ id, name, watermark }, nowMs) {
      if (name !== null) await endBackends(name, (text, values) => database.maintain(text, values as never));
      const deliveries = await database.transaction(async (run) => {
        // One after the other, each in a statement of its own: the next sees what the one before has done.
        await run('SELECT pg_advisory_xact_lock($1, $2)', [TAKE_OVER_LOCK, id]);
        return watermark === null ? 0 : requeueHandedOver(run, id, watermark, nowMs);
      });
      let lanes = 0;
      for (;;) {
        const freed = await database.transaction((run) => freeLanes(run, id));
        lanes += freed;
        if (freed < LANES_AT_ONCE) break;
      }
      await database.maintain('DELETE FROM nodes WHERE id = $1', [id]);
      return { deliveries, lanes };
    },
    async list() {
      const rows = await database.maintain<{
        id: number;
        host: string;
        pid: number;
        started_at: Date;
        heartbeat_at: Date;
        heartbeat: string;
        finished_per_s: number;
        in_flight: number;
        in_memory: number;
        backlogged: number;
      }>(
        `SELECT id, host, pid, started_at, heartbeat_at, extract(epoch FROM heartbeat_at)::text AS heartbeat, finished_per_s, in_flight, in_memory, backlogged
         FROM nodes WHERE dead_at IS NULL ORDER BY id`,
      );
      return rows.map((row) => ({
        id: row.id,
        host: row.host,
        pid: row.pid,
        startedAt: row.started_at,
        heartbeatAt: row.heartbeat_at,
        heartbeat: row.heartbeat,
        finishedPerS: row.finished_per_s,
        inFlight: row.in_flight,
        inMemory: row.in_memory,
        backlogged: row.backlogged,
      }));
    },
    async leave(node) {
      // Should a statement of it still be under way, it is ended by whoever takes over what is left: normally nothing.
      await database.run('UPDATE nodes SET dead_at = now() WHERE id = $1', [node]);
    },
  };
}

/** Frees a piece of the lanes of a dead node: each says when its next delivery is due. Answers how many. */
async function freeLanes(run: Database['run'], node: number): Promise<number> {
  const locked = await run<{ endpoint_id: string }>(LANES_LOCK_OF, [node, LANES_AT_ONCE]);
  if (locked.length > 0) await letGoOfLocked(run, locked);
  return locked.length;
}

/** What a dead node handed over since its watermark, and nobody has stored anything of. */
async function requeueHandedOver(
  run: Database['run'],
  node: number,
  watermark: string,
  nowMs: number,
): Promise<number> {
  let queued = 0;
  let after = { accountId: '', id: watermark };
  for (;;) {
    const rows: HandedOverRow[] = await run<HandedOverRow & Record<string, unknown>>(HANDED_OVER, [
      node,
      watermark,
      after.accountId,
      after.id,
      EVENTS_AT_ONCE,
    ]);
    const found = rows.flatMap((event) => decodeHandedOver(event.handed_over).map((d) => ({ ...d, event })));
    const [row] = await run<{ queued: number }>(REQUEUE, [
      texts(found.map(({ event }) => event.account_id)),
      uuids(found.map(({ id }) => id)),
      uuids(found.map(({ endpointId }) => endpointId)),
      uuids(found.map(({ event }) => bytesOfUuid(event.id))),
      texts(found.map(({ topic }) => topic)),
      texts(found.map(({ event }) => event.trigger)),
      bools(found.map(({ event }) => event.test)),
      int4s(found.map(({ event }) => event.payload_bytes)),
      new Date(nowMs),
    ]);
    queued += row?.queued ?? 0;
    const last = rows.at(-1);
    if (!last || rows.length < EVENTS_AT_ONCE) return queued;
    after = { accountId: last.account_id, id: last.id };
  }
}

export function settingStore(database: Database): SettingStore {
  return {
    async get(name) {
      const [row] = await database.run<{ value: string }>('SELECT value FROM settings WHERE name = $1', [name]);
      return row?.value;
    },
    async putFirst(name, value) {
      await database.run('INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING', [name, value]);
      const [row] = await database.run<{ value: string }>('SELECT value FROM settings WHERE name = $1', [name]);
      return row?.value ?? value;
    },
    async put(name, value) {
      await database.run(
        'INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
        [name, value],
      );
    },
  };
}

export function overviewStore(database: Database): OverviewStore {
  return {
    async read() {
      const [row] = await database.run<{ accounts: number; waiting: number; nodes: number }>(
        `SELECT (SELECT count(*) FROM (SELECT FROM accounts LIMIT 100000) a)::int AS accounts,
                greatest((SELECT count(*) FROM (SELECT FROM queue LIMIT 100000) q),
                         (SELECT reltuples FROM pg_class WHERE oid = 'queue'::regclass) * (SELECT count(*) > 99999 FROM (SELECT FROM queue LIMIT 100000) q)::int)::int AS waiting,
                (SELECT count(*) FROM nodes WHERE dead_at IS NULL)::int AS nodes`,
      );
      return row ?? { accounts: 0, waiting: 0, nodes: 0 };
    },
    async queue(nowMs) {
      const [row] = await database.read<{
        due: number;
        retry: number;
        held: number;
        oldest: string | null;
        in_line: number;
      }>(
        null,
        `SELECT count(*) FILTER (WHERE e.status = 'active' AND q.due_at <= $1)::int AS due,
                count(*) FILTER (WHERE e.status = 'active' AND q.due_at > $1)::int AS retry,
                count(*) FILTER (WHERE e.status = 'inactive')::int AS held,
                min(q.id::text) FILTER (WHERE e.status = 'active') AS oldest,
                (SELECT coalesce(sum(waiting - 1), 0) FROM (SELECT waiting FROM ordering_keys LIMIT 100000) k)::int AS in_line
         FROM (SELECT id, endpoint_id, due_at FROM queue WHERE due_at < 'infinity' LIMIT 100000) q JOIN endpoints e ON e.id = q.endpoint_id`,
        [new Date(nowMs)],
      );
      const { due = 0, retry = 0, held = 0, oldest = null, in_line: inLine = 0 } = row ?? {};
      return { due, retry, held, inLine, oldestMs: oldest === null ? undefined : timeOfId(bytesOfUuid(oldest)) };
    },
    async database() {
      const [row] = await database.run<{ version: string; fsync: string; commit: string; size: string }>(
        `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
                current_setting('synchronous_commit') AS commit, pg_database_size(current_database())::text AS size`,
      );
      if (!row) throw new Error('SELECT answered no row');
      return { version: row.version, fsync: row.fsync, synchronousCommit: row.commit, sizeBytes: Number(row.size) };
    },
  };
}
