import { encodeId } from '../domain/ids.ts';
import { bools, byteas, texts, timestamps, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import type {
  DueEvent,
  Publishing,
  PutDown,
  ScheduledEvent,
  ScheduledEventStore,
  ScheduledKeys,
} from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuid, toUuidText } from './rows.ts';
import { statement } from './statement.ts';

const ADD = statement('scheduled_add').text;
const KNOWN = statement('scheduled_known').text;
const DUE = statement('scheduled_due').text;
const ACCOUNTS = statement('scheduled_accounts').text;
const TURNS = statement('scheduled_turns').text;
const PUT_OFF = statement('scheduled_put_off').text;
const REFUSE = statement('scheduled_refuse').text;
/** How many take part in a turn, of accounts that have something due; and how many are looked at for that, in so many statements. */
const ACCOUNTS_AT_ONCE = 100;
const ACCOUNTS_LOOKED_AT = 1_000;
const LOOKS_AT_ACCOUNTS = 20;
/** How long something waits for a contract that is not loaded, in seconds: as long as it has waited, within these bounds. */
const PUT_OFF_MIN_S = 30;
const PUT_OFF_MAX_S = 3_600;
/** For how long what a contract refuses is tried again, and after which time first. */
const REFUSED_TRIED_S = 86_400;
const REFUSED_FIRST_S = 60;

interface Row {
  account_id: string;
  id: string;
  external_id: string | null;
  trigger: string;
  due_at: Date;
  created_at: Date;
  error: { code: string; detail: string } | null;
  next_try_at: Date | number | null;
}

type Place = Pick<Row, 'account_id' | 'id'>;
type Locked = Place & { bytes: number };

const COLUMNS = 'account_id, id, external_id, trigger, due_at, created_at, error, next_try_at';

function toScheduledEvent(row: Row): ScheduledEvent {
  return {
    id: fromUuidText('sch', row.id),
    accountId: row.account_id,
    externalId: row.external_id,
    trigger: row.trigger,
    dueAtMs: row.due_at.getTime(),
    createdAtMs: row.created_at.getTime(),
    error: row.error,
    nextTryAtMs: row.error && row.next_try_at instanceof Date ? row.next_try_at.getTime() : null,
  };
}

export function scheduledEventStore(database: Database): ScheduledEventStore {
  /** What waits longest, and accounts in turns, one after the other: see `publishDue`. */
  let isTurn = false;
  let lastAccount = '';

  /** The next accounts that have something due. */
  const nextAccounts = async (run: Database['run'], now: Date): Promise<string[]> => {
    const due: string[] = [];
    for (let looks = 0; looks < LOOKS_AT_ACCOUNTS; looks++) {
      const looked = await run<{ id: string; is_due: boolean }>(ACCOUNTS, [now, lastAccount, ACCOUNTS_LOOKED_AT]);
      for (const { id, is_due: isDue } of looked) {
        lastAccount = id;
        if (isDue) due.push(id);
        if (due.length === ACCOUNTS_AT_ONCE) return due;
      }
      if (looked.length < ACCOUNTS_LOOKED_AT) {
        lastAccount = '';
        break;
      }
    }
    return due;
  };

  /** Events of accounts that have something due, of each as many as of the others. */
  const lockTurn = async (run: Database['run'], now: Date, count: number): Promise<Locked[]> => {
    const due = await nextAccounts(run, now);
    return due.length === 0 ? [] : run<Locked>(TURNS, [now, Math.ceil(count / due.length), texts(due)]);
  };

  return {
    add: (accountId, events, max) =>
      database.transaction(async (run) => {
        const rows = await run<{ id: string | null; is_open: boolean }>(ADD, [
          accountId,
          max,
          uuids(events.map((event) => event.uuid)),
          texts(events.map((event) => event.externalId)),
          texts(events.map((event) => event.idempotencyKey)),
          texts(events.map((event) => event.trigger)),
          texts(events.map((event) => event.input)),
          byteas(events.map((event) => event.digest)),
          timestamps(events.map((event) => event.dueAtMs)),
        ]);
        if (!rows[0]?.is_open) return undefined;
        const added = new Set(rows.map((row) => row.id && fromUuidText('sch', row.id)));
        const putDown = events.map(({ uuid, dueAtMs, digest }): PutDown | undefined => {
          const id = encodeId('sch', uuid);
          return added.has(id) ? { isNew: true, id, dueAtMs, digest } : undefined;
        });
        if (added.size === events.length && !added.has(null)) return putDown;
        const known = await findKnown(run, accountId, events);
        return putDown.map((one, i) => one ?? known[i]);
      }),

    known: (accountId, events) => findKnown((text, values) => database.run(text, values), accountId, events),

    async takeBack(accountId, ids) {
      await database.run('DELETE FROM scheduled_events WHERE account_id = $1 AND id = ANY ($2::uuid[])', [
        accountId,
        uuids(ids.map((id) => toUuid('sch', id))),
      ]);
    },

    async list(accountId, { limit, after }) {
      const [dueAtMs = '0', id = ''] = after?.split('~') ?? [];
      const rows = await database.read<Row>(
        accountId,
        `SELECT ${COLUMNS} FROM scheduled_events
         WHERE account_id = $1 AND ($2::timestamptz IS NULL OR (due_at, id) > ($2, $3::uuid))
         ORDER BY due_at, id LIMIT $4`,
        [
          accountId,
          after === undefined ? null : new Date(Number(dueAtMs)),
          id === '' ? null : toUuidText('sch', id),
          limit,
        ],
      );
      return rows.map(toScheduledEvent);
    },

    async find(accountId, id) {
      const [row] = await database.run<Row & { input: string }>(
        `SELECT ${COLUMNS}, input FROM scheduled_events WHERE account_id = $1 AND id = $2`,
        [accountId, toUuidText('sch', id)],
      );
      return row && { ...toScheduledEvent(row), input: row.input };
    },

    async cancel(accountId, id) {
      const gone = await database.run('DELETE FROM scheduled_events WHERE account_id = $1 AND id = $2 RETURNING id', [
        accountId,
        toUuidText('sch', id),
      ]);
      return gone.length > 0;
    },

    publishDue: (nowMs, max, publish) =>
      database.transaction(async (run) => {
        const now = new Date(nowMs);
        const isInTurns = isTurn;
        // Also when this one fails.
        isTurn = false;
        const locked = isInTurns ? await lockTurn(run, now, max.count) : await run<Locked>(DUE, [now, max.count]);
        const taken = within(locked, max.bytes);
        const mayBeMore = isInTurns || locked.length === max.count || taken.length < locked.length;
        isTurn = !isInTurns && mayBeMore;
        if (taken.length === 0) return { hasMore: mayBeMore };
        // Whose turn was cut short is the first of the next one.
        if (isInTurns && taken.length < locked.length) lastAccount = taken.at(-1)?.account_id ?? '';
        const due = await readDue(run, taken);
        const became = await publish(due);
        await store(run, now, due, became);
        return { hasMore: mayBeMore && !became.includes('again') };
      }),

    async dropRefusedBefore(ms) {
      await database.run('DELETE FROM scheduled_events WHERE error IS NOT NULL AND refused_at < $1', [new Date(ms)]);
    },
  };
}

async function findKnown(
  run: Database['run'],
  accountId: string,
  events: readonly ScheduledKeys[],
): Promise<(PutDown | undefined)[]> {
  const rows = await run<{ place: number; id: string; due_at: Date; digest: Buffer }>(KNOWN, [
    accountId,
    texts(events.map((event) => event.externalId)),
    texts(events.map((event) => event.idempotencyKey)),
  ]);
  const known = new Array<PutDown | undefined>(events.length);
  for (const { place, id, due_at: dueAt, digest } of rows)
    known[place - 1] = { isNew: false, id: fromUuidText('sch', id), dueAtMs: dueAt.getTime(), digest };
  return known;
}

/** The first of them with so many bytes together, but at least one. */
function within(locked: readonly Locked[], bytesMax: number): Locked[] {
  let bytes = 0;
  return locked.filter((row, i) => {
    bytes += row.bytes;
    return i === 0 || bytes <= bytesMax;
  });
}

async function readDue(run: Database['run'], places: readonly Place[]): Promise<DueEvent[]> {
  const rows = await run<
    Place & { idempotency_key: string | null; input: string; digest: Buffer | null; is_refused: boolean }
  >(
    `SELECT account_id, id, idempotency_key, input, digest, error IS NOT NULL AS is_refused FROM scheduled_events
     WHERE (account_id, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[])) ORDER BY due_at, seq`,
    [texts(places.map((row) => row.account_id)), uuids(places.map(({ id }) => bytesOfUuid(id)))],
  );
  return rows.map((row) => ({
    id: fromUuidText('sch', row.id),
    accountId: row.account_id,
    idempotencyKey: row.idempotency_key,
    input: row.input,
    digest: row.digest,
    isRefused: row.is_refused,
  }));
}

async function store(
  run: Database['run'],
  now: Date,
  due: readonly DueEvent[],
  became: readonly Publishing[],
): Promise<void> {
  const placesOf = (events: readonly DueEvent[]) => [
    texts(events.map(({ accountId }) => accountId)),
    uuids(events.map(({ id }) => toUuid('sch', id))),
  ];
  const done = due.filter((_, i) => became[i] === 'done');
  if (done.length > 0)
    await run(
      'DELETE FROM scheduled_events WHERE (account_id, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))',
      placesOf(done),
    );
  const late = due.filter((_, i) => became[i] === 'later');
  if (late.length > 0) await run(PUT_OFF, [now, PUT_OFF_MIN_S, PUT_OFF_MAX_S, ...placesOf(late)]);
  const refused = due.filter((_, i) => typeof became[i] === 'object');
  if (refused.length > 0) {
    const refusals = became.filter((one) => typeof one === 'object');
    await run(REFUSE, [
      now,
      REFUSED_TRIED_S,
      REFUSED_FIRST_S,
      ...placesOf(refused),
      texts(refusals.map(({ code }) => code)),
      texts(refusals.map(({ detail }) => detail)),
      bools(refusals.map(({ mayFitLater }) => mayFitLater)),
    ]);
  }
}
