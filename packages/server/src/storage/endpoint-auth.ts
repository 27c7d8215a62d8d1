/** What endpoints authenticate with, sealed, and the tokens that nodes share. */
import type { EndpointAuth } from '../domain/endpoint-auth.ts';
import type { EndpointTls } from '../domain/endpoint-tls.ts';
import type { Database } from './database.ts';
import { toUuidText } from './rows.ts';
import { SealedPartTable } from './sealed-part.ts';
import type { TokenStore } from './store.ts';
import type { Vault } from './vault.ts';

export const authTable = new SealedPartTable<EndpointAuth>('endpoint_auth');
export const tlsTable = new SealedPartTable<EndpointTls>('endpoint_tls');
export const transformationTable = new SealedPartTable<string>('endpoint_transformations');

const tokenIdentity = (endpointId: string): string => `endpoint_tokens ${endpointId}`;

/** With other credentials a token of before is of no use. */
export async function storeAuth(
  run: Database['run'],
  vault: Vault,
  { accountId, id, auth }: { accountId: string; id: string; auth: EndpointAuth | null },
): Promise<void> {
  await run('DELETE FROM endpoint_tokens WHERE endpoint_id = $1', [toUuidText('ep', id)]);
  await authTable.store(run, vault, accountId, id, auth);
}

export function tokenStore(database: Database, vault: Vault): TokenStore {
  return {
    async find(endpointId, config) {
      const [row] = await database.run<{ key_id: string; ciphertext: Buffer; renew_at: Date; expires_at: Date }>(
        `SELECT key_id, ciphertext, renew_at, expires_at FROM endpoint_tokens
         WHERE endpoint_id = $1 AND config = $2 AND ciphertext IS NOT NULL`,
        [toUuidText('ep', endpointId), config],
      );
      if (!row || !vault.holds(row.key_id)) return undefined;
      const sealed = { keyId: row.key_id, ciphertext: row.ciphertext };
      return {
        token: vault.open(sealed, tokenIdentity(endpointId)),
        renewAtMs: row.renew_at.getTime(),
        expiresAtMs: row.expires_at.getTime(),
      };
    },

    async claim(endpointId, config, nowMs, untilMs) {
      const claimed = await database.run(
        `INSERT INTO endpoint_tokens AS t (endpoint_id, config, asked_until)
         SELECT id, $2, $4 FROM endpoints WHERE id = $1
         ON CONFLICT (endpoint_id) DO UPDATE SET asked_until = $4, config = $2,
           ciphertext = CASE WHEN t.config = $2 THEN t.ciphertext END
         WHERE t.asked_until IS NULL OR t.asked_until <= $3 OR t.config <> $2
         RETURNING 1`,
        [toUuidText('ep', endpointId), config, new Date(nowMs), new Date(untilMs)],
      );
      return claimed.length > 0;
    },

    async keep(endpointId, config, { token, renewAtMs, expiresAtMs }, digest) {
      const { keyId, ciphertext } = vault.seal(token, tokenIdentity(endpointId));
      await database.run(
        `UPDATE endpoint_tokens SET key_id = $3, ciphertext = $4, renew_at = $5, expires_at = $6, digest = $7, asked_until = NULL
         WHERE endpoint_id = $1 AND config = $2`,
        [toUuidText('ep', endpointId), config, keyId, ciphertext, new Date(renewAtMs), new Date(expiresAtMs), digest],
      );
    },

    async release(endpointId, config) {
      await database.run('UPDATE endpoint_tokens SET asked_until = NULL WHERE endpoint_id = $1 AND config = $2', [
        toUuidText('ep', endpointId),
        config,
      ]);
    },

    async forget(endpointId, digest) {
      await database.run('DELETE FROM endpoint_tokens WHERE endpoint_id = $1 AND digest = $2', [
        toUuidText('ep', endpointId),
        digest,
      ]);
    },
  };
}
