import { noticeIdentity } from './account-notices.ts';
import { secretIdentity } from './accounts.ts';
import { byteas, texts } from './arrays.ts';
import { binRequestIdentity } from './bins.ts';
import type { Database } from './database.ts';
import { authTable, tlsTable, transformationTable } from './endpoint-auth.ts';
import { headersIdentity } from './endpoint-headers.ts';
import { fromUuidText } from './rows.ts';
import type { SealedStore } from './store.ts';
import type { Vault } from './vault.ts';

interface SealedTable {
  name: string;
  /** The column that holds the ciphertext. */
  sealed: string;
  /** Two columns that name a row, with their types. */
  key: readonly [[name: string, type: string], [name: string, type: string]];
  /** The associated data, from the values of these columns as text. */
  identity: (first: string, second: string) => string;
}

/** Everything that a master key seals, besides its own proof in `settings`. */
const TABLES: readonly SealedTable[] = [
  {
    name: 'endpoint_secrets',
    sealed: 'ciphertext',
    key: [
      ['endpoint_id', 'uuid'],
      ['number', 'int4'],
    ],
    identity: (endpoint, number) => secretIdentity(fromUuidText('ep', endpoint), Number(number)),
  },
  {
    name: 'endpoint_headers',
    sealed: 'ciphertext',
    key: [
      ['endpoint_id', 'uuid'],
      ['id', 'int8'],
    ],
    identity: (endpoint, id) => headersIdentity(fromUuidText('ep', endpoint), id),
  },
  {
    name: 'endpoint_auth',
    sealed: 'ciphertext',
    key: [
      ['endpoint_id', 'uuid'],
      ['account_id', 'text'],
    ],
    identity: (endpoint) => authTable.identity(fromUuidText('ep', endpoint)),
  },
  {
    name: 'endpoint_tls',
    sealed: 'ciphertext',
    key: [
      ['endpoint_id', 'uuid'],
      ['account_id', 'text'],
    ],
    identity: (endpoint) => tlsTable.identity(fromUuidText('ep', endpoint)),
  },
  {
    name: 'endpoint_transformations',
    sealed: 'ciphertext',
    key: [
      ['endpoint_id', 'uuid'],
      ['account_id', 'text'],
    ],
    identity: (endpoint) => transformationTable.identity(fromUuidText('ep', endpoint)),
  },
  {
    name: 'bin_requests',
    sealed: 'sealed',
    key: [
      ['bin_id', 'uuid'],
      ['id', 'uuid'],
    ],
    identity: (bin, id) => binRequestIdentity(fromUuidText('bin', bin), fromUuidText('req', id)),
  },
  {
    name: 'account_notices',
    sealed: 'ciphertext',
    key: [
      ['account_id', 'text'],
      ['number', 'int4'],
    ],
    identity: (account, number) => noticeIdentity(account, Number(number)),
  },
];

export function sealedStore(database: Database, vault: Vault): SealedStore {
  return {
    async keyIds() {
      // Each probe of the index jumps to the next key: there are few, and millions of rows.
      const rows = await database.run<{ key_id: string }>(
        TABLES.map(
          ({ name }) => `SELECT key_id FROM (
            WITH RECURSIVE used AS (
              SELECT min(key_id) AS key_id FROM ${name}
              UNION ALL SELECT (SELECT min(key_id) FROM ${name} WHERE key_id > used.key_id) FROM used WHERE key_id IS NOT NULL
            ) SELECT key_id FROM used WHERE key_id IS NOT NULL) AS ${name}`,
        ).join(' UNION '),
      );
      return rows.map((row) => row.key_id);
    },

    async countByKey() {
      const rows = await database.run<{ key_id: string; rows: string }>(
        `SELECT key_id, count(*) AS rows FROM (${TABLES.map(
          ({ name }) => `SELECT key_id FROM ${name} WHERE key_id IS NOT NULL`,
        ).join(' UNION ALL ')}) AS sealed GROUP BY key_id`,
      );
      return new Map(rows.map((row) => [row.key_id, Number(row.rows)]));
    },

    async reseal(keyId, limit) {
      for (const table of TABLES) {
        const count = await resealPiece(database, vault, table, keyId, limit);
        if (count > 0) return { table: table.name, count };
      }
      return undefined;
    },
  };
}

/** One transaction. Answers how many rows it sealed anew. */
function resealPiece(
  database: Database,
  vault: Vault,
  { name, sealed, key, identity }: SealedTable,
  keyId: string,
  limit: number,
): Promise<number> {
  const [[a, typeOfA], [b, typeOfB]] = key;
  return database.transaction(async (run) => {
    const rows = await run<{ a: string; b: string; ciphertext: Buffer }>(
      `SELECT ${a}::text AS a, ${b}::text AS b, ${sealed} AS ciphertext FROM ${name} WHERE key_id = $1 LIMIT $2 FOR UPDATE`,
      [keyId, limit],
    );
    if (rows.length === 0) return 0;
    const again = rows.map((row) => {
      const own = identity(row.a, row.b);
      return vault.seal(vault.open({ keyId, ciphertext: row.ciphertext }, own), own).ciphertext;
    });
    await run(
      `UPDATE ${name} AS t SET key_id = $1, ${sealed} = n.ciphertext
       FROM unnest($2::text[], $3::text[], $4::bytea[]) AS n(a, b, ciphertext)
       WHERE t.${a} = n.a::${typeOfA} AND t.${b} = n.b::${typeOfB}`,
      [vault.currentKeyId, texts(rows.map((row) => row.a)), texts(rows.map((row) => row.b)), byteas(again)],
    );
    return rows.length;
  });
}
