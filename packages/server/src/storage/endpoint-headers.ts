/** The values of endpoints' own headers: sealed, a row for each set of headers that an endpoint has had. */
import { int8s } from './arrays.ts';
import type { Database } from './database.ts';
import { fromUuidText, toUuidText } from './rows.ts';
import type { Vault } from './vault.ts';

export type Headers = Record<string, string>;

/** A row of `endpoint_headers` as statements answer it inside of JSON. */
export interface SealedHeaders {
  id: string;
  key_id: string;
  /** base64 */
  ciphertext: string;
}

/** For statements that read endpoints: their sealed headers, or NULL. */
export const SEALED_HEADERS = `(
  SELECT json_build_object('id', h.id::text, 'key_id', h.key_id, 'ciphertext', encode(h.ciphertext, 'base64'))
  FROM endpoint_headers h WHERE h.id = endpoints.headers_id)`;

/** The associated data of a set of headers. */
export function headersIdentity(endpointId: string, id: string): string {
  return `endpoint_headers ${endpointId} ${id}`;
}

export function openHeaders(vault: Vault, endpointId: string, { id, key_id, ciphertext }: SealedHeaders): Headers {
  const sealed = { keyId: key_id, ciphertext: Buffer.from(ciphertext, 'base64') };
  return JSON.parse(vault.open(sealed, headersIdentity(endpointId, id))) as Headers;
}

/** Stores a set of headers. Answers its id; `null` when there are none. */
export async function storeHeaders(
  run: Database['run'],
  vault: Vault,
  { accountId, endpointId, headers }: { accountId: string; endpointId: string; headers: Headers },
): Promise<string | null> {
  if (Object.keys(headers).length === 0) return null;
  const [next] = await run<{ id: string }>("SELECT nextval('endpoint_headers_id')::text AS id");
  const id = next?.id ?? '';
  const { keyId, ciphertext } = vault.seal(JSON.stringify(headers), headersIdentity(endpointId, id));
  await run(
    'INSERT INTO endpoint_headers (id, account_id, endpoint_id, key_id, ciphertext) VALUES ($1, $2, $3, $4, $5)',
    [id, accountId, toUuidText('ep', endpointId), keyId, ciphertext],
  );
  return id;
}

export async function retireHeaders(run: Database['run'], id: string | null): Promise<void> {
  if (id !== null) await run('UPDATE endpoint_headers SET replaced_at = now() WHERE id = $1', [id]);
}

/** The sets of headers that attempts refer to, by id. */
export async function readHeaders(
  database: Database,
  vault: Vault,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Headers>> {
  if (ids.length === 0) return new Map();
  const rows = await database.run<{ id: string; endpoint_id: string; key_id: string; ciphertext: Buffer }>(
    'SELECT id::text, endpoint_id, key_id, ciphertext FROM endpoint_headers WHERE id = ANY ($1::int8[])',
    [int8s(ids)],
  );
  return new Map(
    rows.map(({ id, endpoint_id, key_id: keyId, ciphertext }) => {
      const identity = headersIdentity(fromUuidText('ep', endpoint_id), id);
      return [id, JSON.parse(vault.open({ keyId, ciphertext }, identity)) as Headers];
    }),
  );
}

/**
 * Seals headers that were stored before sealing existed: of one account, or of `limit` endpoints of any.
 * Answers whether there were any.
 */
export function sealPlainHeaders(
  database: Database,
  vault: Vault,
  { accountId = null, limit }: { accountId?: string | null; limit: number },
): Promise<boolean> {
  return database.transaction(async (run) => {
    const rows = await run<{ id: string; account_id: string; headers: Headers }>(
      `SELECT id, account_id, headers FROM endpoints
       WHERE headers <> '{}' AND ($1::text IS NULL OR account_id = $1) ORDER BY id LIMIT $2 FOR UPDATE`,
      [accountId, limit],
    );
    for (const { id, account_id, headers } of rows) {
      const set = { accountId: account_id, endpointId: fromUuidText('ep', id), headers };
      const headersId = await storeHeaders(run, vault, set);
      await run(`UPDATE endpoints SET headers = '{}', headers_id = $2 WHERE id = $1`, [id, headersId]);
    }
    return rows.length > 0;
  });
}
