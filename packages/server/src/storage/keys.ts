import { byteas } from './arrays.ts';
import { type Database, type Parameter, statement } from './database.ts';
import { fromUuidText, toUuidText } from './rows.ts';
import type { ApiKey, KeyStore } from './store.ts';

const VERIFY = statement('keys_verify');
/** Texts of one key that are valid beside the newest one. */
const OLD_TEXTS_MAX = 4;

interface KeyRow {
  id: string;
  account_id: string;
  label: string;
  scopes: string[];
  prefix: string;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  previous_until: Date | null;
}

const COLUMNS = 'id, account_id, label, scopes, prefix, created_at, expires_at, last_used_at';
const SHOWN = `${COLUMNS}, (SELECT max(d.expires_at) FROM api_key_digests d WHERE d.key_id = api_keys.id) AS previous_until`;

function toKey(row: KeyRow): ApiKey {
  return {
    id: fromUuidText('key', row.id),
    accountId: row.account_id,
    label: row.label,
    scopes: row.scopes,
    prefix: row.prefix,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    previousUntil: row.previous_until,
  };
}

export function keyStore(database: Database): KeyStore {
  const one = async (text: string, values: Parameter[]) => {
    const [row] = await database.run<KeyRow>(text, values);
    return row && toKey(row);
  };

  return {
    create(key, digest, max) {
      return database.transaction(async (run) => {
        await run('SELECT FROM accounts WHERE id = $1 FOR UPDATE', [key.accountId]);
        const [counted] = await run<{ n: number }>('SELECT count(*)::int AS n FROM api_keys WHERE account_id = $1', [
          key.accountId,
        ]);
        if ((counted?.n ?? 0) >= max) return false;
        const uuid = toUuidText('key', key.id);
        await run(`INSERT INTO api_keys (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)`, [
          uuid,
          key.accountId,
          key.label,
          JSON.stringify(key.scopes),
          key.prefix,
          key.createdAt,
          key.expiresAt,
        ]);
        await run('INSERT INTO api_key_digests (digest, key_id) VALUES ($1, $2)', [digest, uuid]);
        return true;
      });
    },

    find: (accountId, id) =>
      one(`SELECT ${SHOWN} FROM api_keys WHERE account_id = $1 AND id = $2`, [accountId, toUuidText('key', id)]),

    async list(accountId, { limit, before }) {
      const rows = await database.run<KeyRow>(
        `SELECT ${SHOWN} FROM api_keys WHERE account_id = $1 AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $2`,
        [accountId, limit, before === undefined ? null : toUuidText('key', before)],
      );
      return rows.map(toKey);
    },

    change: (accountId, id, { label, scopes, expiresAt }) =>
      one(
        `UPDATE api_keys SET label = coalesce($3, label), scopes = coalesce($4, scopes),
           expires_at = CASE WHEN $5 THEN $6 ELSE expires_at END
         WHERE account_id = $1 AND id = $2 RETURNING ${SHOWN}`,
        [
          accountId,
          toUuidText('key', id),
          label ?? null,
          scopes ? JSON.stringify(scopes) : null,
          expiresAt !== undefined,
          expiresAt ?? null,
        ],
      ),

    async remove(accountId, id) {
      const rows = await database.run('DELETE FROM api_keys WHERE account_id = $1 AND id = $2 RETURNING id', [
        accountId,
        toUuidText('key', id),
      ]);
      return rows.length > 0;
    },

    rotate(accountId, id, digest, prefix, overlapUntil) {
      return database.transaction(async (run) => {
        const uuid = toUuidText('key', id);
        const [row] = await run<KeyRow>(
          `UPDATE api_keys SET prefix = $3 WHERE account_id = $1 AND id = $2 RETURNING ${SHOWN}`,
          [accountId, uuid, prefix],
        );
        if (!row) return undefined;
        // Texts of rotations before keep the time that they were promised, or less when this one asks for less.
        await run(
          `UPDATE api_key_digests SET expires_at = least(coalesce(expires_at, 'infinity'), $2) WHERE key_id = $1`,
          [uuid, overlapUntil],
        );
        await run(
          `DELETE FROM api_key_digests WHERE digest IN (
             SELECT digest FROM api_key_digests WHERE key_id = $1 ORDER BY expires_at DESC OFFSET $2)`,
          [uuid, OLD_TEXTS_MAX],
        );
        await run('INSERT INTO api_key_digests (digest, key_id) VALUES ($1, $2)', [digest, uuid]);
        return { ...toKey(row), previousUntil: overlapUntil };
      });
    },

    async verify(digests) {
      const rows = await database.hot<{
        digest: Buffer;
        id: string;
        account_id: string;
        contract: string;
        scopes: string[];
        expires_at: Date | null;
      }>(VERIFY, [byteas(digests)]);
      const found = new Map(rows.map((row) => [row.digest.toString('hex'), row]));
      return digests.map((digest) => {
        const row = found.get(digest.toString('hex'));
        return (
          row && {
            id: fromUuidText('key', row.id),
            accountId: row.account_id,
            contract: row.contract,
            scopes: row.scopes,
            expiresAtMs: row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY,
          }
        );
      });
    },

    async used(times) {
      if (times.size === 0) return;
      const ids = `{${[...times.keys()].map((id) => toUuidText('key', id)).join(',')}}`;
      const at = `{${[...times.values()].map((ms) => new Date(ms).toISOString()).join(',')}}`;
      // Locked in one order everywhere: two nodes that note the same keys wait for each other in turn, not crosswise.
      await database.run(
        `WITH given AS (
           SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS g(key_id, at)
         ), locked AS MATERIALIZED (
           SELECT k.id, g.at FROM api_keys k JOIN given g ON g.key_id = k.id ORDER BY k.id FOR NO KEY UPDATE OF k
         )
         UPDATE api_keys SET last_used_at = greatest(last_used_at, locked.at) FROM locked WHERE api_keys.id = locked.id`,
        [ids, at],
      );
    },

    async countCall(id, minuteMs) {
      const [row] = await database.run<{ calls: number }>(
        `INSERT INTO api_key_calls (key_id, minute, calls) VALUES ($1, $2, 1)
         ON CONFLICT (key_id, minute) DO UPDATE SET calls = api_key_calls.calls + 1 RETURNING calls`,
        [toUuidText('key', id), new Date(minuteMs)],
      );
      return row?.calls ?? 1;
    },

    async dropCallsBefore(ms) {
      await database.run('DELETE FROM api_key_calls WHERE minute < $1', [new Date(ms)]);
    },
  };
}
