import { firstUuidOf, uuidText } from '../domain/ids.ts';
import type { Database } from './database.ts';
import { statement } from './statement.ts';
import type { RetentionStore } from './store.ts';

const PARTITIONED = ['events', 'deliveries', 'attempts', 'feed'] as const;
const DAY_MS = 86_400_000;
/** Serialises changes of partitions between nodes (any constant will do). */
const PARTITION_LOCK = 7_120_018;
const PURGE = statement('purge').text;
const PURGE_ROWS = 5_000;
const COUNTS_ADD_UP = statement('counts_add_up').text;
const COUNTS_ROWS = 10_000;
const DROP_KEYS = statement('drop_keys').text;
const KEYS_ROWS = 10_000;

/** `events_20261122` for that day in UTC. */
function partitionOf(table: string, dayMs: number): string {
  return `${table}_${new Date(dayMs).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

/** The days that have partitions, oldest first. */
async function daysOf(database: Database): Promise<number[]> {
  const rows = await database.run<{ day: string }>(
    "SELECT DISTINCT right(relname, 8) AS day FROM pg_class WHERE relispartition AND relname ~ '^[a-z]+_[0-9]{8}$'",
  );
  return rows.map(({ day }) => Date.UTC(+day.slice(0, 4), +day.slice(4, 6) - 1, +day.slice(6))).sort((a, b) => a - b);
}

/** Whether something of that day, beginning at this moment, waits or is under way. Reads the queue from end to end. */
async function hasUnfinished(run: Database['run'], dayMs: number): Promise<boolean> {
  const [first, end] = [dayMs, dayMs + DAY_MS].map((ms) => firstUuidOf(ms).toString('hex')) as [string, string];
  const found = await run(
    'SELECT FROM queue WHERE (event_id >= $1 AND event_id < $2) OR (id >= $1 AND id < $2) LIMIT 1',
    [first, end],
  );
  return found.length > 0;
}

/** False when something of that day is not finished: then nothing is done. */
async function dropDay(database: Database, dayMs: number): Promise<boolean> {
  // Without a lock first: a day may be kept for long, and is looked at often.
  if (await hasUnfinished((text, values) => database.run(text, values), dayMs)) return false;
  const tables = PARTITIONED.map((table) => partitionOf(table, dayMs));
  return database.transaction(async (run) => {
    await run("SET LOCAL lock_timeout = '2s'");
    await run('SELECT pg_advisory_xact_lock($1)', [PARTITION_LOCK]);
    const existing = await run<{ name: string }>('SELECT relname AS name FROM pg_class WHERE relname = ANY ($1)', [
      `{${tables.join(',')}}`,
    ]);
    const names = existing.map(({ name }) => name).join(', ');
    if (names === '') return true;
    // Whoever wants to send something of that day again waits until it is gone, or stays. Every statement locks the
    // partitioned table before its partitions, and so does DROP: in another order they would wait for each other.
    await run(`LOCK TABLE ONLY ${PARTITIONED.join(', ')} IN ACCESS EXCLUSIVE MODE`);
    if (await hasUnfinished(run, dayMs)) return false;
    await run(`DROP TABLE ${names}`);
    await run('DELETE FROM delivery_counts WHERE at >= $1 AND at < $2', [new Date(dayMs), new Date(dayMs + DAY_MS)]);
    return true;
  });
}

export function retentionStore(database: Database): RetentionStore {
  return {
    ensureDays(moments) {
      const daysMs = new Set(moments.map((ms) => Math.floor(ms / DAY_MS) * DAY_MS));
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

    async databaseMs() {
      const [row] = await database.maintain<{ ms: number }>('SELECT (extract(epoch FROM now()) * 1000)::float8 AS ms');
      return row?.ms ?? Number.NaN;
    },

    async newestDayMs() {
      for (const dayMs of (await daysOf(database)).reverse()) {
        const [row] = await database.run<{ is_used: boolean }>(
          `SELECT EXISTS (SELECT FROM ${partitionOf('events', dayMs)}) AS is_used`,
        );
        if (row?.is_used) return dayMs + DAY_MS;
      }
      return undefined;
    },

    async dropBefore(ms) {
      const firstKeptMs = Math.floor(ms / DAY_MS) * DAY_MS;
      const droppedMs: number[] = [];
      const keptMs: number[] = [];
      for (const dayMs of (await daysOf(database)).filter((day) => day < firstKeptMs)) {
        ((await dropDay(database, dayMs)) ? droppedMs : keptMs).push(dayMs);
      }
      return { droppedMs, keptMs };
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
          // Any: one that cannot be done now does not stand before all others.
          'SELECT account_id, before FROM purges ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED',
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
