import { int4s, uuids } from './arrays.ts';
import { type Database, statement } from './database.ts';
import { bytesOfUuid } from './rows.ts';
import type { LostLease, NodeStore, OverviewStore, SettingStore } from './store.ts';

const TAKE_OVER = statement('take_over').text;
const FREE_ORPHANS = statement('free_orphans').text;
const LOST_LEASES = statement('lost_leases').text;
const FREE_LEASES = statement('free_leases').text;
const LEAVE = statement('leave').text;
const END_ZOMBIES = statement('end_zombies').text;
const ZOMBIES_AT_ONCE = 20_000;

export function nodeStore(database: Database): NodeStore {
  return {
    async register(host, pid) {
      const [row] = await database.run<{ id: number }>('INSERT INTO nodes (host, pid) VALUES ($1, $2) RETURNING id', [
        host,
        pid,
      ]);
      if (!row) throw new Error('INSERT answered no row');
      return row.id;
    },
    async beat(node, { finishedPerS, inFlight, inMemory }) {
      const rows = await database.house(
        `UPDATE nodes SET heartbeat_at = now(), finished_per_s = $2, in_flight = $3, in_memory = $4
         WHERE id = $1 RETURNING id`,
        [node, finishedPerS, inFlight, inMemory],
      );
      return rows.length > 0;
    },
    async takeOver(node, deadAfterS, everybodyElse) {
      const [row] = await database.house<{ nodes: number; deliveries: number }>(TAKE_OVER, [
        node,
        deadAfterS,
        everybodyElse,
      ]);
      return row ?? { nodes: 0, deliveries: 0 };
    },
    async freeOrphans() {
      return (await database.house<{ freed: number }>(FREE_ORPHANS))[0]?.freed ?? 0;
    },
    async lostLeases(node, known) {
      const ids = uuids([...known].map((delivery) => delivery.uuid));
      return database.house<LostLease>(LOST_LEASES, [node, ids]);
    },
    async freeLeases(node, leases) {
      if (leases.length === 0) return;
      const ids = uuids(leases.map(({ id }) => bytesOfUuid(id)));
      await database.house(FREE_LEASES, [node, ids, int4s(leases.map(({ attempts }) => attempts))]);
    },
    async endZombies() {
      const [row] = await database.house<{ ended: number }>(END_ZOMBIES, [ZOMBIES_AT_ONCE]);
      return row?.ended === ZOMBIES_AT_ONCE;
    },
    async list() {
      const rows = await database.run<{
        id: number;
        host: string;
        started_at: Date;
        heartbeat_at: Date;
        finished_per_s: number;
        in_flight: number;
        in_memory: number;
      }>('SELECT id, host, started_at, heartbeat_at, finished_per_s, in_flight, in_memory FROM nodes ORDER BY id');
      return rows.map((row) => ({
        id: row.id,
        host: row.host,
        startedAt: row.started_at,
        heartbeatAt: row.heartbeat_at,
        finishedPerS: row.finished_per_s,
        inFlight: row.in_flight,
        inMemory: row.in_memory,
      }));
    },
    async leave(node) {
      await database.run(LEAVE, [node]);
    },
  };
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
                (SELECT count(*) FROM nodes)::int AS nodes`,
      );
      return row ?? { accounts: 0, waiting: 0, nodes: 0 };
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
