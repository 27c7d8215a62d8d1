import { encodeId } from '../domain/ids.ts';
import type { ActiveDelivery, SettledAttempt } from '../domain/model.ts';
import { bools, byteas, int4s, int8s, texts, timestamps, uuids } from './arrays.ts';
import { type Database, type Parameter, statement } from './database.ts';
import { sqlStateOf, UNIQUE_VIOLATION } from './database-errors.ts';
import { encodeHandedOver } from './handed-over.ts';
import { endpointUuids } from './lanes.ts';
import { bytesOfUuid, type EventRow, fromUuidText, toStoredEvent, toUuid, toUuidText } from './rows.ts';
import type { AcceptBatch, ClaimedLane, LaneOwner, QueueStore } from './store.ts';

const ACCEPT = statement('accept');
const FIND_KEYS = statement('idempotency_find');
const CLAIM = statement('claim');
const SETTLE = statement('settle');
const KEEP = statement('keep');
const RETRY = statement('retry');
const REQUEUE = statement('requeue');

interface LaneRow {
  endpoint_id: string;
  node: number | null;
  /** Null: the lane is lost. */
  epoch: string | null;
  /** Only of accepting. */
  is_new?: boolean | null;
}

/** Each row is one thing: a publication that was refused, a stale account, or a lane. */
interface AcceptRow {
  publication: number | null;
  stale: string | null;
  endpoint_id: string | null;
  node: number | null;
  epoch: string | null;
  is_new: boolean | null;
}

/** One row says when lanes are due again (`lanes`), the others are deliveries. */
interface ClaimRow extends EventRow {
  endpoint_id: string;
  event_id: string;
  topic: string | null;
  attempts: number;
  tries: number;
  due_at: Date;
  round_at: Date | null;
  lanes: { endpoint_id: string; is_gone: boolean; next_due_at: string | null }[] | null;
  is_cut: boolean | null;
}

export function queueStore(database: Database): QueueStore {
  return {
    async accept(batch, node, ownsLanes) {
      try {
        const rows = await database.hot<AcceptRow>(ACCEPT, acceptParameters(batch, node, ownsLanes));
        const lanes = rows.filter(isLaneRow);
        return {
          // SQL counts from 1.
          refused: new Set(rows.flatMap(({ publication }) => (publication === null ? [] : [publication - 1]))),
          stale: rows.flatMap(({ stale }) => stale ?? []),
          lanes: lanes.flatMap((lane) => toLaneOwner(lane) ?? []),
          lost: lanes.filter(({ epoch }) => epoch === null).map((lane) => fromUuidText('ep', lane.endpoint_id)),
        };
      } catch (error) {
        // Another node has stored a key of this batch at the same moment: it is seen the next time.
        if (sqlStateOf(error) !== UNIQUE_VIOLATION || batch.keys.length === 0) throw error;
        return { refused: new Set(batch.accountIds.keys()), stale: [], lanes: [], lost: [] };
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

    async claim(lanes, inMemory, bytesMax, node, nowMs) {
      const asked = [...lanes.values()];
      const rows = await database.hot<ClaimRow>(CLAIM, [
        endpointUuids([...lanes.keys()]),
        int8s(asked.map(({ epoch }) => epoch)),
        int4s(asked.map(({ room }) => room)),
        node,
        uuids(inMemory),
        new Date(nowMs),
        bytesMax,
      ]);
      const found = rows.find((row) => row.id === null);
      return {
        deliveries: rows.filter((row) => row.id !== null).map((row) => toActive(row, lanes)),
        lanes: (found?.lanes ?? []).map(toClaimedLane),
        isCut: found?.is_cut ?? false,
      };
    },

    async settle(attempts, node, nowMs, notices, isRepeated) {
      const lanes = lanesOf(attempts.map(({ delivery }) => delivery));
      const rows = await database.hot<{ id: string; is_lane_lost: boolean }>(SETTLE, [
        ...settleParameters(attempts, nowMs),
        node,
        new Date(nowMs),
        uuids(lanes.each.map(({ endpointUuid }) => endpointUuid)),
        int8s(lanes.each.map(({ epoch }) => epoch)),
        isRepeated,
        uuids(notices.map((n) => n.deliveryUuid)),
        texts(notices.map((n) => n.trigger)),
        texts(notices.map((n) => n.payload)),
        ...deliveryParameters(attempts),
        int4s(lanes.placeOf),
      ]);
      return new Map(rows.map((row) => [fromUuidText('dlv', row.id), row.is_lane_lost ? 'lane_lost' : 'not_counted']));
    },

    async keep(kept, node) {
      const deliveries = kept.map(({ delivery }) => delivery);
      const lanes = lanesOf(deliveries);
      const rows = await database.hot<{ endpoint_id: string }>(KEEP, [
        texts(deliveries.map((d) => d.accountId)),
        uuids(deliveries.map((d) => d.uuid)),
        uuids(deliveries.map((d) => d.endpointUuid)),
        uuids(deliveries.map((d) => d.event.uuid)),
        texts(deliveries.map((d) => d.topic)),
        texts(deliveries.map((d) => d.event.trigger)),
        bools(deliveries.map((d) => d.test)),
        timestamps(deliveries.map((d) => d.event.createdAtMs)),
        int4s(deliveries.map((d) => d.event.payload.length)),
        int8s(kept.map(({ delivery, isSending }) => (isSending ? delivery.epoch : null))),
        bools(deliveries.map((d) => d.isStored)),
        node,
        uuids(lanes.each.map(({ endpointUuid }) => endpointUuid)),
        int8s(lanes.each.map(({ epoch }) => epoch)),
        int4s(lanes.placeOf),
      ]);
      return new Set(rows.map((row) => fromUuidText('ep', row.endpoint_id)));
    },

    async bringForward(latestMs, nowMs) {
      const rows = await database.run('UPDATE queue SET due_at = $2 WHERE attempts > 0 AND due_at > $1 RETURNING id', [
        new Date(latestMs),
        new Date(nowMs),
      ]);
      await database.run('UPDATE lanes SET next_due_at = $2 WHERE node IS NULL AND next_due_at > $1', [
        new Date(latestMs),
        new Date(nowMs),
      ]);
      return rows.length;
    },

    async retry(accountId, id, node, ownsLanes) {
      const [row] = await database.hot<LaneRow & { account_id: string }>(RETRY, [
        accountId,
        toUuidText('dlv', id),
        node,
        ownsLanes,
      ]);
      const owner = row && toLaneOwner(row);
      return row && owner && { ...owner, accountId: row.account_id };
    },

    async requeue(deliveries, nowMs) {
      const [row] = await database.maintain<{ queued: number }>(REQUEUE.text, [
        texts(deliveries.map((d) => d.accountId)),
        uuids(deliveries.map((d) => d.uuid)),
        uuids(deliveries.map((d) => d.endpointUuid)),
        uuids(deliveries.map((d) => d.event.uuid)),
        texts(deliveries.map((d) => d.topic)),
        texts(deliveries.map((d) => d.event.trigger)),
        bools(deliveries.map((d) => d.test)),
        int4s(deliveries.map((d) => d.event.payload.length)),
        new Date(nowMs),
      ]);
      return row?.queued ?? 0;
    },
  };
}

function isLaneRow(row: AcceptRow): row is AcceptRow & LaneRow {
  return row.endpoint_id !== null;
}

function toLaneOwner({ endpoint_id, node, epoch, is_new }: LaneRow): LaneOwner | undefined {
  if (epoch === null) return undefined;
  return { endpointId: fromUuidText('ep', endpoint_id), node, epoch: Number(epoch), isNew: is_new === true };
}

function toClaimedLane({ endpoint_id, is_gone, next_due_at }: NonNullable<ClaimRow['lanes']>[number]): ClaimedLane {
  return {
    endpointId: fromUuidText('ep', endpoint_id),
    isGone: is_gone,
    nextDueAtMs: next_due_at === null ? undefined : Date.parse(next_due_at),
  };
}

function toActive(row: ClaimRow, lanes: ReadonlyMap<string, { epoch: number }>): ActiveDelivery {
  const endpointUuid = bytesOfUuid(row.endpoint_id);
  const endpointId = encodeId('ep', endpointUuid);
  return {
    uuid: bytesOfUuid(row.id),
    accountId: row.account_id,
    endpointId,
    endpointUuid,
    topic: row.topic,
    test: row.test,
    attempts: row.attempts,
    tries: row.tries,
    ...(row.round_at ? { roundAtMs: row.round_at.getTime() } : {}),
    event: toStoredEvent({ ...row, id: row.event_id }),
    isUrgent: row.due_at.getTime() === 0,
    epoch: lanes.get(endpointId)?.epoch ?? Number.NaN,
    isStored: true,
  };
}

/** The lanes of deliveries, each once with its epoch, and the place of each delivery's lane among them, from 1. */
function lanesOf(deliveries: readonly ActiveDelivery[]) {
  const each: ActiveDelivery[] = [];
  const places = new Map<string, number>();
  const placeOf = deliveries.map((delivery) => {
    const key = `${delivery.endpointId} ${delivery.epoch}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    const place = each.push(delivery);
    places.set(key, place);
    return place;
  });
  return { each, placeOf };
}

function acceptParameters(batch: AcceptBatch, node: number, ownsLanes: boolean): Parameter[] {
  const { versions, accountIds, keys, events, planned, skipped } = batch;
  // SQL counts from 1.
  const publications = (list: readonly { publication: number }[]) => int4s(list.map((one) => one.publication + 1));
  const lanes = [...batch.lanes.values()];
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
    byteas(events.map((e) => encodeHandedOver(e.handedOver))),
    publications(planned),
    texts(planned.map((p) => p.delivery.accountId)),
    uuids(planned.map((p) => p.delivery.uuid)),
    uuids(planned.map((p) => p.delivery.endpointUuid)),
    uuids(planned.map((p) => p.delivery.event.uuid)),
    texts(planned.map((p) => p.delivery.topic)),
    texts(planned.map((p) => p.delivery.event.trigger)),
    bools(planned.map((p) => p.delivery.test)),
    timestamps(planned.map((p) => p.dueAtMs)),
    int4s(planned.map((p) => p.delivery.event.payload.length)),
    bools(planned.map((p) => p.isHandedOver)),
    publications(skipped),
    texts(skipped.map((s) => s.delivery.accountId)),
    uuids(skipped.map((s) => s.delivery.uuid)),
    uuids(skipped.map((s) => s.delivery.endpointUuid)),
    uuids(skipped.map((s) => s.delivery.event.uuid)),
    texts(skipped.map((s) => s.delivery.topic)),
    texts(skipped.map((s) => s.delivery.event.trigger)),
    bools(skipped.map((s) => s.delivery.test)),
    texts(skipped.map((s) => s.reason)),
    new Date(batch.nowMs),
    node,
    uuids(lanes.map((lane) => lane.endpointUuid)),
    texts(lanes.map((lane) => lane.accountId)),
    int8s(lanes.map((lane) => lane.epoch)),
    ownsLanes,
  ];
}

function settleParameters(attempts: readonly SettledAttempt[], nowMs: number): Parameter[] {
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
    int8s(column((a) => a.ownHeaders.id)),
  ];
}

/** What a delivery that has no row yet is stored with. */
function deliveryParameters(attempts: readonly SettledAttempt[]): Parameter[] {
  const column = <T>(pick: (delivery: ActiveDelivery) => T) => attempts.map(({ delivery }) => pick(delivery));
  return [
    uuids(column((d) => d.endpointUuid)),
    uuids(column((d) => d.event.uuid)),
    texts(column((d) => d.topic)),
    texts(column((d) => d.event.trigger)),
    bools(column((d) => d.test)),
    int4s(column((d) => d.event.payload.length)),
    bools(column((d) => d.isStored)),
  ];
}
