import { createHash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from './config.ts';
import type { SessionStore } from './storage/page-store.ts';
import type { SealedStore, SettingStore } from './storage/store.ts';
import { Vault } from './storage/vault.ts';

const MASTER_KEY_FILE = 'master-key';
const OPERATOR_KEY_FILE = 'operator-key';
const PROOF = 'posthorn';

/** A key that does not fit the database. The message says what to do. */
export class KeyRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KeyRefused';
  }
}

export function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** The keys that open secrets: from the setting, from the data folder, or made now and kept there. */
export function openVault(config: Config): Vault {
  const file = join(config.dataFolder, MASTER_KEY_FILE);
  if (config.masterKeys.length === 0 && !existsSync(file)) writeKeyFile(file, randomBytes(32).toString('base64'));
  return findVault(config);
}

/** The same where they have to exist. @throws KeyRefused */
export function findVault(config: Config): Vault {
  const file = join(config.dataFolder, MASTER_KEY_FILE);
  const [first, ...rest] = config.masterKeys;
  if (first) return new Vault([first, ...rest]);
  if (!existsSync(file)) throw new KeyRefused(`There is no master key: set POSTHORN_MASTER_KEY, or restore ${file}.`);
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (key.length !== 32) throw new KeyRefused(`${file} does not hold a master key: restore it from a backup.`);
  return new Vault([key]);
}

/** Makes sure that this node's master keys open all that is sealed, before it seals anything. @throws KeyRefused */
export async function proveMasterKey(vault: Vault, settings: SettingStore, sealed: SealedStore): Promise<void> {
  const { keyId, ciphertext } = vault.seal(PROOF, PROOF);
  const stored = await settings.putFirst('master_key_proof', `${keyId}:${ciphertext.toString('base64')}`);
  const [storedId = '', storedText = ''] = stored.split(':');
  try {
    vault.open({ keyId: storedId, ciphertext: Buffer.from(storedText, 'base64') }, PROOF);
  } catch {
    throw new KeyRefused(
      'The secrets in this database are encrypted with another master key: set POSTHORN_MASTER_KEY to the one of the first node (its data folder holds it as master-key).',
    );
  }
  const missing = (await sealed.keyIds()).filter((id) => !vault.holds(id));
  if (missing.length > 0) {
    throw new KeyRefused(
      `Secrets in this database are still encrypted with another master key (${missing.join(', ')}): put it behind the current one in POSTHORN_MASTER_KEY, and run \`posthorn reseal\` before taking it out.`,
    );
  }
  if (storedId !== vault.currentKeyId)
    await settings.put('master_key_proof', `${keyId}:${ciphertext.toString('base64')}`);
}

/** Whole or not at all, and on the disk before anything is sealed with it. */
function writeKeyFile(file: string, key: string): void {
  const fresh = `${file}.new`;
  const handle = openSync(fresh, 'w', 0o600);
  writeSync(handle, `${key}\n`);
  fsyncSync(handle);
  closeSync(handle);
  renameSync(fresh, file);
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

export interface OperatorKey {
  /** SHA-256, in hexadecimal; the key itself is not kept in memory or in the database. */
  digest: string;
  /** Only when it was made just now. */
  fresh: string | undefined;
}

/** Where a key that was made here is kept. */
export function operatorKeyFile({ dataFolder }: Pick<Config, 'dataFolder'>): string {
  return join(dataFolder, OPERATOR_KEY_FILE);
}

/** The operator key: from the setting, as it was made at the first start, or made now and kept in the data folder. */
export async function openOperatorKey(
  config: Config,
  settings: SettingStore,
  sessions: SessionStore,
): Promise<OperatorKey> {
  if (config.operatorKey !== undefined) {
    const digest = digestOf(config.operatorKey);
    // Another key than before: whoever had that one is out of the console, too.
    if ((await settings.get('operator_key_digest')) !== digest) await sessions.removeOperators();
    await settings.put('operator_key_digest', digest);
    return { digest, fresh: undefined };
  }
  const stored = await settings.get('operator_key_digest');
  if (stored !== undefined) return { digest: stored, fresh: undefined };
  // The file first: a digest whose key nobody has would lock the operator out.
  const made = `pho_${randomBytes(24).toString('base64url')}`;
  const file = operatorKeyFile(config);
  writeKeyFile(file, made);
  const digest = await settings.putFirst('operator_key_digest', digestOf(made));
  if (digest === digestOf(made)) return { digest, fresh: made };
  rmSync(file);
  return { digest, fresh: undefined };
}
