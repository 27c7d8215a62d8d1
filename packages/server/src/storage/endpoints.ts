import { Problem } from '../domain/errors.ts';
import type { Endpoint, EndpointStatus, InactiveReason } from '../domain/model.ts';
import type { SignatureKind } from '../domain/signature.ts';
import type { Subscription } from '../domain/subscription.ts';
import { secretIdentity } from './accounts.ts';
import type { Database } from './database.ts';
import { authTable, storeAuth, tlsTable, transformationTable } from './endpoint-auth.ts';
import {
  openHeaders,
  retireHeaders,
  SEALED_HEADERS,
  type SealedHeaders,
  sealPlainHeaders,
  storeHeaders,
} from './endpoint-headers.ts';
import { OLDER_NODES } from './nodes.ts';
import { fromUuidText, toUuidText } from './rows.ts';
import type { SealedPart } from './sealed-part.ts';
import { statement } from './statement.ts';
import type { EndpointStore } from './store.ts';
import type { Vault } from './vault.ts';

const STATS = statement('endpoint_stats');
const TESTING_DUE = statement('testing_due').text;
const DROP_OLD_HEADERS = statement('drop_old_headers').text;

interface EndpointRow {
  id: string;
  account_id: string;
  url: string;
  description: string;
  status: EndpointStatus;
  inactive_reason: InactiveReason | null;
  subscriptions: Subscription[];
  /** From before they were sealed. */
  headers: Record<string, string>;
  sealed_headers: SealedHeaders | null;
  sealed_auth: SealedPart | null;
  sealed_tls: SealedPart | null;
  sealed_transformation: SealedPart | null;
  signature: SignatureKind;
  public_key: string | null;
  number: string;
  version: string | null;
  rate_limit: number | null;
  concurrency: number | null;
  thin: boolean;
  proven_url: string | null;
  testing_until: Date | null;
  status_at: Date | null;
  previous_secret_until: Date | null;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS =
  'id, account_id, url, description, status, inactive_reason, subscriptions, headers_id, signature, public_key, version, rate_limit, concurrency, thin, proven_url, created_at, updated_at';
const SHOWN = `${COLUMNS}, headers, ${SEALED_HEADERS} AS sealed_headers, ${authTable.selected} AS sealed_auth, ${tlsTable.selected} AS sealed_tls,
  ${transformationTable.selected} AS sealed_transformation, number::text, testing_until, status_at,
  (SELECT max(s.expires_at) FROM endpoint_secrets s WHERE s.endpoint_id = endpoints.id) AS previous_secret_until`;

function toEndpoint(row: EndpointRow, vault: Vault): Endpoint {
  const id = fromUuidText('ep', row.id);
  return {
    id,
    accountId: row.account_id,
    url: row.url,
    description: row.description,
    status: row.status,
    inactiveReason: row.inactive_reason,
    subscriptions: row.subscriptions,
    headers: row.sealed_headers ? openHeaders(vault, id, row.sealed_headers) : row.headers,
    auth: authTable.open(vault, id, row.sealed_auth),
    tls: tlsTable.open(vault, id, row.sealed_tls),
    transformation: transformationTable.open(vault, id, row.sealed_transformation),
    signature: row.signature,
    publicKey: row.public_key,
    number: Number(row.number),
    version: row.version,
    rateLimit: row.rate_limit,
    concurrency: row.concurrency,
    thin: row.thin,
    provenUrl: row.proven_url,
    testingUntil: row.testing_until,
    statusAt: row.status_at,
    previousSecretUntil: row.previous_secret_until,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** Retries that are put off, a statement at a time. */
const HURRIED_AT_ONCE = 5_000;

/** What waits for its next try is due now: the answers that it was put off for were those of before. */
async function hurryWaiting(database: Database, accountId: string, uuid: string, now: Date): Promise<void> {
  let moved: number;
  do {
    const rows = await database.run(
      `UPDATE queue SET due_at = $3 WHERE ctid = ANY(ARRAY(
         SELECT q.ctid FROM queue q JOIN endpoints e ON e.id = q.endpoint_id
         WHERE e.account_id = $1 AND e.id = $2 AND e.status = 'inactive' AND q.due_at > $3 AND q.due_at < 'infinity'
         LIMIT $4 FOR UPDATE OF q SKIP LOCKED))
       RETURNING 1`,
      [accountId, uuid, now, HURRIED_AT_ONCE],
    );
    moved = rows.length;
  } while (moved === HURRIED_AT_ONCE);
}

export function endpointStore(database: Database, vault: Vault): EndpointStore {
  const show = (row: EndpointRow) => toEndpoint(row, vault);
  const insertSecret = async (run: Database['run'], endpointId: string, number: number, secret: string) => {
    const sealed = vault.seal(secret, secretIdentity(endpointId, number));
    await run('INSERT INTO endpoint_secrets (endpoint_id, number, key_id, ciphertext) VALUES ($1, $2, $3, $4)', [
      toUuidText('ep', endpointId),
      number,
      sealed.keyId,
      sealed.ciphertext,
    ]);
  };

  /** The set before stays for the attempts that were made with it. */
  const changeHeaders = async (run: Database['run'], accountId: string, id: string, headers: Endpoint['headers']) => {
    const uuid = toUuidText('ep', id);
    const [row] = await run<EndpointRow>(
      `SELECT ${SHOWN} FROM endpoints WHERE account_id = $1 AND id = $2 FOR UPDATE`,
      [accountId, uuid],
    );
    if (!row || JSON.stringify(show(row).headers) === JSON.stringify(headers)) return;
    const headersId = await storeHeaders(run, vault, { accountId, endpointId: id, headers });
    await retireHeaders(run, row.sealed_headers?.id ?? null);
    await run(`UPDATE endpoints SET headers = '{}', headers_id = $2 WHERE id = $1`, [uuid, headersId]);
  };

  /** What did not change keeps its token. */
  const changeAuth = async (run: Database['run'], accountId: string, id: string, auth: Endpoint['auth']) => {
    const [row] = await run<EndpointRow>(
      `SELECT ${SHOWN} FROM endpoints WHERE account_id = $1 AND id = $2 FOR UPDATE`,
      [accountId, toUuidText('ep', id)],
    );
    if (!row || JSON.stringify(show(row).auth) === JSON.stringify(auth)) return;
    await storeAuth(run, vault, { accountId, id, auth });
  };

  const isThere = async (run: Database['run'], accountId: string, id: string): Promise<boolean> => {
    const rows = await run('SELECT FROM endpoints WHERE account_id = $1 AND id = $2 FOR UPDATE', [
      accountId,
      toUuidText('ep', id),
    ]);
    return rows.length > 0;
  };

  return {
    async isBesideOlderNodes() {
      return (await database.run(OLDER_NODES)).length > 0;
    },

    create(endpoint, max) {
      return database.transaction(async (run) => {
        // The lock makes the count hold against endpoints that are created at the same moment.
        await run('SELECT FROM accounts WHERE id = $1 FOR UPDATE', [endpoint.accountId]);
        const [counted] = await run<{ n: number }>('SELECT count(*)::int AS n FROM endpoints WHERE account_id = $1', [
          endpoint.accountId,
        ]);
        if ((counted?.n ?? 0) >= max) return undefined;
        const { accountId, headers } = endpoint;
        const headersId = await storeHeaders(run, vault, { accountId, endpointId: endpoint.id, headers });
        const [row] = await run<EndpointRow>(
          `INSERT INTO endpoints (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16) RETURNING ${SHOWN}`,
          [
            toUuidText('ep', endpoint.id),
            endpoint.accountId,
            endpoint.url,
            endpoint.description,
            endpoint.status,
            endpoint.inactiveReason,
            JSON.stringify(endpoint.subscriptions),
            headersId,
            endpoint.signature,
            endpoint.publicKey,
            endpoint.version,
            endpoint.rateLimit,
            endpoint.concurrency,
            endpoint.thin,
            endpoint.provenUrl,
            endpoint.createdAt,
          ],
        );
        await insertSecret(run, endpoint.id, 1, endpoint.secret);
        if (endpoint.auth !== null) await storeAuth(run, vault, endpoint);
        if (endpoint.tls !== null) await tlsTable.store(run, vault, accountId, endpoint.id, endpoint.tls);
        if (endpoint.transformation !== null)
          await transformationTable.store(run, vault, accountId, endpoint.id, endpoint.transformation);
        const { auth, tls, transformation } = endpoint;
        return row && { ...show(row), auth, tls, transformation };
      });
    },

    async find(accountId, id) {
      const [row] = await database.run<EndpointRow>(
        `SELECT ${SHOWN} FROM endpoints WHERE account_id = $1 AND id = $2`,
        [accountId, toUuidText('ep', id)],
      );
      return row && show(row);
    },

    async list(accountId, { limit, before }) {
      const rows = await database.run<EndpointRow>(
        `SELECT ${SHOWN} FROM endpoints WHERE account_id = $1 AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $2`,
        [accountId, limit, before === undefined ? null : toUuidText('ep', before)],
      );
      return rows.map(show);
    },

    change(accountId, id, change) {
      const {
        url,
        description,
        subscriptions,
        headers,
        version,
        rateLimit,
        concurrency,
        thin,
        provenUrl,
        whileInactive = false,
        auth,
        tls,
        transformation,
      } = change;
      return database.transaction(async (run) => {
        const uuid = toUuidText('ep', id);
        if (headers !== undefined) await changeHeaders(run, accountId, id, headers);
        if (auth !== undefined) await changeAuth(run, accountId, id, auth);
        if (tls !== undefined && (await isThere(run, accountId, id)))
          await tlsTable.store(run, vault, accountId, id, tls);
        if (transformation !== undefined && (await isThere(run, accountId, id)))
          await transformationTable.store(run, vault, accountId, id, transformation);
        const [row] = await run<EndpointRow>(
          `UPDATE endpoints SET url = coalesce($3, url), description = coalesce($4, description),
             subscriptions = coalesce($5, subscriptions), version = coalesce($6, version),
             rate_limit = CASE WHEN $7 THEN $8 ELSE rate_limit END,
             concurrency = CASE WHEN $9 THEN $10 ELSE concurrency END, thin = coalesce($11, thin),
             proven_url = coalesce($12, proven_url), updated_at = now()
           WHERE account_id = $1 AND id = $2 AND (NOT $13::boolean OR status = 'inactive') RETURNING ${SHOWN}`,
          [
            accountId,
            uuid,
            url ?? null,
            description ?? null,
            subscriptions ? JSON.stringify(subscriptions) : null,
            version ?? null,
            rateLimit !== undefined,
            rateLimit ?? null,
            concurrency !== undefined,
            concurrency ?? null,
            thin ?? null,
            provenUrl ?? null,
            whileInactive,
          ],
        );
        if (!row && whileInactive)
          throw new Problem('ownership_unproven', 'It was activated or deleted meanwhile; try again.');
        return row && show(row);
      });
    },

    async findByNumber(accountId, number) {
      const [row] = await database.run<EndpointRow>(
        `SELECT ${SHOWN} FROM endpoints WHERE account_id = $1 AND number = $2`,
        [accountId, number],
      );
      return row && show(row);
    },

    async secretOf(accountId, id) {
      const [row] = await database.run<{ number: number; key_id: string; ciphertext: Buffer }>(
        `SELECT s.number, s.key_id, s.ciphertext FROM endpoint_secrets s JOIN endpoints e ON e.id = s.endpoint_id
         WHERE e.account_id = $1 AND e.id = $2 ORDER BY s.number DESC LIMIT 1`,
        [accountId, toUuidText('ep', id)],
      );
      return row && vault.open({ keyId: row.key_id, ciphertext: row.ciphertext }, secretIdentity(id, row.number));
    },

    setTesting(accountId, id, until, firstAt, intervalMs) {
      return database.transaction(async (run) => {
        const uuid = toUuidText('ep', id);
        const [row] = await run<EndpointRow>(
          `UPDATE endpoints SET testing_until = $3, updated_at = now()
           WHERE account_id = $1 AND id = $2 RETURNING ${SHOWN}`,
          [accountId, uuid, until],
        );
        if (!row) return undefined;
        // What failed before, or during the test, does not count afterwards.
        await run('DELETE FROM endpoint_health WHERE endpoint_id = $1', [uuid]);
        await run('DELETE FROM testing_rounds WHERE endpoint_id = $1', [uuid]);
        if (until) {
          await run('INSERT INTO testing_rounds (endpoint_id, next_at, interval_s) VALUES ($1, $2, $3)', [
            uuid,
            firstAt,
            Math.round(intervalMs / 1000),
          ]);
        }
        return show(row);
      });
    },

    async testingDue(nowMs, limit) {
      const rows = await database.run<{ endpoint_id: string; account_id: string }>(TESTING_DUE, [
        new Date(nowMs),
        limit,
      ]);
      return rows.map((row) => ({ endpointId: fromUuidText('ep', row.endpoint_id), accountId: row.account_id }));
    },

    async setStatus(accountId, id, status, reason, nowMs, provenUrl) {
      if (status === 'active') {
        // Before it is active: nobody sends yet, and what ends in between can be done again. Failures are forgotten first,
        // too: one that is counted after that finds a count of its own, or the status of before.
        await hurryWaiting(database, accountId, toUuidText('ep', id), new Date(nowMs));
        await database.run(
          `DELETE FROM endpoint_health WHERE endpoint_id = $2
             AND EXISTS (SELECT FROM endpoints e WHERE e.id = $2 AND e.account_id = $1)`,
          [accountId, toUuidText('ep', id)],
        );
      }
      const [row] = await database.run<EndpointRow>(
        `UPDATE endpoints SET status = $3, inactive_reason = $4, updated_at = now(),
           status_at = CASE WHEN status = $3 THEN status_at ELSE $5 END,
           recovering_at = CASE WHEN $3 = 'active' AND inactive_reason IN ('consecutive_failures', 'gone') THEN $5::timestamptz
             ELSE recovering_at END,
           proven_url = coalesce($6, proven_url)
         WHERE account_id = $1 AND id = $2 AND ($6::text IS NULL OR url = $6) RETURNING ${SHOWN}`,
        [accountId, toUuidText('ep', id), status, reason, new Date(nowMs), provenUrl ?? null],
      );
      return row && show(row);
    },

    remove(accountId, id, notice) {
      return database.transaction(async (run) => {
        const uuid = toUuidText('ep', id);
        const [gone] = await run<{ headers_id: string | null }>(
          'DELETE FROM endpoints WHERE account_id = $1 AND id = $2 RETURNING headers_id::text',
          [accountId, uuid],
        );
        if (!gone) return false;
        await retireHeaders(run, gone.headers_id);
        if (notice)
          await run('INSERT INTO notices (trigger, payload) VALUES ($1, $2)', [notice.trigger, notice.payload]);
        return true;
      });
    },

    rotateSecret(accountId, id, secret, publicKey, overlapUntil, keep, nowMs) {
      return database.transaction(async (run) => {
        const uuid = toUuidText('ep', id);
        const [row] = await run<EndpointRow>(
          `UPDATE endpoints SET public_key = $3, updated_at = now()
           WHERE account_id = $1 AND id = $2 RETURNING ${SHOWN}`,
          [accountId, uuid, publicKey],
        );
        if (!row) return undefined;
        const [last] = await run<{ number: number }>(
          'SELECT max(number) AS number FROM endpoint_secrets WHERE endpoint_id = $1',
          [uuid],
        );
        const number = (last?.number ?? 0) + 1;
        await run(
          `DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND (number <= $2 OR expires_at <= $4 OR $3 <= $4)`,
          [uuid, number - 1 - keep, overlapUntil, new Date(nowMs)],
        );
        await run(
          `UPDATE endpoint_secrets SET expires_at = least(coalesce(expires_at, 'infinity'), $2) WHERE endpoint_id = $1`,
          [uuid, overlapUntil],
        );
        await insertSecret(run, id, number, secret);
        return { ...show(row), previousSecretUntil: overlapUntil };
      });
    },

    sealPlainHeaders: (limit) => sealPlainHeaders(database, vault, { limit }),

    async dropOldHeaders() {
      await database.run(DROP_OLD_HEADERS);
    },

    async stats(accountId, id, sinceMs) {
      const [row] = await database.run<{
        succeeded: number;
        discarded: number;
        skipped: number;
        waiting: number;
        oldest_due_at: Date | null;
        last_success_at: Date | null;
      }>(STATS.text, [accountId, toUuidText('ep', id), new Date(sinceMs)]);
      return {
        succeeded: row?.succeeded ?? 0,
        discarded: row?.discarded ?? 0,
        skipped: row?.skipped ?? 0,
        waiting: row?.waiting ?? 0,
        oldestDueAt: row?.oldest_due_at ?? null,
        lastSuccessAt: row?.last_success_at ?? null,
      };
    },
  };
}
