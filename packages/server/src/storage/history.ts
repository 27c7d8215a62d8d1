import { decodeId, encodeId, timeOfId } from '../domain/ids.ts';
import type { Attempt, DeliveryStatus } from '../domain/model.ts';
import type { AttemptError, Timings } from '../domain/outcome.ts';
import type { Method } from '../domain/transformation.ts';
import type { Database } from './database.ts';
import { firstIdOf, matching, UP_TO_NOW } from './delivery-filter.ts';
import { type Headers, readHeaders } from './endpoint-headers.ts';
import { bytesOfUuid, type EventRow, fromUuidText, toStoredEvent, toUuidText } from './rows.ts';
import { statement } from './statement.ts';
import type { DeliveryRow, DeliveryStore, EventStore } from './store.ts';
import type { Vault } from './vault.ts';

const ATTEMPTS = statement('delivery_attempts').text;
const LIST_EVENTS = statement('events_list').text;

/** Payloads that one page holds; larger ones are cut short and go on with the next page. */
const PAGE_BYTES_MAX = 8 * 1024 * 1024;

const LARGEST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

const EVENT_COLUMNS = 'account_id, id, external_id, trigger, by_topic, test, payload';

const boundOf = (ms: number | undefined) => (ms === undefined ? null : firstIdOf(ms));

export function eventStore(database: Database): EventStore {
  return {
    async find(accountId, id) {
      const own = decodeId('evt', id)?.toString('hex') ?? null;
      const [row] = await database.read<EventRow>(
        accountId,
        `SELECT ${EVENT_COLUMNS} FROM events WHERE account_id = $1 AND (id = $2 OR external_id = $3)
         ORDER BY id DESC LIMIT 1`,
        [accountId, own, id],
      );
      return row && toStoredEvent(row);
    },

    async payloadBytes(accountId, id) {
      const [row] = await database.read<{ bytes: number }>(
        accountId,
        'SELECT octet_length(payload) AS bytes FROM events WHERE account_id = $1 AND id = $2',
        [accountId, toUuidText('evt', id)],
      );
      return row?.bytes;
    },

    async list(accountId, { limit, before }, { trigger, fromMs, toMs }) {
      const rows = await database.read<EventRow>(accountId, LIST_EVENTS, [
        accountId,
        before === undefined ? LARGEST_UUID : toUuidText('evt', before),
        trigger ?? null,
        boundOf(fromMs),
        boundOf(toMs),
        limit + 1,
        PAGE_BYTES_MAX,
      ]);
      const shown = rows.filter((row) => row.payload !== null).map(toStoredEvent);
      return { events: shown.slice(0, limit), more: rows.length > Math.min(shown.length, limit) };
    },
  };
}

interface HistoryRow {
  id: string;
  account_id: string;
  endpoint_id: string;
  event_id: string;
  topic: string | null;
  trigger: string;
  test: boolean;
  attempts: number;
  tries: number | null;
  status: DeliveryStatus;
  reason: string | null;
  finished_at: Date | null;
  next_attempt_at: Date | null;
  ordering_key: string | null;
  last_status: number | null;
  last_error: AttemptError | null;
}

function toDelivery(row: HistoryRow): DeliveryRow {
  const uuid = bytesOfUuid(row.id);
  return {
    id: encodeId('dlv', uuid),
    accountId: row.account_id,
    endpointId: fromUuidText('ep', row.endpoint_id),
    eventId: fromUuidText('evt', row.event_id),
    topic: row.topic,
    trigger: row.trigger,
    status: row.status,
    reason: row.reason,
    attempts: row.attempts,
    tries: row.tries,
    test: row.test,
    createdAtMs: timeOfId(uuid),
    nextAttemptAt: row.next_attempt_at,
    orderingKey: row.ordering_key,
    finishedAt: row.finished_at,
    lastStatus: row.last_status,
    lastError: row.last_error,
  };
}

interface AttemptRow {
  number: number;
  started_at: Date;
  url: string;
  request_method: Method | null;
  request_body: Buffer | null;
  request_headers: string;
  headers_id: string | null;
  error: AttemptError | null;
  error_detail: string | null;
  response_status: number | null;
  response_headers: string | null;
  response_body: Buffer | null;
  response_truncated: boolean;
  bodies_omitted: boolean;
  dns_us: number | null;
  connect_us: number | null;
  tls_us: number | null;
  first_byte_us: number | null;
  total_us: number;
}

const NOTHING = Buffer.alloc(0);

function toAttempt(row: AttemptRow, ownHeaders: Headers = {}): Attempt {
  const timings: Timings = { total: row.total_us / 1000 };
  if (row.dns_us !== null) timings.dns = row.dns_us / 1000;
  if (row.connect_us !== null) timings.connect = row.connect_us / 1000;
  if (row.tls_us !== null) timings.tls = row.tls_us / 1000;
  if (row.first_byte_us !== null) timings.firstByte = row.first_byte_us / 1000;
  return {
    number: row.number,
    startedAt: row.started_at,
    url: row.url,
    sent: row.request_method === null ? null : { method: row.request_method, body: row.request_body ?? NOTHING },
    requestHeaders: JSON.parse(row.request_headers) as [string, string][],
    ownHeaders: Object.entries(ownHeaders),
    error: row.error,
    errorDetail: row.error_detail,
    responseStatus: row.response_status,
    responseHeaders: row.response_headers === null ? [] : (JSON.parse(row.response_headers) as [string, string][]),
    responseBody: row.response_body,
    responseTruncated: row.response_truncated,
    bodiesOmitted: row.bodies_omitted,
    timings,
  };
}

export function deliveryStore(database: Database, vault: Vault): DeliveryStore {
  return {
    async find(accountId, id) {
      const { text, values } = matching(accountId, { ids: [id] }, {}, 1, UP_TO_NOW);
      const [row] = await database.run<HistoryRow>(text, values);
      return row && toDelivery(row);
    },

    async list(accountId, { limit, before }, filter) {
      const bounds = before === undefined ? {} : { before: toUuidText('dlv', before) };
      const { text, values } = matching(accountId, filter, bounds, limit, UP_TO_NOW);
      return (await database.read<HistoryRow>(accountId, text, values)).map(toDelivery);
    },

    async count(accountId, filter, max) {
      const { text, values } = matching(accountId, filter, {}, max);
      const [row] = await database.read<{ n: number }>(
        accountId,
        `SELECT count(*)::int AS n FROM (${text}) found`,
        values,
      );
      return row?.n ?? 0;
    },

    async attempts(deliveryId, { limit, withBodies }, number) {
      const values = [toUuidText('dlv', deliveryId), limit, withBodies, number ?? null];
      const rows = await database.run<AttemptRow>(ATTEMPTS, values);
      const ids = new Set(rows.flatMap(({ headers_id }) => headers_id ?? []));
      const headers = await readHeaders(database, vault, [...ids]);
      return rows.map((row) => toAttempt(row, headers.get(row.headers_id ?? '')));
    },
  };
}
