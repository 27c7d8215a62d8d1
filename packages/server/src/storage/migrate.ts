import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { CONNECT_TIMEOUT_MS, SCHEMA_FIRST, settingStatement } from './connections.ts';
import type { Database } from './database.ts';
import { kindOf, kindOfDriverError } from './database-errors.ts';
import { OLDER_NODES } from './nodes.ts';
import { PrimaryClient, serversOf } from './servers.ts';

const FOLDER = new URL('../../src/storage/migrations/', import.meta.url);
/** Serialises migrations of nodes that start at the same moment (any constant will do). */
const MIGRATION_LOCK = 7_120_017;
const OLDEST_POSTGRES = 150_000;
/** How long a migration waits for a table: behind a long reader, its request would hold up every writer. */
const LOCK_TIMEOUT = '5s';
const LOCK_TRIES_MAX = 60;
const LOCK_AGAIN_MS = 1_000;
/** When another node's migration is noted in the log. */
const WAITING_NOTED_MS = 2_000;
/** How often another connection looks after the migration's, and after how many looks in vain that one is given up. */
const LOOK_EVERY_MS = 10_000;
const LOOKS_IN_VAIN_MAX = 3;

/**
 * What nodes of the version before still need is changed by migrations whose file is called so. They wait for those nodes and
 * the ones after them do not: a migration that relies on one of these is called so, too.
 */
const CONTRACT_SUFFIX = '.contract.sql';

export interface Migration {
  version: number;
  name: string;
  sql: string;
  digest: string;
}

export function readMigrations(folder: URL = FOLDER): Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const sql = readFileSync(new URL(file, folder), 'utf8');
      return {
        version: Number(file.slice(0, 4)),
        name: file,
        sql,
        digest: createHash('sha256').update(sql).digest('hex'),
      };
    });
}

/** The database cannot be brought to, or is not at, the version this server needs. */
export class MigrationRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MigrationRefused';
  }
}

/** Changes what only nodes of the version before need: it is applied when none of them runs any more. */
export function isContracting({ name }: Migration): boolean {
  return name.endsWith(CONTRACT_SUFFIX);
}

/**
 * Applies what is missing, each migration in the one transaction that also notes it, under a lock that other nodes wait
 * for. On a connection of its own, without a bound on how long a statement takes: what a migration does to a large
 * history takes its time, and no other node may begin to use half of it. What is lost on the way is noticed all the same.
 * @throws MigrationRefused when the server is too old, an applied migration was edited, or the database is newer
 */
export async function migrate(
  config: pg.ClientConfig,
  log: (message: string) => void,
  migrations = readMigrations(),
  lookEveryMs = LOOK_EVERY_MS,
): Promise<string[]> {
  await serversOf(config).find();
  const client = newClient({ ...config, keepAlive: true });
  let stopLooking = () => {};
  try {
    await client.connect();
    stopLooking = lookAfter(config, await backendOf(client), lookEveryMs, () => client.connection.stream.destroy());
    await client.query(`${settingStatement({ statement_timeout: '0', lock_timeout: '0' })}; ${SCHEMA_FIRST}`);
    await requireVersion(client);
    await takeLock(client, log);
    const missing = await missingOf(client, migrations);
    const applied: string[] = [];
    let isOlderAlive: boolean | undefined;
    for (const migration of missing) {
      if (isContracting(migration)) isOlderAlive ??= await isOlderNodeRunning(client);
      if (isContracting(migration) && isOlderAlive) continue;
      await apply(client, migration, log);
      applied.push(migration.name);
    }
    return applied;
  } finally {
    stopLooking();
    await endOf(client);
  }
}

function newClient(config: pg.ClientConfig): pg.Client {
  const client = new PrimaryClient({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => {});
  return client;
}

/** A goodbye that nobody answers is not waited for. */
async function endOf(client: pg.Client): Promise<void> {
  await Promise.race([client.end().catch(() => {}), setTimeout(1_000, undefined, { ref: false })]);
}

async function backendOf(client: pg.Client): Promise<number> {
  const ask = { text: 'SELECT pg_backend_pid() AS pid', query_timeout: CONNECT_TIMEOUT_MS };
  return (await client.query<{ pid: number }>(ask)).rows[0]?.pid ?? 0;
}

/**
 * A migration may take hours, and a connection that was lost on the way is as quiet as that. So another connection looks
 * whether the server is still at work for the first one, again and again; `onLost` when it is not.
 */
function lookAfter(config: pg.ClientConfig, pid: number, everyMs: number, onLost: () => void): () => void {
  let inVain = 0;
  const timer = setInterval(async () => {
    // A database that has no connection to spare has answered: nothing is known, and nothing is lost.
    const isWell = await isAtWork(config, pid).catch((error) => kindOfDriverError(error) === 'busy');
    inVain = isWell ? 0 : inVain + 1;
    if (inVain >= LOOKS_IN_VAIN_MAX) onLost();
  }, everyMs);
  return () => clearInterval(timer);
}

/** Between two statements it is idle, for a moment. */
async function isAtWork(config: pg.ClientConfig, pid: number): Promise<boolean> {
  const client = newClient({ ...config, query_timeout: CONNECT_TIMEOUT_MS });
  try {
    await client.connect();
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_activity
       WHERE pid = $1 AND (state = 'active' OR state_change > clock_timestamp() - interval '5 s')`,
      [pid],
    );
    return rowCount === 1;
  } finally {
    await endOf(client);
  }
}

async function requireVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number; text: string }>(
    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS text",
  );
  if ((rows[0]?.version ?? 0) < OLDEST_POSTGRES) {
    throw new MigrationRefused(`PostgreSQL ${rows[0]?.text} is too old: Posthorn needs version 15 or newer.`);
  }
}

/** The lock ends with the connection. */
async function takeLock(client: pg.Client, log: (message: string) => void): Promise<void> {
  const taken = client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  const isSoon = await Promise.race([taken.then(() => true), setTimeout(WAITING_NOTED_MS, false, { ref: false })]);
  if (!isSoon) log('Waiting for the migrations of another node …');
  await taken;
}

async function missingOf(client: pg.Client, migrations: readonly Migration[]): Promise<Migration[]> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS migrations (
       version int PRIMARY KEY, name text NOT NULL, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
  );
  const { rows: applied } = await client.query<{ version: number; name: string; digest: string }>(
    'SELECT version, name, digest FROM migrations ORDER BY version',
  );
  const known = new Map(migrations.map((m) => [m.version, m]));
  for (const done of applied) {
    const migration = known.get(done.version);
    if (!migration)
      throw new MigrationRefused(
        `The database is at migration ${done.name}, which this version of Posthorn does not know. Start a newer one.`,
      );
    if (migration.digest !== done.digest)
      throw new MigrationRefused(
        `Migration ${migration.name} was edited after it had been applied. Restore the file and add a new one.`,
      );
  }
  return migrations.filter((m) => !applied.some((done) => done.version === m.version));
}

async function isOlderNodeRunning(client: pg.Client): Promise<boolean> {
  return (await client.query(OLDER_NODES)).rows.length > 0;
}

/** Whether nodes of the version before may still store what this version reads, in their way. */
export async function areOlderNodesRunning(database: Database): Promise<boolean> {
  return (await database.run(OLDER_NODES)).length > 0;
}

/** Tries again when a table that the migration changes is in use for long. */
async function apply(client: pg.Client, migration: Migration, log: (message: string) => void): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.query('BEGIN');
      await client.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
      await client.query(migration.sql);
      await client.query('INSERT INTO migrations (version, name, digest) VALUES ($1, $2, $3)', [
        migration.version,
        migration.name,
        migration.digest,
      ]);
      await client.query('COMMIT');
      return;
    } catch (error) {
      if (kindOf(error) !== 'busy' && kindOf(error) !== 'try_again') throw error;
      await client.query('ROLLBACK');
      if (tries >= LOCK_TRIES_MAX) throw error;
      log(`Migration ${migration.name} waits for a table that is in use …`);
      await setTimeout(LOCK_AGAIN_MS);
    }
  }
}

const ALL = readMigrations();
const NEEDED = ALL.filter((migration) => !isContracting(migration));

/** Whether every migration that this server needs has been applied. */
export async function isMigrated(database: Database): Promise<boolean> {
  return areApplied(database, NEEDED);
}

/** Whether no node of the version before runs any more, nor can run again. */
export async function isContracted(database: Database): Promise<boolean> {
  return areApplied(database, ALL);
}

async function areApplied(database: Database, migrations: readonly Migration[]): Promise<boolean> {
  const rows = await database.run<{ version: number }>('SELECT version FROM migrations');
  const applied = new Set(rows.map(({ version }) => version));
  return migrations.every(({ version }) => applied.has(version));
}
