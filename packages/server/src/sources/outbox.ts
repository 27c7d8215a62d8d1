import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { averageOf, BATCH_MAX, countOf, type Message, READ_WAIT_MS, type SourceReader } from './reader.ts';
import type { SourceOf } from './source-config.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/** How many rows are looked at first, and how many times more at most each time. */
const COUNT = { first: 100, growth: 4 };

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** A table with or without its schema. */
export const tableName = (table: string): string => table.split('.').map(quoted).join('.');

interface Row {
  place: string;
  payload: string | Buffer | null;
  columns: (string | null)[];
}

/** Nobody needs to know exactly how many more there are. */
const COUNTED_MAX = 100_000;

export function connectOutbox({ url }: SourceOf<'postgresql'>): pg.Client {
  return new pg.Client({
    connectionString: url,
    application_name: 'posthorn outbox',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // A server that is gone without a word would never answer.
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
    keepAlive: true,
  });
}

/** What is asked of a table, as it is made. */
export interface Outbox {
  /** The next rows: at most so many, and so many bytes. */
  next(max: { messages: number; bytes: number }): Promise<Message[]>;
  finish(places: readonly string[]): Promise<void>;
  /** Rows that wait, counted up to some thousand. */
  waiting(): Promise<number>;
}

/** Looks at a table, and prepares what is asked of it. @throws Error for one that is not as the source says */
export async function describeOutbox(client: pg.Client, source: SourceOf<'postgresql'>): Promise<Outbox> {
  const { table, id_column: id = 'id', payload_column: payload = 'payload', done_column: done } = source;
  const { rows: columns } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [tableName(table)],
  );
  const typeOf = (name: string): string => {
    const column = columns.find((one) => one.name === name);
    if (!column) throw new Error(`${table} has no column ${name}`);
    return column.type;
  };
  if (done !== undefined) typeOf(done);
  const others = columns.map(({ name }) => name).filter((name) => name !== payload);
  // As text: a payload that `jsonb` would refuse is a dead letter, and no error here.
  const text = (name: string) => `${quoted(name)}::text`;
  const body = typeOf(payload) === 'bytea' ? quoted(payload) : text(payload);
  const bytes = [body, ...others.map(text)].map((column) => `coalesce(octet_length(${column}), 0)`).join(' + ');
  const select = `SELECT ${text(id)} AS place, ${body} AS payload, ARRAY[${others.map(text).join(', ')}] AS columns
     FROM (SELECT *, sum(${bytes}) OVER (ORDER BY ${quoted(id)} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS posthorn_bytes_before
           FROM (SELECT * FROM ${tableName(table)}
                 WHERE ${quoted(id)} IS NOT NULL ${done === undefined ? '' : `AND ${quoted(done)} IS NULL`}
                 ORDER BY ${quoted(id)} LIMIT $1) page) t
     WHERE coalesce(posthorn_bytes_before, 0) <= $2
     ORDER BY ${quoted(id)}`;
  const count = `SELECT count(*)::int AS n FROM (SELECT FROM ${tableName(table)}
     ${done === undefined ? '' : `WHERE ${quoted(done)} IS NULL`} LIMIT ${COUNTED_MAX}) AS counted`;
  // Of the type of the column: so its index is used.
  const these = `${quoted(id)} = ANY ($1::text[]::${typeOf(id)}[])`;
  const finish =
    done === undefined
      ? `DELETE FROM ${tableName(table)} WHERE ${these}`
      : `UPDATE ${tableName(table)} SET ${quoted(done)} = now() WHERE ${these} AND ${quoted(done)} IS NULL`;
  return {
    async next({ messages, bytes: max }) {
      const { rows } = await client.query<Row>(select, [messages, max]);
      return rows.map((row) => toMessage(row, others));
    },
    async waiting() {
      const { rows } = await client.query<{ n: number }>(count);
      return rows[0]?.n ?? 0;
    },
    async finish(places) {
      const { rowCount } = await client.query(finish, [places]);
      // They would come again at once, for ever, and be new events in two days.
      if (rowCount === 0)
        throw new Error(
          `rows of ${table} are read, and cannot be ${done === undefined ? 'deleted' : 'marked'}: look for rules, triggers and policies`,
        );
    },
  };
}

/**
 * Reads an outbox table in an application's database. One node reads at a time, in the order of the ids, and none holds a
 * transaction there. A row is gone, or marked, when it is stored here; its place is its id.
 */
export async function openOutbox(source: SourceOf<'postgresql'>): Promise<SourceReader> {
  const { name, channel } = source;
  const client = connectOutbox(source);
  let failure: Error | undefined;
  let wake = () => {};
  client.on('error', (error) => {
    failure = error;
    wake();
  });
  client.on('end', () => wake());
  client.on('notification', () => wake());
  await client.connect();
  const lock = `posthorn source ${name}`;
  let isOurs = false;
  let count = COUNT.first;
  let outbox: Outbox;
  try {
    // A server that has vanished must not keep its lock for hours.
    await client.query(
      `SET statement_timeout = ${STATEMENT_TIMEOUT_MS}; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`,
    );
    if (channel !== undefined) await client.query(`LISTEN ${quoted(channel)}`);
    outbox = await describeOutbox(client, source);
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }

  const wait = async (signal: AbortSignal): Promise<void> => {
    const over = new AbortController();
    wake = () => over.abort();
    await setTimeout(READ_WAIT_MS, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => {});
    wake = () => {};
  };

  return {
    get isStandby() {
      return !isOurs;
    },
    async read(signal) {
      if (failure) throw failure;
      if (!isOurs) {
        const { rows } = await client.query<{ is_ours: boolean }>(
          'SELECT pg_try_advisory_lock(hashtextextended($1, 7120019)) AS is_ours',
          [lock],
        );
        isOurs = rows[0]?.is_ours ?? false;
      }
      const messages = isOurs ? await outbox.next({ messages: count, bytes: BATCH_MAX.bytes }) : [];
      if (messages.length === 0) {
        await wait(signal);
        return undefined;
      }
      // Rows are weighed before they are read: of large ones fewer are looked at.
      count = Math.min(COUNT.growth * count, countOf(averageOf(messages.map(({ body }) => body))));
      return { messages, done: () => outbox.finish(messages.map(({ place = '' }) => place)) };
    },
    behind: () => outbox.waiting(),
    close: () => client.end(),
  };
}

function toMessage({ place, payload, columns }: Row, names: readonly string[]): Message {
  const headers = names.flatMap((name, i) => (columns[i] == null ? [] : [[name, columns[i]] as const]));
  return { place, headers: Object.fromEntries(headers), body: Buffer.from(payload ?? '') };
}
