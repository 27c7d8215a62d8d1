import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Database } from './database.ts';

const FOLDER = new URL('../../src/storage/migrations/', import.meta.url);
/** Serialises migrations of nodes that start at the same moment (any constant will do). */
const MIGRATION_LOCK = 7_120_017;
const OLDEST_POSTGRES = 150_000;

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

/**
 * Applies what is missing, each migration in the one transaction that also notes it, under a lock.
 * @throws MigrationRefused when the server is too old, an applied migration was edited, or the database is newer
 */
export async function migrate(database: Database, migrations = readMigrations()): Promise<string[]> {
  const [server] = await database.run<{ version: number; text: string }>(
    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS text",
  );
  if ((server?.version ?? 0) < OLDEST_POSTGRES) {
    throw new MigrationRefused(`PostgreSQL ${server?.text} is too old: Posthorn needs version 15 or newer.`);
  }
  return database.transaction(async (run) => {
    await run('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await run(
      `CREATE TABLE IF NOT EXISTS migrations (
         version int PRIMARY KEY, name text NOT NULL, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const applied = await run<{ version: number; name: string; digest: string }>(
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
    const missing = migrations.filter((m) => !applied.some((done) => done.version === m.version));
    for (const migration of missing) {
      await run(migration.sql);
      await run('INSERT INTO migrations (version, name, digest) VALUES ($1, $2, $3)', [
        migration.version,
        migration.name,
        migration.digest,
      ]);
    }
    return missing.map((m) => m.name);
  });
}

const NEWEST = Math.max(...readMigrations().map((m) => m.version));

/** Whether every migration that this server knows has been applied. */
export async function isMigrated(database: Database): Promise<boolean> {
  const [row] = await database.run<{ version: number | null }>('SELECT max(version) AS version FROM migrations');
  return (row?.version ?? 0) >= NEWEST;
}
