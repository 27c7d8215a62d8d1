import type { Database } from './database.ts';
import { toUuidText } from './rows.ts';
import type { Vault } from './vault.ts';

/** A row of such a table as statements answer it inside of JSON. */
export interface SealedPart {
  key_id: string;
  /** base64 */
  ciphertext: string;
}

/** A part of an endpoint that is kept sealed, as JSON, in a table of its own: most endpoints have none. */
export class SealedPartTable<T> {
  /** For statements that read endpoints. */
  readonly selected: string;

  constructor(private readonly name: 'endpoint_auth' | 'endpoint_tls' | 'endpoint_transformations') {
    this.selected = `(
  SELECT json_build_object('key_id', a.key_id, 'ciphertext', encode(a.ciphertext, 'base64'))
  FROM ${name} a WHERE a.endpoint_id = endpoints.id)`;
  }

  /** The associated data. */
  identity(endpointId: string): string {
    return `${this.name} ${endpointId}`;
  }

  open(vault: Vault, endpointId: string, sealed: SealedPart | null): T | null {
    if (!sealed) return null;
    const { key_id: keyId, ciphertext } = sealed;
    return JSON.parse(vault.open({ keyId, ciphertext: Buffer.from(ciphertext, 'base64') }, this.identity(endpointId)));
  }

  async store(
    run: Database['run'],
    vault: Vault,
    accountId: string,
    endpointId: string,
    value: T | null,
  ): Promise<void> {
    const uuid = toUuidText('ep', endpointId);
    if (value === null) {
      await run(`DELETE FROM ${this.name} WHERE endpoint_id = $1`, [uuid]);
      return;
    }
    const { keyId, ciphertext } = vault.seal(JSON.stringify(value), this.identity(endpointId));
    await run(
      `INSERT INTO ${this.name} (endpoint_id, account_id, key_id, ciphertext) VALUES ($1, $2, $3, $4)
       ON CONFLICT (endpoint_id) DO UPDATE SET key_id = excluded.key_id, ciphertext = excluded.ciphertext`,
      [uuid, accountId, keyId, ciphertext],
    );
  }
}
