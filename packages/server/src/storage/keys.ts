import { byteas } from './arrays.ts';
import type { Database } from './database.ts';
import { fromUuidText, toUuidText } from './rows.ts';
import { type Parameter, statement } from './statement.ts';
import type { ApiKey, KeyDay, KeyStore } from './store.ts';

const VERIFY = statement('keys_verify');
const USED = statement('keys_used').text;
/** Days that are shown of a key. */
const DAYS_SHOWN = 14;
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
  enabled: boolean;
  networks: string[];
  last_refused_at: Date | null;
  last_refusal: string | null;
  days: KeyDay[];
}

const COLUMNS = 'id, account_id, label, scopes, prefix, created_at, expires_at, last_used_at';
const SHOWN = `${COLUMNS}, enabled, networks, last_refused_at, last_refusal,
  (SELECT max(d.expires_at) FROM api_key_digests d WHERE d.key_id = api_keys.id) AS previous_until,
  coalesce((
    SELECT json_agg(json_build_object('day', d.day, 'calls', d.calls, 'refusals', d.refusals) ORDER BY d.day DESC)
    FROM (SELECT * FROM api_key_days d WHERE d.key_id = api_keys.id ORDER BY d.day DESC LIMIT ${DAYS_SHOWN}) d
  ), '[]') AS days`;

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
    enabled: row.enabled,
    networks: row.networks,
    lastRefusedAt: row.last_refused_at,
    lastRefusal: row.last_refusal,
    days: row.days,
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
        await run(`INSERT INTO api_keys (${COLUMNS}, networks) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8)`, [
          uuid,
          key.accountId,
          key.label,
          JSON.stringify(key.scopes),
          key.prefix,
          key.createdAt,
          key.expiresAt,
          JSON.stringify(key.networks),
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

    change: (accountId, id, { label, scopes, expiresAt, enabled, networks }) =>
      one(
        `UPDATE api_keys SET label = coalesce($3, label), scopes = coalesce($4, scopes),
           expires_at = CASE WHEN $5 THEN $6 ELSE expires_at END,
           enabled = coalesce($7, enabled), networks = coalesce($8, networks)
         WHERE account_id = $1 AND id = $2 RETURNING ${SHOWN}`,
        [
          accountId,
          toUuidText('key', id),
          label ?? null,
          scopes ? JSON.stringify(scopes) : null,
          expiresAt !== undefined,
          expiresAt ?? null,
          enabled ?? null,
          networks ? JSON.stringify(networks) : null,
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
        enabled: boolean;
        networks: string[];
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
            enabled: row.enabled,
            networks: row.networks,
          }
        );
      });
    },

    async used(uses) {
      if (uses.size === 0) return;
      const all = [...uses].map(([id, use]) => ({ id: toUuidText('key', id), ...use }));
      const days = all.flatMap(({ id, days: seen }) => [...seen].map(([day, counts]) => ({ id, day, ...counts })));
      const list = (values: readonly (string | number | null)[]) =>
        `{${values.map((value) => value ?? 'NULL').join(',')}}`;
      const instant = (ms: number | undefined) => (ms === undefined ? null : `"${new Date(ms).toISOString()}"`);
      await database.run(USED, [
        list(all.map(({ id }) => id)),
        list(all.map(({ usedAtMs }) => instant(usedAtMs))),
        list(all.map(({ refused }) => instant(refused?.atMs))),
        list(all.map(({ refused }) => refused?.reason ?? null)),
        list(days.map(({ id }) => id)),
        list(days.map(({ day }) => day)),
        list(days.map(({ calls }) => calls)),
        list(days.map(({ refusals }) => refusals)),
      ]);
    },

    async dropDaysBefore(ms) {
      await database.run('DELETE FROM api_key_days WHERE day < $1::date', [new Date(ms).toISOString().slice(0, 10)]);
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
