import { encodeId } from '../domain/ids.ts';
import type { ActiveDelivery } from '../domain/model.ts';
import { acceptBatch } from './accept-batch.ts';
import { bools, int4s, int8s, texts, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import { endpointUuids, type LaneRow, toLaneOwner } from './lanes.ts';
import { bytesOfUuid, type EventRow, fromUuidText, toStoredEvent, toUuidText } from './rows.ts';
import { keepDeliveries, settleBatch } from './settle-batch.ts';
import { statement } from './statement.ts';
import type { ClaimedLane, QueueStore } from './store.ts';

const FIND_KEYS = statement('idempotency_find');
const CLAIM = statement('claim');
const RETRY = statement('retry');
const BRING_FORWARD = statement('bring_forward').text;
const REQUEUE = statement('requeue').text;

/** One row says when lanes are due again (`lanes`), the others are deliveries. */
interface ClaimRow extends EventRow {
  endpoint_id: string;
  event_id: string;
  topic: string | null;
  attempts: number;
  tries: number;
  ordering_key: string | null;
  due_at: Date;
  round_at: Date | null;
  lanes: { endpoint_id: string; is_gone: boolean; next_due_at: string | null }[] | null;
  is_cut: boolean | null;
}

export function queueStore(database: Database): QueueStore {
  return {
    accept: (batch, node, ownsLanes) => acceptBatch(database, batch, node, ownsLanes),
    settle: (...outcomes) => settleBatch(database, outcomes),
    keep: (...deliveries) => keepDeliveries(database, deliveries),

    async findKeys(keys) {
      const rows = await database.hot<{
        account_id: string;
        key: string;
        event_id: string;
        digest: Buffer;
        deliveries: number;
        external_id: string | null;
      }>(FIND_KEYS, [texts(keys.map((k) => k.accountId)), texts(keys.map((k) => k.key))]);
      return rows.map((row) => ({
        accountId: row.account_id,
        key: row.key,
        eventId: fromUuidText('evt', row.event_id),
        digest: row.digest,
        deliveries: row.deliveries,
        externalId: row.external_id,
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

    async bringForward({ nowMs, soonMs, latestMs }) {
      const times = [nowMs, soonMs, latestMs].map((ms) => new Date(ms));
      const [row] = await database.run<{ late: number }>(BRING_FORWARD, times);
      return row?.late ?? 0;
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
      const [row] = await database.maintain<{ queued: number }>(REQUEUE, [
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
    attemptsThisRound: row.tries,
    ...(row.round_at ? { roundAtMs: row.round_at.getTime() } : {}),
    event: toStoredEvent({ ...row, id: row.event_id }),
    isUrgent: row.due_at.getTime() === 0,
    orderingKey: row.ordering_key,
    epoch: lanes.get(endpointId)?.epoch ?? Number.NaN,
    isStored: true,
  };
}
