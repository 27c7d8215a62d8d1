import { texts, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import type { DueEvent, Publishing, ScheduledEvent, ScheduledEventStore } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuid, toUuidText } from './rows.ts';

interface Row {
  account_id: string;
  id: string;
  external_id: string | null;
  trigger: string;
  due_at: Date;
  created_at: Date;
  error: { code: string; detail: string } | null;
}

type Place = Pick<Row, 'account_id' | 'id'>;

const COLUMNS = 'account_id, id, external_id, trigger, due_at, created_at, error';

function toScheduledEvent(row: Row): ScheduledEvent {
  return {
    id: fromUuidText('sch', row.id),
    accountId: row.account_id,
    externalId: row.external_id,
    trigger: row.trigger,
    dueAtMs: row.due_at.getTime(),
    createdAtMs: row.created_at.getTime(),
    error: row.error,
  };
}

export function scheduledEventStore(database: Database): ScheduledEventStore {
  return {
    add: (event, max) =>
      database.transaction(async (run) => {
        const values = [event.accountId, event.externalId, event.idempotencyKey];
        const known = `SELECT id, due_at, digest FROM scheduled_events
          WHERE account_id = $1 AND digest IS NOT NULL AND (external_id = $2 OR idempotency_key = $3)`;
        const added = await run<{ id: string; due_at: Date; digest: Buffer }>(
          `INSERT INTO scheduled_events (account_id, external_id, idempotency_key, id, trigger, input, digest, due_at)
           SELECT $1, $2, $3, $4, $5, $6, $7, $8
           WHERE (SELECT count(*) FROM (SELECT FROM scheduled_events WHERE account_id = $1 AND error IS NULL LIMIT $9) s) < $9
           ON CONFLICT DO NOTHING RETURNING id, due_at, digest`,
          [...values, uuidHex(event.uuid), event.trigger, event.input, event.digest, new Date(event.dueAtMs), max],
        );
        const [row] = added.length > 0 ? added : await run<{ id: string; due_at: Date; digest: Buffer }>(known, values);
        if (!row) return undefined;
        const { id, due_at: dueAt, digest } = row;
        return { isNew: added.length > 0, id: fromUuidText('sch', id), dueAtMs: dueAt.getTime(), digest };
      }),

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
        const locked = await run<Place & { bytes: number }>(
          `SELECT account_id, id, octet_length(input) AS bytes FROM scheduled_events WHERE error IS NULL AND due_at <= $1
           ORDER BY due_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED`,
          [new Date(nowMs), max.count],
        );
        if (locked.length === 0) return { taken: 0, isDone: true };
        let bytes = 0;
        const some = locked.filter((row, i) => {
          bytes += row.bytes;
          return i === 0 || bytes <= max.bytes;
        });
        const rows = await run<Place & { idempotency_key: string | null; input: string; digest: Buffer | null }>(
          `SELECT account_id, id, idempotency_key, input, digest FROM scheduled_events
           WHERE (account_id, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[])) ORDER BY due_at, seq`,
          [texts(some.map((row) => row.account_id)), uuids(some.map(({ id }) => bytesOfUuid(id)))],
        );
        const due: DueEvent[] = rows.map((row) => ({
          id: fromUuidText('sch', row.id),
          accountId: row.account_id,
          idempotencyKey: row.idempotency_key,
          input: row.input,
          digest: row.digest,
        }));
        const became = await publish(due);
        await store(run, due, became);
        return { taken: due.length, isDone: !became.includes('again') };
      }),

    async dropRefusedBefore(ms) {
      await database.run('DELETE FROM scheduled_events WHERE error IS NOT NULL AND refused_at < $1', [new Date(ms)]);
    },
  };
}

async function store(run: Database['run'], due: readonly DueEvent[], became: readonly Publishing[]): Promise<void> {
  const done = due.filter((_, i) => became[i] === 'done');
  await run('DELETE FROM scheduled_events WHERE (account_id, id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))', [
    texts(done.map(({ accountId }) => accountId)),
    uuids(done.map(({ id }) => toUuid('sch', id))),
  ]);
  for (const [i, { accountId, id }] of due.entries()) {
    const error = became[i];
    if (typeof error !== 'object') continue;
    const values = [accountId, toUuidText('sch', id), JSON.stringify(error)];
    await run('UPDATE scheduled_events SET error = $3, refused_at = now() WHERE account_id = $1 AND id = $2', values);
  }
}

const uuidHex = (uuid: Uint8Array) => Buffer.from(uuid).toString('hex');
