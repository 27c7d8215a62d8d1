import { ConfigError, readConfig } from '@posthorn/server/dist/config.js';
import { DatabaseUnavailable } from '@posthorn/server/dist/storage/database-errors.js';
import { MigrationRefused, migrate } from '@posthorn/server/dist/storage/migrate.js';
import { EXIT } from './exit-codes.js';
import type { Print } from './output.js';

/** Applies what is missing, and prints what that was. Answers the exit code. */
export async function migrateDatabase(environment: NodeJS.ProcessEnv, print: Print): Promise<number> {
  try {
    const { databaseUrl } = readConfig(environment);
    if (databaseUrl === undefined) {
      print('The embedded database is migrated when the server starts. Set DATABASE_URL for another one.');
      return EXIT.usage;
    }
    const applied = await migrate({ connectionString: databaseUrl }, print);
    for (const name of applied) print(`Applied ${name}.`);
    if (applied.length === 0) print('The database is at this version already.');
    return EXIT.done;
  } catch (error) {
    const isExpected =
      error instanceof ConfigError || error instanceof MigrationRefused || error instanceof DatabaseUnavailable;
    const isDatabase = typeof (error as { code?: unknown }).code === 'string';
    if (!isExpected && !isDatabase) throw error;
    print((error as Error).message || String((error as { code: string }).code));
    return EXIT.failed;
  }
}
