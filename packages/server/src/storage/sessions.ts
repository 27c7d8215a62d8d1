import { encodeId, firstUuidOf, timeOfId } from '../domain/ids.ts';
import type { Database } from './database.ts';
import type { AuditStore, Operator, OperatorRole, PageTheme, Permission, SessionStore } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuidText } from './rows.ts';

/** Sessions of one account's page at a time, and links to one bin; those that end first make room. */
const OF_ACCOUNT_MAX = 1_000;
const OF_BIN_MAX = 50;

interface SessionRow {
  account_id: string | null;
  permissions: Permission[];
  theme: PageTheme;
  user_name: string | null;
  expires_at: Date;
  bin_id: string | null;
  key_id: string | null;
  key_name: string | null;
  key_role: OperatorRole | null;
  operator_role: OperatorRole | null;
}

function operatorOf({ key_id, key_name, key_role, operator_role, user_name }: SessionRow): Operator | null {
  if (key_id !== null && key_name !== null && key_role !== null)
    return { keyId: fromUuidText('opk', key_id), name: key_name, role: key_role };
  return operator_role === null ? null : { keyId: null, name: user_name ?? '', role: operator_role };
}

export function sessionStore(database: Database): SessionStore {
  return {
    async create(digest, { accountId, operator, permissions, theme, userName, expiresAtMs, binId }) {
      await database.run(
        `INSERT INTO page_sessions (digest, account_id, permissions, theme, user_name, expires_at, bin_id, operator_key, operator_role)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          digest,
          accountId,
          JSON.stringify(permissions),
          JSON.stringify(theme),
          userName,
          new Date(expiresAtMs),
          binId === null ? null : toUuidText('bin', binId),
          operator?.keyId ? toUuidText('opk', operator.keyId) : null,
          operator?.keyId === null ? operator.role : null,
        ],
      );
      if (binId !== null) {
        await database.run(
          `DELETE FROM page_sessions WHERE digest IN (
             SELECT digest FROM page_sessions WHERE bin_id = $1 AND digest <> $2 ORDER BY expires_at DESC OFFSET $3)`,
          [toUuidText('bin', binId), digest, OF_BIN_MAX - 1],
        );
      } else if (accountId !== null) {
        await database.run(
          `DELETE FROM page_sessions WHERE digest IN (
             SELECT digest FROM page_sessions WHERE account_id = $1 AND bin_id IS NULL AND digest <> $2
             ORDER BY account_id DESC, expires_at DESC OFFSET $3)`,
          [accountId, digest, OF_ACCOUNT_MAX - 1],
        );
      }
    },

    async find(digest) {
      const [row] = await database.run<SessionRow>(
        `SELECT account_id, permissions, theme, user_name, least(s.expires_at, k.expires_at) AS expires_at, bin_id,
           operator_role, k.id AS key_id, k.name AS key_name, k.role AS key_role
         FROM page_sessions s LEFT JOIN operator_keys k ON k.id = s.operator_key WHERE s.digest = $1`,
        [digest],
      );
      return (
        row && {
          accountId: row.account_id,
          operator: operatorOf(row),
          permissions: row.permissions,
          theme: row.theme,
          userName: row.user_name,
          expiresAtMs: row.expires_at.getTime(),
          binId: row.bin_id === null ? null : fromUuidText('bin', row.bin_id),
        }
      );
    },

    async remove(digest) {
      await database.run('DELETE FROM page_sessions WHERE digest = $1', [digest]);
    },

    async removeOperators() {
      await database.run('DELETE FROM page_sessions WHERE account_id IS NULL');
    },

    async removeOf(accountId, userName) {
      await database.run('DELETE FROM page_sessions WHERE account_id = $1 AND ($2::text IS NULL OR user_name = $2)', [
        accountId,
        userName,
      ]);
    },

    async dropBefore(ms) {
      await database.run('DELETE FROM page_sessions WHERE expires_at < $1', [new Date(ms)]);
    },
  };
}

export function auditStore(database: Database): AuditStore {
  return {
    async add({ id, accountId, actor, userName, action, target, detail }) {
      await database.run(
        `INSERT INTO audit_log (id, account_id, actor, user_name, action, target, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [toUuidText('aud', id), accountId, actor, userName, action, target, JSON.stringify(detail)],
      );
    },

    async dropBefore(ms) {
      await database.run('DELETE FROM audit_log WHERE id < $1', [firstUuidOf(ms).toString('hex')]);
    },

    async list(accountId, { limit, before }, sinceMs = 0) {
      // What happened under the same id before belongs to an account that was deleted.
      const [account] = await database.run<{ created_at: Date }>('SELECT created_at FROM accounts WHERE id = $1', [
        accountId,
      ]);
      const fromMs = Math.max(sinceMs, account?.created_at.getTime() ?? 0);
      const rows = await database.run<{
        id: string;
        account_id: string | null;
        actor: string;
        user_name: string | null;
        action: string;
        target: string | null;
        detail: Record<string, unknown>;
      }>(
        `SELECT id, account_id, actor, user_name, action, target, detail FROM audit_log
         WHERE ($1::text IS NULL OR account_id = $1) AND ($3::uuid IS NULL OR id < $3) AND id >= $4
         ORDER BY id DESC LIMIT $2`,
        [
          accountId,
          limit,
          before === undefined ? null : toUuidText('aud', before),
          firstUuidOf(fromMs).toString('hex'),
        ],
      );
      return rows.map(({ id, account_id, user_name, ...row }) => {
        const bytes = bytesOfUuid(id);
        return {
          ...row,
          id: encodeId('aud', bytes),
          accountId: account_id,
          userName: user_name,
          atMs: timeOfId(bytes),
        };
      });
    },
  };
}
