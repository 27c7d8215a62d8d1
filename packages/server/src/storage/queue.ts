import type { LeasedDelivery, SettledAttempt } from '../domain/model.ts';
import { bools, byteas, int4s, int8s, texts, timestamps, uuids } from './arrays.ts';
import { type Database, type Parameter, statement } from './database.ts';
import { sqlStateOf, UNIQUE_VIOLATION } from './database-errors.ts';
import { bytesOfUuid, type EventRow, fromUuidText, toStoredEvent, toUuid, toUuidText } from './rows.ts';
import type { AcceptBatch, QueueStore } from './store.ts';

const ACCEPT = statement('accept');
const FIND_KEYS = statement('idempotency_find');
const CLAIM = statement('claim');
const SETTLE = statement('settle');
const RELEASE = statement('release');
const DISCOVER = statement('discover');
const RETRY = statement('retry');

const SMALLEST_UUID = '00000000-0000-0000-0000-000000000000';

interface LeasedRow extends EventRow {
  endpoint_id: string;
  event_id: string;
  topic: string | null;
  attempts: number;
  tries: number;
  /** Only of a claim. */
  round_at?: Date | null;
}

export function queueStore(database: Database): QueueStore {
  return {
    async accept(batch, node) {
      try {
        const rows = await database.hot<{ publication: number | null; stale: string | null }>(
          ACCEPT,
          acceptParameters(batch, node),
        );
        return {
          // SQL counts from 1.
          refused: new Set(rows.flatMap(({ publication }) => (publication === null ? [] : [publication - 1]))),
          stale: rows.flatMap(({ stale }) => stale ?? []),
        };
      } catch (error) {
        // Another node has stored a key of this batch at the same moment: it is seen the next time.
        if (sqlStateOf(error) !== UNIQUE_VIOLATION || batch.keys.length === 0) throw error;
        return { refused: new Set(batch.accountIds.keys()), stale: [] };
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

    async claim(room, bytesMax, node, nowMs) {
      const endpoints = [...room.keys()].map((id) => toUuid('ep', id));
      const rows = await database.hot<LeasedRow & { is_cut: boolean }>(CLAIM, [
        uuids(endpoints),
        int4s([...room.values()]),
        node,
        new Date(nowMs),
        bytesMax,
      ]);
      return { leased: rows.map(toLeased), isCut: rows[0]?.is_cut ?? false };
    },

    async settle(attempts, node, nowMs, notices) {
      const rows = await database.hot<{ id: string }>(SETTLE, [
        ...settleParameters(attempts, node, nowMs),
        uuids(notices.map((n) => n.deliveryUuid)),
        texts(notices.map((n) => n.trigger)),
        texts(notices.map((n) => n.payload)),
      ]);
      return new Set(rows.map((row) => fromUuidText('dlv', row.id)));
    },

    async release(deliveries, node) {
      const accounts = texts(deliveries.map((d) => d.accountId));
      await database.hot(RELEASE, [accounts, uuids(deliveries.map((d) => d.uuid)), node]);
    },

    async bringForward(latestMs, nowMs) {
      const rows = await database.run(
        'UPDATE queue SET due_at = $2 WHERE attempts > 0 AND lease_node IS NULL AND due_at > $1 RETURNING id',
        [new Date(latestMs), new Date(nowMs)],
      );
      return rows.length;
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
  return {
    uuid: bytesOfUuid(row.id),
    accountId: row.account_id,
    endpointId: fromUuidText('ep', row.endpoint_id),
    topic: row.topic,
    test: row.test,
    attempts: row.attempts,
    tries: row.tries,
    ...(row.round_at ? { roundAtMs: row.round_at.getTime() } : {}),
    event: toStoredEvent({ ...row, id: row.event_id }),
  };
}

function acceptParameters(batch: AcceptBatch, node: number): Parameter[] {
  const { versions, accountIds, keys, events, queued, skipped } = batch;
  // SQL counts from 1.
  const publications = (list: readonly { publication: number }[]) => int4s(list.map((one) => one.publication + 1));
  return [
    texts([...versions.keys()]),
    int8s([...versions.values()]),
    texts(accountIds),
    publications(keys),
    texts(keys.map((k) => k.accountId)),
    texts(keys.map((k) => k.key)),
    uuids(keys.map((k) => toUuid('evt', k.eventId))),
    byteas(keys.map((k) => k.digest)),
    int4s(keys.map((k) => k.deliveries)),
    publications(events),
    texts(events.map((e) => e.event.accountId)),
    uuids(events.map((e) => e.event.uuid)),
    texts(events.map((e) => e.event.externalId)),
    texts(events.map((e) => e.event.trigger)),
    bools(events.map((e) => e.event.byTopic)),
    bools(events.map((e) => e.event.test)),
    byteas(events.map((e) => e.event.payload)),
    publications(queued),
    texts(queued.map((q) => q.delivery.accountId)),
    uuids(queued.map((q) => q.delivery.uuid)),
    uuids(queued.map((q) => q.endpointUuid)),
    uuids(queued.map((q) => q.delivery.event.uuid)),
    texts(queued.map((q) => q.delivery.topic)),
    texts(queued.map((q) => q.delivery.event.trigger)),
    bools(queued.map((q) => q.delivery.test)),
    timestamps(queued.map((q) => q.dueAtMs)),
    int4s(queued.map((q) => (q.leased ? node : null))),
    int4s(queued.map((q) => q.delivery.event.payload.length)),
    publications(skipped),
    texts(skipped.map((s) => s.delivery.accountId)),
    uuids(skipped.map((s) => s.delivery.uuid)),
    uuids(skipped.map((s) => s.endpointUuid)),
    uuids(skipped.map((s) => s.delivery.event.uuid)),
    texts(skipped.map((s) => s.delivery.topic)),
    texts(skipped.map((s) => s.delivery.event.trigger)),
    bools(skipped.map((s) => s.delivery.test)),
    texts(skipped.map((s) => s.reason)),
    new Date(batch.nowMs),
  ];
}

function settleParameters(attempts: readonly SettledAttempt[], node: number, nowMs: number): Parameter[] {
  const column = <T>(pick: (attempt: SettledAttempt) => T) => attempts.map(pick);
  const micros = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms * 1000));
  return [
    texts(column((a) => a.delivery.accountId)),
    uuids(column((a) => a.delivery.uuid)),
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
    int8s(column((a) => a.ownHeaders.id)),
  ];
}
