/** What a filter takes of an account's deliveries, as SQL: for the list, for counts and for replays alike. */
import { firstUuidOf } from '../domain/ids.ts';
import { uuids } from './arrays.ts';
import { toUuid, toUuidText } from './rows.ts';
import type { Parameter } from './statement.ts';
import type { DeliveryFilter, Search } from './store.ts';

/** What else bounds the ids: UUIDs as hexadecimal text, none of them taken itself. */
export interface IdBounds {
  after?: string;
  before?: string;
}

/** The first UUID of a moment, as hexadecimal text. */
export const firstIdOf = (ms: number) => firstUuidOf(ms).toString('hex');

/** What is due at the epoch, somebody has asked for: it is sent before all others. */
const WAITING_STATUS = `CASE WHEN q.due_at = 'epoch' THEN 'delivering'
            WHEN q.sending_epoch IS NOT NULL AND EXISTS (
              SELECT FROM lanes l WHERE l.endpoint_id = q.endpoint_id AND l.epoch = q.sending_epoch AND l.node IS NOT NULL)
              THEN 'delivering'
            WHEN e.status = 'inactive' THEN 'held'
            WHEN q.attempts > 0 THEN 'failed'
            ELSE 'pending' END`;

const WAITING = `SELECT q.id, q.account_id, q.endpoint_id, q.event_id, q.topic, q.trigger, q.test, q.attempts,
       ${WAITING_STATUS} AS status, NULL AS reason, NULL::timestamptz AS finished_at,
       CASE WHEN ${WAITING_STATUS} IN ('pending', 'failed') THEN nullif(q.due_at, 'infinity') END AS next_attempt_at,
       q.last_status, q.last_error, q.tries, q.ordering_key
FROM queue q JOIN endpoints e ON e.id = q.endpoint_id`;

const FINISHED = `SELECT d.id, d.account_id, d.endpoint_id, d.event_id, d.topic, d.trigger, d.test, d.attempts,
       d.status, d.reason, d.finished_at, NULL::timestamptz AS next_attempt_at, d.last_status, d.last_error,
       NULL::int AS tries, NULL AS ordering_key
FROM deliveries d`;

/** How long before an account's newest event one may have been handed over and left no trace yet: many times what is usual. */
const HANDED_OVER_MS = 5_000;
const HANDED_OVER_MAX = 500;

/**
 * Deliveries of the last moments that are sent from memory, without a row in the queue: they end, or get one, within a
 * fraction of a second (dispatch/write-behind.ts). $1 is the account.
 */
const HANDED_OVER = `SELECT h.id, h.account_id, h.endpoint_id, h.event_id, h.topic, h.trigger, h.test, 0 AS attempts,
       'delivering' AS status, NULL AS reason, NULL::timestamptz AS finished_at, NULL::timestamptz AS next_attempt_at,
       NULL::int AS last_status, NULL AS last_error, 0 AS tries, NULL AS ordering_key
FROM (
  SELECT r.id, v.account_id, r.endpoint_id, v.id AS event_id, r.topic, v.trigger, v.test, NULL::int AS last_status,
         NULL::text AS last_error
  FROM (
    SELECT * FROM events WHERE account_id = $1 AND handed_over IS NOT NULL AND id >= (
      SELECT (lpad(to_hex(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - ${HANDED_OVER_MS}), 12, '0')
              || repeat('0', 20))::uuid
      FROM events WHERE account_id = $1 ORDER BY id DESC LIMIT 1)
    ORDER BY id DESC LIMIT ${HANDED_OVER_MAX}
  ) v
  CROSS JOIN LATERAL read_handed_over(v.handed_over) r
) h`;
const NOT_STORED = `NOT EXISTS (SELECT FROM queue q WHERE q.account_id = h.account_id AND q.id = h.id)
  AND NOT EXISTS (SELECT FROM deliveries d WHERE d.account_id = h.account_id AND d.id = h.id)
  AND EXISTS (SELECT FROM endpoints e WHERE e.id = h.endpoint_id)`;

/** From which end rows are read, and what else has to be true of those in the queue (`q`) and in the history (`d`). */
interface Look {
  order: 'ASC' | 'DESC';
  and: { waiting: string; finished: string };
  /** Also what has just been handed over, and stands neither there nor there yet. */
  withHandedOver?: true;
}

const NEWEST_FIRST: Look = { order: 'DESC', and: { waiting: 'TRUE', finished: 'TRUE' } };

/** Everything, newest first, to the last moment. */
export const UP_TO_NOW: Look = { ...NEWEST_FIRST, withHandedOver: true };
/** What can be sent again. What waits for its turn, or is being sent, is sent anyway. */
export const SENDABLE: Look = {
  order: 'ASC',
  and: {
    waiting: `${WAITING_STATUS} NOT IN ('pending', 'delivering') AND q.due_at < 'infinity'`,
    finished: `coalesce(d.reason, '') NOT IN ('no_payload', 'filtered') AND EXISTS (SELECT FROM endpoints e WHERE e.id = d.endpoint_id)`,
  },
};

/**
 * Unfinished deliveries from the queue and finished ones from the history, newest first: a statement that has a row for
 * each that the filter takes. Conditions that are absent are not in its text, so that each filter is planned for itself.
 */
export function matching(
  accountId: string,
  filter: DeliveryFilter,
  bounds: IdBounds,
  limit: number | null,
  { order, and, withHandedOver }: Look = NEWEST_FIRST,
) {
  const values: Parameter[] = [];
  const bind = (value: Parameter, type: string) => `$${values.push(value)}::${type}`;
  const account = bind(accountId, 'text');
  const conditions = [
    (row: string) => `${row}.account_id = ${account}`,
    ...conditionsOf(filter, bounds, account, bind).map(
      (condition) => (row: string) => condition.replaceAll('row.', `${row}.`),
    ),
  ];
  const status = filter.status === undefined ? undefined : bind(filter.status, 'text');
  const where = (row: string, statusOf: string) =>
    [...conditions.map((of) => of(row)), ...(status === undefined ? [] : [`${statusOf} = ${status}`])].join(' AND ');
  const most = bind(limit, 'int');
  const half = (rows: string, row: string, statusOf: string, also: string) =>
    `(${rows} WHERE ${where(row, statusOf)} AND ${also} ORDER BY ${row}.id ${order} LIMIT ${most})`;
  const text = `SELECT * FROM (
${half(WAITING, 'q', WAITING_STATUS, and.waiting)}
UNION ALL
${half(FINISHED, 'd', 'd.status', and.finished)}
${withHandedOver === undefined ? '' : `UNION ALL\n${half(HANDED_OVER, 'h', "'delivering'", NOT_STORED)}`}
) page ORDER BY id ${order} LIMIT ${most}`;
  return { text, values };
}

/** Conditions on a delivery that is called `row`. */
function conditionsOf(
  filter: DeliveryFilter,
  { after, before }: IdBounds,
  account: string,
  bind: (value: Parameter, type: string) => string,
): string[] {
  const { ids, endpointId, eventId, trigger, topic, search, lastStatus, lastError, test, fromMs, toMs } = filter;
  const conditions: string[] = [];
  const needs = <T>(value: T | undefined, condition: (value: T) => string) => {
    if (value !== undefined) conditions.push(condition(value));
  };
  needs(after, (id) => `row.id > ${bind(id, 'uuid')}`);
  needs(before, (id) => `row.id < ${bind(id, 'uuid')}`);
  needs(fromMs, (ms) => `row.id >= ${bind(firstIdOf(ms), 'uuid')}`);
  needs(toMs, (ms) => `row.id < ${bind(firstIdOf(ms), 'uuid')}`);
  needs(ids, (all) => `row.id = ANY(${bind(uuids(all.map((id) => toUuid('dlv', id))), 'uuid[]')})`);
  needs(endpointId, (id) => `row.endpoint_id = ${bind(toUuidText('ep', id), 'uuid')}`);
  needs(eventId, (id) => `row.event_id = ${bind(toUuidText('evt', id), 'uuid')}`);
  needs(trigger, (value) => `row.trigger = ${bind(value, 'text')}`);
  needs(topic, (value) => `row.topic = ${bind(value, 'text')}`);
  needs(lastStatus, (value) => `row.last_status = ${bind(value, 'int')}`);
  needs(lastError, (value) => `row.last_error = ${bind(value, 'text')}`);
  needs(test, (value) => `row.test = ${bind(value, 'bool')}`);
  needs(search, (wanted) => searchCondition(wanted, account, bind));
  return conditions;
}

function searchCondition(
  { text, inHeaders, at }: Search,
  account: string,
  bind: (value: Parameter, type: string) => string,
): string {
  const forms = writtenForms(text).map((form) => bind(Buffer.from(form), 'bytea'));
  const anyIn = (bytes: string) => forms.map((form) => `position(${form} IN ${bytes}) > 0`).join(' OR ');
  const inPayload = [anyIn('v.payload')];
  if (at) inPayload.push(atCondition(at, bind));
  const inAnswer = [anyIn('a.response_body')];
  if (inHeaders) {
    const plain = bind(text.toLowerCase(), 'text');
    inAnswer.push(`position(${plain} IN lower(a.response_headers)) > 0`);
    inAnswer.push(`position(${plain} IN lower(a.request_headers)) > 0`);
  }
  return `(EXISTS (
      SELECT FROM events v WHERE v.account_id = ${account} AND v.id = row.event_id AND (${inPayload.join(' OR ')}))
    OR EXISTS (SELECT FROM attempts a WHERE a.delivery_id = row.id AND (${inAnswer.join(' OR ')})))`;
}

/** Of what the delivery's topic gets. Payloads are kept as they were published: a few are no `jsonb`. */
function atCondition({ path, value }: NonNullable<Search['at']>, bind: (value: Parameter, type: string) => string) {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${JSON.stringify(step)}`)).join('');
  const name = path.findLast((step) => typeof step === 'string');
  const holdsName =
    name === undefined ? 'TRUE' : `position(${bind(Buffer.from(JSON.stringify(name)), 'bytea')} IN v.payload) > 0`;
  return `CASE WHEN ${holdsName} THEN EXISTS (
        SELECT FROM jsonb_path_query(
          CASE WHEN v.by_topic AND row.topic IS NOT NULL THEN payload_jsonb(v.payload) -> row.topic
               ELSE payload_jsonb(v.payload) END, ${bind(`$${steps}`, 'jsonpath')}) found
        WHERE found #>> '{}' = ${bind(value, 'text')}) ELSE FALSE END`;
}

/**
 * The ways in which a text can stand in JSON: as it is, with its characters beyond ASCII or its slashes escaped; and,
 * where somebody looks for a piece of JSON that was copied from a page, without the spaces between its tokens.
 */
export function writtenForms(text: string): string[] {
  const plain = unescaped(text);
  const inString = JSON.stringify(plain).slice(1, -1);
  const escaped = (hex: (code: string) => string) =>
    inString.replace(/[\u0080-\uffff]/g, (char) => `\\u${hex(char.charCodeAt(0).toString(16).padStart(4, '0'))}`);
  const forms = [inString, escaped((code) => code), escaped((code) => code.toUpperCase())];
  const slashed = forms.map((form) => form.replaceAll('/', '\\/'));
  const joined = text.includes('"') ? text.replace(/(["\]}\w]\s*[:,])\s+/g, '$1') : text;
  return [...new Set([text, plain, joined, ...forms, ...slashed])];
}

/** `caf\u00e9` is read as `café`; what is no content of a JSON string stays as it is. */
function unescaped(text: string): string {
  try {
    const read: unknown = JSON.parse(`"${text}"`);
    return typeof read === 'string' ? read : text;
  } catch {
    return text;
  }
}
