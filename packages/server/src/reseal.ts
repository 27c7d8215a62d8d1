import { readConfig } from './config.ts';
import { findVault, proveMasterKey } from './keyring.ts';
import { Database } from './storage/database.ts';
import { DatabaseUnavailable } from './storage/database-errors.ts';
import { runningEmbedded } from './storage/embedded.ts';
import { isMigrated } from './storage/migrate.ts';
import { postgresStore } from './storage/postgres-store.ts';
import type { SealedStore } from './storage/store.ts';
import type { Vault } from './storage/vault.ts';

const ROWS_AT_ONCE = 500;

/** Why nothing can be sealed anew. The message says what to do. */
export class ResealRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ResealRefused';
  }
}

/**
 * Encrypts everything anew with the first of the master keys, while servers run. What is done stays done: after an
 * interruption it goes on with the rest. Settings are read as the server reads them.
 * @throws ResealRefused, ConfigError, KeyRefused, DatabaseUnavailable
 */
export async function reseal(
  environment: Readonly<Record<string, string | undefined>>,
  print: (line: string) => void,
): Promise<void> {
  const config = readConfig(environment);
  const vault = findVault(config);
  const connection = config.databaseUrl === undefined ? runningEmbedded(config.dataFolder) : undefined;
  if (config.databaseUrl === undefined && !connection) {
    throw new ResealRefused(`No server runs on ${config.dataFolder}: start it, or set DATABASE_URL.`);
  }
  const first = connection ?? { connectionString: config.databaseUrl };
  const left = new Set<string>();
  for (const { name, of } of [
    { name: undefined, of: first },
    ...config.cells.map(({ name, url }) => ({ name, of: { connectionString: url } })),
  ]) {
    if (name !== undefined) print(`cell ${name}`);
    const database = new Database(of);
    try {
      if (!(await isCurrent(database))) {
        throw new ResealRefused(
          'This database is not at this version of Posthorn: start a server of this version first.',
        );
      }
      const { settings, sealed, accountCells } = postgresStore(database, vault);
      if (name === undefined && config.cells.length === 0 && (await accountCells.areSeveral()))
        throw new ResealRefused('This installation has further cells: set POSTHORN_CELLS as for its servers.');
      await proveMasterKey(vault, settings, sealed);
      for (const keyId of await resealAll(vault, sealed, print)) left.add(keyId);
    } finally {
      await database.stop();
    }
  }
  if (left.size > 0) {
    throw new ResealRefused(
      `A server still encrypts with ${[...left].join(', ')}: restart it with the new key in the first place, and run this again.`,
    );
  }
  print('The other master keys can be taken out of POSTHORN_MASTER_KEY.');
}

async function isCurrent(database: Database): Promise<boolean> {
  try {
    return await isMigrated(database);
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error;
    return false;
  }
}

/** @returns the other keys that rows are sealed with all the same */
async function resealAll(vault: Vault, sealed: SealedStore, print: (line: string) => void): Promise<string[]> {
  const current = vault.currentKeyId;
  for (const keyId of (await sealed.keyIds()).filter((id) => id !== current)) {
    for (let done = 0; ; ) {
      const piece = await sealed.reseal(keyId, ROWS_AT_ONCE);
      if (!piece) break;
      done += piece.count;
      print(`${piece.table}: ${piece.count} rows from key ${keyId} (${done} so far)`);
    }
  }
  const counts = await sealed.countByKey();
  for (const [keyId, rows] of new Map([[current, 0], ...counts])) {
    print(`master key ${keyId}${keyId === current ? ' (current)' : ''}: ${rows} rows`);
  }
  return [...counts.keys()].filter((keyId) => keyId !== current);
}
