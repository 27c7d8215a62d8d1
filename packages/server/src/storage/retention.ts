import { firstUuidOf, uuidText } from '../domain/ids.ts';
import { type Database, statement } from './database.ts';
import type { RetentionStore } from './store.ts';

const PARTITIONED = ['events', 'deliveries', 'attempts'] as const;
const DAY_MS = 86_400_000;
/** Serialises changes of partitions between nodes (any constant will do). */
const PARTITION_LOCK = 7_120_018;
const PURGE = statement('purge').text;
const PURGE_ROWS = 5_000;
const COUNTS_ADD_UP = statement('counts_add_up').text;
const COUNTS_ROWS = 10_000;
const DROP_KEYS = statement('drop_keys').text;
const KEYS_ROWS = 10_000;
const EXPIRE_WAITING = statement('expire_waiting').text;

/** `events_20261122` for that day in UTC. */
function partitionOf(table: string, dayMs: number): string {
  return `${table}_${new Date(dayMs).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

export function retentionStore(database: Database): RetentionStore {
  return {
    ensureDays(daysMs) {
      return database.transaction(async (run) => {
        // Behind a long reader the request for this lock would hold up every writer: rather try again in an hour.
        await run("SET LOCAL lock_timeout = '2s'");
        await run('SELECT pg_advisory_xact_lock($1)', [PARTITION_LOCK]);
        const existing = new Set(
          (await run<{ relname: string }>('SELECT relname FROM pg_class WHERE relispartition')).map((r) => r.relname),
        );
        for (const day of daysMs) {
          for (const table of PARTITIONED) {
            const name = partitionOf(table, day);
            if (existing.has(name)) continue;
            // Names and bounds are made of dates alone; DDL takes no parameters.
            await run(
              `CREATE TABLE ${name} PARTITION OF ${table}
               FOR VALUES FROM ('${uuidText(firstUuidOf(day))}') TO ('${uuidText(firstUuidOf(day + DAY_MS))}')`,
            );
          }
        }
      });
    },

    async dropBefore(ms) {
      const firstKept = partitionOf('', Math.floor(ms / DAY_MS) * DAY_MS);
      return database.transaction(async (run) => {
        await run('SELECT pg_advisory_xact_lock($1)', [PARTITION_LOCK]);
        await run("SET LOCAL lock_timeout = '2s'");
        const rows = await run<{ relname: string }>(
          `SELECT c.relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent
           WHERE p.relname = ANY ($1) AND c.relkind = 'r'`,
          [`{${PARTITIONED.join(',')}}`],
        );
        const old = rows
          .map((r) => r.relname)
          .filter((name) => /^[a-z]+_\d{8}$/.test(name) && name.slice(-9) < firstKept);
        if (old.length > 0) {
          await run(EXPIRE_WAITING, [firstUuidOf(Math.floor(ms / DAY_MS) * DAY_MS).toString('hex')]);
          await run(`DROP TABLE ${old.join(', ')}`);
          await run('DELETE FROM delivery_counts WHERE at < $1', [new Date(Math.floor(ms / DAY_MS) * DAY_MS)]);
        }
        return old;
      });
    },

    async oldestDay() {
      const [row] = await database.run<{ day: string | null }>(
        "SELECT min(substr(relname, 8)) AS day FROM pg_class WHERE relname ~ '^events_[0-9]{8}$'",
      );
      const day = row?.day;
      return day ? `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}` : null;
    },

    async purgeContractBefore(contract, ms) {
      await database.run(
        `INSERT INTO purges (account_id, before) SELECT id, $2 FROM accounts WHERE contract = $1 ON CONFLICT DO NOTHING`,
        [contract, firstUuidOf(ms).toString('hex')],
      );
    },

    purge() {
      return database.transaction(async (run) => {
        const [next] = await run<{ account_id: string; before: string }>(
          'SELECT account_id, before FROM purges LIMIT 1 FOR UPDATE SKIP LOCKED',
        );
        if (!next) return false;
        const [row] = await run<{ gone: number }>(PURGE, [next.account_id, next.before, PURGE_ROWS]);
        if (row?.gone === 0)
          await run('DELETE FROM purges WHERE account_id = $1 AND before = $2', [next.account_id, next.before]);
        return true;
      });
    },

    async addUpCounts() {
      const [row] = await database.run<{ n: number }>(COUNTS_ADD_UP, [COUNTS_ROWS]);
      return row?.n === COUNTS_ROWS;
    },

    async dropKeysBefore(ms) {
      const [row] = await database.run<{ gone: number }>(DROP_KEYS, [firstUuidOf(ms).toString('hex'), KEYS_ROWS]);
      return (row?.gone ?? 0) === KEYS_ROWS;
    },
  };
}
