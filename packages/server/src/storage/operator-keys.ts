import type { Database } from './database.ts';
import type { OperatorKey, OperatorKeyStore, OperatorRole } from './page-store.ts';
import { fromUuidText, toUuidText } from './rows.ts';

interface Row {
  id: string;
  name: string;
  role: OperatorRole;
  prefix: string;
  previous_until: Date | null;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
}

const COLUMNS = 'id, name, role, prefix, previous_until, created_at, expires_at, last_used_at';

function toKey(row: Row): OperatorKey {
  return {
    id: fromUuidText('opk', row.id),
    name: row.name,
    role: row.role,
    prefix: row.prefix,
    previousUntil: row.previous_until,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  };
}

export function operatorKeyStore(database: Database): OperatorKeyStore {
  return {
    create({ id, name, role, prefix, createdAt, expiresAt }, digest, max) {
      return database.transaction(async (run) => {
        // The lock makes the count hold against keys that are created at the same moment.
        await run('LOCK TABLE operator_keys IN SHARE ROW EXCLUSIVE MODE');
        const rows = await run(
          `INSERT INTO operator_keys (id, name, role, prefix, digest, created_at, expires_at)
           SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM operator_keys) < $8 RETURNING 1`,
          [toUuidText('opk', id), name, role, prefix, digest, createdAt, expiresAt, max],
        );
        return rows.length > 0;
      });
    },

    async list({ limit, before }) {
      const rows = await database.run<Row>(
        `SELECT ${COLUMNS} FROM operator_keys WHERE ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $1`,
        [limit, before === undefined ? null : toUuidText('opk', before)],
      );
      return rows.map(toKey);
    },

    async find(id) {
      const [row] = await database.run<Row>(`SELECT ${COLUMNS} FROM operator_keys WHERE id = $1`, [
        toUuidText('opk', id),
      ]);
      return row && toKey(row);
    },

    async findByDigest(digest, now) {
      const [row] = await database.run<Row>(
        `SELECT ${COLUMNS} FROM operator_keys
         WHERE (digest = $1 OR (previous_digest = $1 AND previous_until > $2)) AND (expires_at IS NULL OR expires_at > $2)`,
        [digest, now],
      );
      return row && toKey(row);
    },

    async rotate(id, digest, prefix, previousUntil) {
      // Whoever had the text before may have signed in with it.
      await database.run('DELETE FROM page_sessions WHERE operator_key = $1', [toUuidText('opk', id)]);
      const [row] = await database.run<Row>(
        `UPDATE operator_keys SET previous_digest = digest, previous_until = $4, digest = $2, prefix = $3
         WHERE id = $1 RETURNING ${COLUMNS}`,
        [toUuidText('opk', id), digest, prefix, previousUntil],
      );
      return row && toKey(row);
    },

    async remove(id) {
      const rows = await database.run('DELETE FROM operator_keys WHERE id = $1 RETURNING 1', [toUuidText('opk', id)]);
      return rows.length > 0;
    },

    async noteUse(id, at) {
      await database.run('UPDATE operator_keys SET last_used_at = greatest(last_used_at, $2) WHERE id = $1', [
        toUuidText('opk', id),
        at,
      ]);
    },
  };
}
