import { encodeId, firstUuidOf } from '../domain/ids.ts';
import type { Database } from './database.ts';
import type { Bin, BinStore } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuidText } from './rows.ts';
import type { Parameter } from './statement.ts';
import type { Vault } from './vault.ts';

interface BinRow {
  id: string;
  account_id: string;
  token: string;
  status: number;
  delay_ms: number;
  body: string;
  headers: Record<string, string>;
  expires_at: Date;
}

const COLUMNS = 'id, account_id, token, status, delay_ms, body, headers, expires_at';

function toBin(row: BinRow): Bin {
  return {
    id: fromUuidText('bin', row.id),
    accountId: row.account_id,
    token: row.token,
    status: row.status,
    delayMs: row.delay_ms,
    body: row.body,
    headers: row.headers,
    expiresAt: row.expires_at,
  };
}

/** The associated data of a request's sealed headers. */
export function binRequestIdentity(binId: string, id: string): string {
  return `bin_requests ${binId} ${id}`;
}

export function binStore(database: Database, vault: Vault): BinStore {
  const many = async (where: string, values: Parameter[]) =>
    (await database.run<BinRow>(`SELECT ${COLUMNS} FROM bins WHERE ${where} ORDER BY id DESC`, values)).map(toBin);

  return {
    create(bin, max) {
      return database.transaction(async (run) => {
        await run('SELECT FROM accounts WHERE id = $1 FOR UPDATE', [bin.accountId]);
        const [counted] = await run<{ n: number }>('SELECT count(*)::int AS n FROM bins WHERE account_id = $1', [
          bin.accountId,
        ]);
        if ((counted?.n ?? 0) >= max) return false;
        await run(`INSERT INTO bins (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, [
          toUuidText('bin', bin.id),
          bin.accountId,
          bin.token,
          bin.status,
          bin.delayMs,
          bin.body,
          JSON.stringify(bin.headers),
          bin.expiresAt,
        ]);
        return true;
      });
    },

    list: (accountId) => many('account_id = $1', [accountId]),
    find: async (accountId, id) => (await many('account_id = $1 AND id = $2', [accountId, toUuidText('bin', id)]))[0],
    findByToken: async (token) => (await many('token = $1', [token]))[0],

    async change(accountId, id, { status, delayMs, body, headers }) {
      const [row] = await database.run<BinRow>(
        `UPDATE bins SET status = $3, delay_ms = $4, body = $5, headers = $6
         WHERE account_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
        [accountId, toUuidText('bin', id), status, delayMs, body, JSON.stringify(headers)],
      );
      return row && toBin(row);
    },

    async remove(accountId, id) {
      const rows = await database.run('DELETE FROM bins WHERE account_id = $1 AND id = $2 RETURNING id', [
        accountId,
        toUuidText('bin', id),
      ]);
      return rows.length > 0;
    },

    async addRequest(binId, { id, method, path, headers, secretHeaders, body, truncated, verifiedBy }, keep) {
      const bin = toUuidText('bin', binId);
      const identity = binRequestIdentity(binId, id);
      const sealed = secretHeaders.length > 0 ? vault.seal(JSON.stringify(secretHeaders), identity) : undefined;
      await database.run(
        `INSERT INTO bin_requests (bin_id, id, method, path, headers, body, truncated, verified_by, key_id, sealed)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE EXISTS (SELECT FROM bins WHERE id = $1)`,
        [
          bin,
          toUuidText('req', id),
          method,
          path,
          JSON.stringify(headers),
          body,
          truncated,
          verifiedBy,
          sealed?.keyId ?? null,
          sealed?.ciphertext ?? null,
        ],
      );
      await database.run(
        `WITH newest AS (
           SELECT id, row_number() OVER later AS place, sum(octet_length(body)) OVER later AS bytes
           FROM bin_requests WHERE bin_id = $1 WINDOW later AS (ORDER BY id DESC))
         DELETE FROM bin_requests WHERE bin_id = $1 AND id IN (SELECT id FROM newest WHERE place > $2 OR bytes > $3)`,
        [bin, keep.requests, keep.bytes],
      );
    },

    async requests(binId, limit, fromMs) {
      const rows = await database.run<{
        id: string;
        method: string;
        path: string;
        headers: string;
        body: Buffer;
        truncated: boolean;
        verified_by: string | null;
        key_id: string | null;
        sealed: Buffer | null;
      }>(
        `SELECT id, method, path, headers, body, truncated, verified_by, key_id, sealed FROM bin_requests
         WHERE bin_id = $1 AND id >= $3 ORDER BY id DESC LIMIT $2`,
        [toUuidText('bin', binId), limit, firstUuidOf(fromMs).toString('hex')],
      );
      return rows.map(({ verified_by: verifiedBy, key_id: keyId, sealed, ...row }) => {
        const id = encodeId('req', bytesOfUuid(row.id));
        const secretHeaders =
          keyId !== null && sealed ? vault.open({ keyId, ciphertext: sealed }, binRequestIdentity(binId, id)) : '[]';
        return {
          ...row,
          verifiedBy,
          id,
          headers: JSON.parse(row.headers) as [string, string][],
          secretHeaders: JSON.parse(secretHeaders) as [string, string][],
        };
      });
    },

    async dropExpired(ms) {
      await database.run('DELETE FROM bins WHERE expires_at < $1', [new Date(ms)]);
    },
  };
}
