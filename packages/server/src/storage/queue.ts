import { decodeId, timeOfId } from '../domain/ids.ts';
import type { LeasedDelivery, SettledAttempt } from '../domain/model.ts';
import { bools, byteas, int4s, int8s, texts, timestamps, uuids } from './arrays.ts';
import { type Database, type Parameter, sqlStateOf, statement, UNIQUE_VIOLATION } from './database.ts';
import { fromUuidText, toUuid, toUuidText } from './rows.ts';
import type { AcceptBatch, QueueStore } from './store.ts';

const ACCEPT = statement('accept');
const FIND_KEYS = statement('idempotency_find');
const CLAIM = statement('claim');
const SETTLE = statement('settle');
const RELEASE = statement('release');
const DISCOVER = statement('discover');
const RETRY = statement('retry');

const SMALLEST_UUID = '00000000-0000-0000-0000-000000000000';

interface LeasedRow {
  account_id: string;
  id: string;
  endpoint_id: string;
  event_id: string;
  topic: string | null;
  test: boolean;
  attempts: number;
  tries: number;
  external_id: string | null;
  trigger: string;
  by_topic: boolean;
  payload: Buffer;
}

export function queueStore(database: Database): QueueStore {
  return {
    async accept(batch, node) {
      try {
        const stale = await database.hot<{ id: string }>(ACCEPT, acceptParameters(batch, node));
        return stale.length === 0 ? { kind: 'stored' } : { kind: 'stale', accounts: stale.map((row) => row.id) };
      } catch (error) {
        if (sqlStateOf(error) === UNIQUE_VIOLATION && batch.keys.length > 0) return { kind: 'repeated' };
        throw error;
      }
    },

    async findKeys(keys) {
      const rows = await database.hot<{
        account_id: string;
        key: string;
        event_id: string;
        digest: Buffer;
        deliveries: number;
      }>(FIND_KEYS, [texts(keys.map((k) => k.accountId)), texts(keys.map((k) => k.key))]);
      return rows.map((row) => ({
        accountId: row.account_id,
        key: row.key,
        eventId: fromUuidText('evt', row.event_id),
        digest: row.digest,
        deliveries: row.deliveries,
      }));
    },

    async claim(room, node, nowMs) {
      const endpoints = [...room.keys()].map((id) => toUuid('ep', id));
      const rows = await database.hot<LeasedRow>(CLAIM, [
        uuids(endpoints),
        int4s([...room.values()]),
        node,
        new Date(nowMs),
      ]);
      return rows.map(toLeased);
    },

    async settle(attempts, node, nowMs) {
      const rows = await database.hot<{ id: string }>(SETTLE, settleParameters(attempts, node, nowMs));
      return new Set(rows.map((row) => fromUuidText('dlv', row.id)));
    },

    async release(deliveries, node) {
      const accounts = texts(deliveries.map((d) => d.accountId));
      await database.hot(RELEASE, [accounts, uuids(deliveries.map((d) => toUuid('dlv', d.id))), node]);
    },

    async discover(after, limit) {
      const from = after === undefined ? SMALLEST_UUID : toUuidText('ep', after);
      const rows = await database.hot<{ endpoint_id: string; account_id: string; due_at: Date; active: boolean }>(
        DISCOVER,
        [from, limit],
      );
      return rows.map((row) => ({
        endpointId: fromUuidText('ep', row.endpoint_id),
        accountId: row.account_id,
        dueAtMs: row.due_at.getTime(),
        active: row.active,
      }));
    },

    async retry(accountId, id, node, nowMs) {
      const rows = await database.hot<LeasedRow>(RETRY, [accountId, toUuidText('dlv', id), node, new Date(nowMs)]);
      return rows.map(toLeased)[0];
    },
  };
}

function toLeased(row: LeasedRow): LeasedDelivery {
  const eventId = fromUuidText('evt', row.event_id);
  return {
    id: fromUuidText('dlv', row.id),
    accountId: row.account_id,
    endpointId: fromUuidText('ep', row.endpoint_id),
    topic: row.topic,
    test: row.test,
    attempts: row.attempts,
    tries: row.tries,
    event: {
      id: eventId,
      externalId: row.external_id,
      accountId: row.account_id,
      trigger: row.trigger,
      byTopic: row.by_topic,
      test: row.test,
      payload: row.payload,
      createdAtMs: timeOfId(decodeId('evt', eventId) ?? Buffer.alloc(16)),
    },
  };
}

function acceptParameters({ versions, keys, events, queued, skipped }: AcceptBatch, node: number): Parameter[] {
  return [
    texts([...versions.keys()]),
    int8s([...versions.values()]),
    texts(keys.map((k) => k.accountId)),
    texts(keys.map((k) => k.key)),
    uuids(keys.map((k) => toUuid('evt', k.eventId))),
    byteas(keys.map((k) => k.digest)),
    int4s(keys.map((k) => k.deliveries)),
    texts(events.map((e) => e.accountId)),
    uuids(events.map((e) => toUuid('evt', e.id))),
    texts(events.map((e) => e.externalId)),
    texts(events.map((e) => e.trigger)),
    bools(events.map((e) => e.byTopic)),
    bools(events.map((e) => e.test)),
    byteas(events.map((e) => e.payload)),
    texts(queued.map((d) => d.accountId)),
    uuids(queued.map((d) => toUuid('dlv', d.id))),
    uuids(queued.map((d) => toUuid('ep', d.endpointId))),
    uuids(queued.map((d) => toUuid('evt', d.event.id))),
    texts(queued.map((d) => d.topic)),
    texts(queued.map((d) => d.event.trigger)),
    bools(queued.map((d) => d.test)),
    timestamps(queued.map((d) => d.dueAtMs)),
    int4s(queued.map((d) => (d.leased ? node : null))),
    texts(skipped.map((d) => d.accountId)),
    uuids(skipped.map((d) => toUuid('dlv', d.id))),
    uuids(skipped.map((d) => toUuid('ep', d.endpointId))),
    uuids(skipped.map((d) => toUuid('evt', d.event.id))),
    texts(skipped.map((d) => d.topic)),
    texts(skipped.map((d) => d.event.trigger)),
    bools(skipped.map((d) => d.event.test)),
    texts(skipped.map((d) => d.reason)),
    new Date(),
  ];
}

function settleParameters(attempts: readonly SettledAttempt[], node: number, nowMs: number): Parameter[] {
  const column = <T>(pick: (attempt: SettledAttempt) => T) => attempts.map(pick);
  const micros = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms * 1000));
  return [
    texts(column((a) => a.delivery.accountId)),
    uuids(column((a) => toUuid('dlv', a.delivery.id))),
    int4s(column((a) => a.delivery.attempts + 1)),
    int4s(column((a) => a.delivery.tries + 1)),
    texts(column((a) => (a.decision.kind === 'retry' ? null : a.decision.kind))),
    texts(column((a) => (a.decision.kind === 'discarded' ? a.decision.reason : null))),
    timestamps(column((a) => (a.decision.kind === 'retry' ? nowMs + a.decision.delayMs : null))),
    timestamps(column((a) => a.startedAtMs)),
    texts(column((a) => a.url)),
    texts(column((a) => JSON.stringify(a.requestHeaders))),
    texts(column((a) => a.outcome.error ?? null)),
    texts(column((a) => a.outcome.errorDetail ?? null)),
    int4s(column((a) => a.outcome.response?.status ?? null)),
    texts(column((a) => (a.outcome.response ? JSON.stringify(a.outcome.response.headers) : null))),
    byteas(column((a) => a.outcome.response?.body ?? null)),
    bools(column((a) => a.outcome.response?.truncated ?? false)),
    int4s(column((a) => micros(a.outcome.timings.dns))),
    int4s(column((a) => micros(a.outcome.timings.connect))),
    int4s(column((a) => micros(a.outcome.timings.tls))),
    int4s(column((a) => micros(a.outcome.timings.firstByte))),
    int4s(column((a) => micros(a.outcome.timings.total))),
    node,
    new Date(nowMs),
  ];
}
