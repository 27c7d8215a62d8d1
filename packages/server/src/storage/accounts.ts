import { FIRST } from '../domain/first-cell.ts';
import type { Account } from '../domain/model.ts';
import type { Database } from './database.ts';
import { authTable, tlsTable, transformationTable } from './endpoint-auth.ts';
import { openHeaders, type SealedHeaders, sealPlainHeaders } from './endpoint-headers.ts';
import { fromUuidText } from './rows.ts';
import type { SealedPart } from './sealed-part.ts';
import { statement } from './statement.ts';
import type { AccountStore, EndpointSnapshot } from './store.ts';
import { hasOlderEnded } from './under-way.ts';
import type { Vault } from './vault.ts';

const DIRECTORY = statement('directory');
const REMOVE_ACCOUNT = statement('remove_account').text;
const REMOVE_CLOSED = statement('remove_closed').text;
const REMOVED_AT_ONCE = 5_000;
/** What an account has few of goes when it is closed; the rest follows in pieces. */
export const OF_ACCOUNT = [
  'endpoints',
  'api_keys',
  'page_sessions',
  'bins',
  'replays',
  'scheduled_events',
  'feeds',
  'lanes',
];
/** More than an account has. */
const ENDPOINTS_MAX = 1_000_000;

interface AccountRow {
  id: string;
  number: string;
  name: string;
  contract: string;
  metadata: Record<string, unknown>;
  created_at: Date;
  updated_at: Date;
}

interface SnapshotRow {
  id: string;
  name: string;
  contract: string;
  metadata: Record<string, unknown>;
  version: string;
  has_feed: boolean;
  endpoints: (Pick<EndpointSnapshot, 'id' | 'url' | 'status' | 'subscriptions' | 'headers' | 'version'> & {
    sealed_headers: SealedHeaders | null;
    sealed_auth: SealedPart | null;
    sealed_tls: SealedPart | null;
    sealed_transformation: SealedPart | null;
    rate_limit: number | null;
    concurrency: number | null;
    thin: boolean;
    proven_url: string | null;
    testing_until: string | null;
    recovering_at: string | null;
    secrets: { number: number; key_id: string; ciphertext: string; expires_at: string | null }[];
  })[];
}

const COLUMNS = 'id, number::text, name, contract, metadata, created_at, updated_at';

function toAccount(row: AccountRow): Account {
  const { created_at: createdAt, updated_at: updatedAt, number, ...rest } = row;
  return { ...rest, number: Number(number), createdAt, updatedAt };
}

/** Where an account stands in the list, whether it is still there or not: `1795341437276~acc_1`. */
export function accountPlace({ createdAt, id }: Pick<Account, 'createdAt' | 'id'>): string {
  return `${createdAt.getTime()}~${id}`;
}

function placeOf(place: string): [Date, string] {
  const at = place.indexOf('~');
  return [new Date(Number(place.slice(0, at))), place.slice(at + 1)];
}

/** The associated data of an endpoint's secret. */
export function secretIdentity(endpointId: string, number: number): string {
  return `endpoint_secrets ${endpointId} ${number}`;
}

export function accountStore(database: Database, vault: Vault): AccountStore {
  return {
    async create(account) {
      const rows = await database.run(
        `INSERT INTO accounts (id, name, contract, metadata, created_at, updated_at)
         SELECT $1, $2, $3, $4, $5, $5
         WHERE NOT EXISTS (SELECT FROM purges WHERE account_id = $1)
           AND NOT EXISTS (SELECT FROM account_cells WHERE account_id = $1 AND cell <> '${FIRST}')
         ON CONFLICT DO NOTHING RETURNING id`,
        [account.id, account.name, account.contract, JSON.stringify(account.metadata), account.createdAt],
      );
      if (rows.length > 0) return 'created';
      const open = await database.run(
        `SELECT FROM accounts WHERE id = $1 AND closed_at IS NULL
         UNION ALL SELECT FROM account_cells WHERE account_id = $1 AND cell <> '${FIRST}'`,
        [account.id],
      );
      return open.length > 0 ? 'exists' : 'being_deleted';
    },

    async find(id) {
      const [row] = await database.run<AccountRow>(
        `SELECT ${COLUMNS} FROM accounts WHERE id = $1 AND closed_at IS NULL`,
        [id],
      );
      return row && toAccount(row);
    },

    async list({ limit, before }, search) {
      const [createdAt, id] = before === undefined ? [null, null] : placeOf(before);
      const rows = await database.run<AccountRow>(
        `SELECT ${COLUMNS} FROM accounts
         WHERE closed_at IS NULL AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $4))
           AND ($3::text IS NULL OR position(lower($3) IN lower(id || ' ' || name)) > 0)
         ORDER BY created_at DESC, id DESC LIMIT $1`,
        [limit, createdAt, search ?? null, id],
      );
      return rows.map(toAccount);
    },

    async change(id, { name, metadata }) {
      const [row] = await database.run<AccountRow>(
        `UPDATE accounts SET name = coalesce($2, name), metadata = coalesce($3, metadata), updated_at = now(),
                             version = version + 1
         WHERE id = $1 AND closed_at IS NULL RETURNING ${COLUMNS}`,
        [id, name ?? null, metadata ? JSON.stringify(metadata) : null],
      );
      return row && toAccount(row);
    },

    close(id) {
      return database.transaction(async (run) => {
        const rows = await run(
          `UPDATE accounts SET closed_at = now(), closed_xid = pg_current_xact_id(), version = version + 1
           WHERE id = $1 AND closed_at IS NULL RETURNING id`,
          [id],
        );
        if (rows.length === 0) return false;
        for (const table of OF_ACCOUNT) await run(`DELETE FROM ${table} WHERE account_id = $1`, [id]);
        return true;
      });
    },

    async removeClosed() {
      const [oldest] = await database.run<{ id: string; closed_xid: string }>(
        'SELECT id, closed_xid FROM accounts WHERE closed_at IS NOT NULL AND moved_to IS NULL ORDER BY closed_at LIMIT 1',
      );
      // What is under way and does not know that it is closed could store an event for it.
      const isComplete = oldest && (await hasOlderEnded(database, 'posthorn%', oldest.closed_xid));
      return database.transaction(async (run) => {
        const [closed] = await run<{ id: string }>(
          'SELECT id FROM accounts WHERE closed_at IS NOT NULL AND moved_to IS NULL ORDER BY closed_at LIMIT 1 FOR UPDATE SKIP LOCKED',
        );
        if (!closed) return false;
        const [row] = await run<{ gone: number }>(REMOVE_ACCOUNT, [closed.id, REMOVED_AT_ONCE]);
        if (row?.gone) return true;
        if (closed.id !== oldest?.id || !isComplete) return false;
        return (await run(REMOVE_CLOSED, [closed.id])).length > 0;
      });
    },

    async snapshot(id) {
      let [row] = await database.hot<SnapshotRow>(DIRECTORY, [id]);
      if (row?.endpoints.some(({ headers }) => Object.keys(headers).length > 0)) {
        // Stored before headers were sealed. Attempts refer to sealed ones only.
        await sealPlainHeaders(database, vault, { accountId: id, limit: ENDPOINTS_MAX });
        [row] = await database.hot<SnapshotRow>(DIRECTORY, [id]);
      }
      if (!row) return undefined;
      const { version, endpoints, has_feed: hasFeed, ...account } = row;
      return {
        account,
        version,
        hasFeed,
        endpoints: endpoints.map(
          ({
            secrets,
            rate_limit,
            concurrency,
            thin,
            proven_url,
            testing_until,
            recovering_at,
            sealed_headers,
            sealed_auth,
            sealed_tls,
            sealed_transformation,
            ...endpoint
          }) => {
            const endpointId = fromUuidText('ep', endpoint.id);
            return {
              ...endpoint,
              id: endpointId,
              headers: sealed_headers ? openHeaders(vault, endpointId, sealed_headers) : {},
              headersId: sealed_headers?.id ?? null,
              auth: authTable.open(vault, endpointId, sealed_auth),
              tls: tlsTable.open(vault, endpointId, sealed_tls),
              transformation: transformationTable.open(vault, endpointId, sealed_transformation),
              rateLimit: rate_limit,
              concurrency,
              thin,
              provenUrl: proven_url,
              testingUntil: testing_until === null ? null : new Date(testing_until),
              recoveringAt: recovering_at === null ? null : new Date(recovering_at),
              secrets: secrets.map((s) => ({
                secret: vault.open(
                  { keyId: s.key_id, ciphertext: Buffer.from(s.ciphertext, 'base64') },
                  secretIdentity(endpointId, s.number),
                ),
                expiresAt: s.expires_at === null ? null : new Date(s.expires_at),
              })),
            };
          },
        ),
      };
    },
  };
}
