import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { BATCH_MAX, type Message, READ_WAIT_MS, type SourceReader } from './reader.ts';
import type { SourceOf } from './source-config.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/** A column of ours beside theirs: the bytes of the payloads before. */
const BEFORE = 'posthorn_bytes_before';

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** A table with or without its schema. */
const tableName = (table: string): string => table.split('.').map(quoted).join('.');

interface Row {
  place: string;
  payload: string;
  columns: Record<string, string | null>;
}

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

/** The next rows, with all columns but the payload as text. */
export function selectRows(source: SourceOf<'postgresql'>): string {
  const { table, id_column: id = 'id', payload_column: payload = 'payload', done_column: done } = source;
  return `SELECT ${quoted(id)}::text AS place, ${quoted(payload)}::text AS payload,
       (SELECT jsonb_object_agg(key, value) FROM jsonb_each_text(to_jsonb(t) - $1::text - '${BEFORE}')) AS columns
     FROM (SELECT *, sum(octet_length(${quoted(payload)}::text)) OVER (ORDER BY ${quoted(id)}) - octet_length(${quoted(payload)}::text) AS ${BEFORE}
           FROM (SELECT * FROM ${tableName(table)} ${done === undefined ? '' : `WHERE ${quoted(done)} IS NULL`}
                 ORDER BY ${quoted(id)} LIMIT $2) page) t
     WHERE coalesce(${BEFORE}, 0) <= $3
     ORDER BY ${quoted(id)}`;
}

/**
 * Reads an outbox table in an application's database. One node reads at a time, in the order of the ids, and none holds a
 * transaction there. A row is gone, or marked, when it is stored here; its place is its id.
 */
export async function openOutbox(source: SourceOf<'postgresql'>): Promise<SourceReader> {
  const { name, table, id_column: id = 'id', payload_column: payload = 'payload', done_column: done, channel } = source;
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
  try {
    await client.query(`SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
    if (channel !== undefined) await client.query(`LISTEN ${quoted(channel)}`);
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  const select = selectRows(source);
  const finish =
    done === undefined
      ? `DELETE FROM ${tableName(table)} WHERE ${quoted(id)}::text = ANY ($1)`
      : `UPDATE ${tableName(table)} SET ${quoted(done)} = now() WHERE ${quoted(id)}::text = ANY ($1) AND ${quoted(done)} IS NULL`;

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
      const rows = isOurs ? (await client.query<Row>(select, [payload, BATCH_MAX.messages, BATCH_MAX.bytes])).rows : [];
      if (rows.length === 0) {
        await wait(signal);
        return undefined;
      }
      return {
        messages: rows.map(toMessage),
        done: async () => void (await client.query(finish, [rows.map(({ place }) => place)])),
      };
    },
    close: () => client.end(),
  };
}

export function toMessage({ place, payload, columns }: Row): Message {
  const headers = Object.entries(columns ?? {}).filter((entry): entry is [string, string] => entry[1] !== null);
  return { place, headers: Object.fromEntries(headers), body: Buffer.from(payload ?? '') };
}
