import pg from 'pg';
import { retryAtMs } from '../../packages/server/src/domain/decide.ts';
import { decodeId, encodeId } from '../../packages/server/src/domain/ids.ts';
import type { ActiveDelivery, SettledAttempt } from '../../packages/server/src/domain/model.ts';
import { UNIQUE_VIOLATION } from '../../packages/server/src/storage/database-errors.ts';
import type { AcceptBatch, AcceptResult, LaneOwner, QueueStore } from '../../packages/server/src/storage/store.ts';
import type { StoreParts } from './store.ts';
import { DUE_AT_ONCE, DUE_IN_TURN, type EndedRow, type Facts, factsOf, hexOf, type QueueRow } from './tables.ts';

function toActive(row: QueueRow, epoch: number): ActiveDelivery {
  return {
    uuid: Buffer.from(row.id, 'hex'),
    accountId: row.accountId,
    endpointId: row.endpointId,
    endpointUuid: row.endpointUuid,
    topic: row.topic,
    test: row.test,
    attempts: row.attempts,
    attemptsThisRound: row.tries,
    event: row.event,
    isUrgent: row.dueMs === DUE_AT_ONCE,
    orderingKey: row.orderingKey,
    epoch,
    isStored: true,
  };
}

export function queueStore(parts: StoreParts): QueueStore {
  const { tables, connection, notify, server } = parts;
  const put = (facts: Facts, dueMs: number, attempts = 0, tries = 0, orderingKey: string | null = null) => {
    if (!tables.queue.has(facts.id)) tables.putIntoQueue({ ...facts, attempts, tries, dueMs, orderingKey });
  };
  const take = (endpointId: string, accountId: string, node: number, mayOwn: boolean, dueMs: number): LaneOwner => {
    const isNew = !tables.lanes.has(endpointId);
    const lane = tables.makeDue(endpointId, accountId, dueMs);
    if (lane.node === null && mayOwn && tables.isAlive(node)) {
      lane.node = node;
      lane.epoch = tables.nextEpoch();
    }
    if (lane.node !== null && lane.node !== node) notify.lanes(lane.node, [endpointId]);
    return {
      endpointId,
      node: lane.node === node && !tables.isAlive(node) ? null : lane.node,
      epoch: lane.epoch,
      isNew,
    };
  };
  const lostOf = (batch: AcceptBatch, node: number) =>
    [...batch.lanes].filter(([id, { epoch }]) => epoch !== null && !tables.owns(node, id, epoch)).map(([id]) => id);
  const isStale = ([id, version]: [string, string | null]) => {
    const account = tables.accounts.get(id);
    return !account || (version !== null && String(account.version) !== version);
  };

  const store = (batch: AcceptBatch, node: number, mayOwn: boolean, lost: string[], stale: string[]): AcceptResult => {
    const refused = new Set<number>();
    batch.accountIds.forEach((id, i) => {
      if (stale.includes(id) || lost.length > 0) refused.add(i);
    });
    for (const { accountId, key, publication } of batch.keys)
      if (tables.keys.has(`${accountId} ${key}`)) refused.add(publication);
    for (const { accountId, key, publication, ...entry } of batch.keys)
      if (!refused.has(publication)) tables.keys.set(`${accountId} ${key}`, entry);
    const lanes =
      lost.length > 0
        ? []
        : [...batch.lanes]
            .filter(([, { epoch, accountId }]) => epoch === null && !stale.includes(accountId))
            .map(([id, { accountId }]) => take(id, accountId, node, mayOwn, batch.nowMs));
    const elsewhere = new Set(lanes.filter((lane) => lane.node !== node).map((lane) => lane.endpointId));
    for (const { event, handedOver, publication } of batch.events) {
      if (refused.has(publication)) continue;
      tables.events.set(hexOf(event.uuid), { event, node, handedOver: handedOver.map(factsOf) });
      for (const { endpointId } of handedOver) {
        const epoch = batch.lanes.get(endpointId)?.epoch;
        if (typeof epoch === 'number') tables.mustBeOwned(node, { endpointId, epoch }, 'an event is handed over');
      }
    }
    for (const { delivery, dueAtMs, isHandedOver, publication } of batch.planned) {
      if (!refused.has(publication) && (!isHandedOver || elsewhere.has(delivery.endpointId)))
        put(factsOf(delivery), dueAtMs, 0, 0, delivery.orderingKey);
    }
    for (const { delivery, reason, publication } of batch.skipped) {
      if (!refused.has(publication))
        tables.ended.set(hexOf(delivery.uuid), { ...factsOf(delivery), status: 'skipped', reason, attempts: 0 });
    }
    return { refused, stale, lanes, lost };
  };

  const isSettled = ({ delivery }: SettledAttempt) => {
    const id = hexOf(delivery.uuid);
    return tables.ended.has(id) || tables.attempts.get(id)?.some(({ number }) => number === delivery.attempts + 1);
  };

  const settleOne = (attempt: SettledAttempt, node: number, nowMs: number, isRepeated: boolean): boolean => {
    const { delivery, decision } = attempt;
    const facts = factsOf(delivery);
    tables.mustBeOwned(node, delivery, 'an outcome counts');
    const number = delivery.attempts + 1;
    const row = tables.queue.get(facts.id);
    const made = tables.attempts.get(facts.id) ?? [];
    if (isRepeated && isSettled(attempt)) {
      if (tables.ended.has(facts.id)) tables.takeOutOfQueue(facts.id, server.databaseMs);
      return true;
    }
    if (delivery.isStored && row?.attempts !== delivery.attempts) return false;
    if (made.some((one) => one.number === number)) throw new Error(`attempt ${number} of ${facts.id} is stored twice`);
    if (decision.kind !== 'retry' && tables.ended.has(facts.id)) throw new Error(`delivery ${facts.id} ends twice`);
    const { startedAtMs: startedMs } = attempt;
    const one = { number, epoch: delivery.epoch, startedMs, storedMs: server.world.nowMs };
    tables.attempts.set(facts.id, [...made, one]);
    if (!facts.test) tables.noteOutcome(facts.endpointId, attempt.outcome.error !== undefined);
    if (decision.kind === 'retry') {
      const again = { attempts: number, tries: delivery.attemptsThisRound + 1, dueMs: retryAtMs(attempt, nowMs) ?? 0 };
      if (delivery.isStored && row) Object.assign(row, again);
      else put(facts, again.dueMs, again.attempts, again.tries);
    } else {
      if (delivery.isStored) tables.takeOutOfQueue(facts.id, server.databaseMs);
      const reason = decision.kind === 'discarded' ? decision.reason : null;
      const ended: EndedRow = { ...facts, status: decision.kind, reason, attempts: number };
      tables.ended.set(facts.id, ended);
    }
    return true;
  };

  return {
    accept: (batch, node, mayOwn) =>
      connection.statement(
        () => ({
          lost: lostOf(batch, node),
          stale: [...batch.versions].filter(isStale).map(([id]) => id),
          endpoints: new Set(tables.endpoints.keys()),
        }),
        ({ lost, stale, endpoints }) => {
          const result = store(batch, node, mayOwn, lost, stale);
          // Tests rely on no version of their account: what is deleted meanwhile is ended by whoever owns the lane.
          for (const { delivery, publication } of batch.planned)
            if (
              !result.refused.has(publication) &&
              batch.versions.get(delivery.accountId) &&
              !endpoints.has(delivery.endpointId)
            )
              throw new Error(`an event is accepted for ${delivery.endpointId}, which had been deleted`);
          return result;
        },
      ),

    findKeys: (keys) =>
      connection.atomic(() =>
        keys.flatMap(({ accountId, key }) => {
          const found = tables.keys.get(`${accountId} ${key}`);
          return found ? [{ accountId, key, externalId: null, ...found }] : [];
        }),
      ),

    claim: (lanes, inMemory, _bytesMax, node, nowMs) =>
      connection.atomic(() => {
        const held = new Set(inMemory.map(hexOf));
        const owned = [...lanes].filter(([id, { epoch }]) => tables.owns(node, id, epoch));
        const deliveries = owned.flatMap(([id, { epoch, room }]) => {
          const endpoint = tables.endpoints.get(id);
          if (!endpoint) return [];
          const untilMs = endpoint.status === 'inactive' ? DUE_AT_ONCE : nowMs;
          const due = tables.queueOf(id).filter((row) => row.dueMs <= untilMs && !held.has(row.id));
          return due.slice(0, room).map((row) => toActive(row, epoch));
        });
        const found = owned.map(([endpointId]) => ({
          endpointId,
          isGone: !tables.endpoints.has(endpointId),
          nextDueAtMs: tables.queueOf(endpointId).find(({ dueMs }) => dueMs > nowMs && dueMs < DUE_IN_TURN)?.dueMs,
        }));
        return { deliveries, lanes: found, isCut: false };
      }),

    bringForward: ({ nowMs, soonMs, latestMs }) =>
      connection.atomic(() => {
        const isWrong = ({ id, dueMs, tries }: QueueRow) =>
          dueMs > latestMs || tries === 0 || (tables.attempts.get(id)?.at(-1)?.startedMs ?? 0) > soonMs;
        const late = [...tables.queue.values()].filter(
          (row) => row.dueMs > soonMs && row.dueMs < DUE_IN_TURN && isWrong(row),
        );
        for (const row of late) row.dueMs = nowMs;
        const endpoints = new Set(late.map(({ endpointId }) => endpointId));
        for (const [id, lane] of tables.lanes) {
          const dueMs = lane.nextDueMs ?? 0;
          if (dueMs > latestMs || (dueMs > soonMs && endpoints.has(id))) lane.nextDueMs = nowMs;
        }
        for (const row of tables.replays.values()) if (row.nextMs > soonMs) row.nextMs = nowMs;
        return late.length;
      }),

    settle: (attempts, node, nowMs, _notices, isRepeated) =>
      connection.statement(
        () => attempts.map(({ delivery }) => tables.owns(node, delivery.endpointId, delivery.epoch)),
        (isOwned) => {
          const uncounted = new Map<string, 'lane_lost' | 'not_counted'>();
          // Its note was stored, and the answer lost while the node was stopping.
          const waitsAlready = ({ delivery, decision }: SettledAttempt, i: number) =>
            isOwned[i] && decision.kind === 'retry' && !delivery.isStored && tables.queue.has(hexOf(delivery.uuid));
          if (attempts.some((one, i) => waitsAlready(one, i) && !(isRepeated && isSettled(one))))
            throw uniqueViolation();
          attempts.forEach((attempt, i) => {
            const id = encodeId('dlv', attempt.delivery.uuid);
            if (!isOwned[i]) uncounted.set(id, 'lane_lost');
            else if (!settleOne(attempt, node, nowMs, isRepeated)) uncounted.set(id, 'not_counted');
          });
          return uncounted;
        },
      ),

    keep: (kept, node) =>
      connection.statement(
        () => kept.map(({ delivery }) => tables.owns(node, delivery.endpointId, delivery.epoch)),
        (isOwned) => {
          kept.forEach(({ delivery }, i) => {
            if (!isOwned[i] || delivery.isStored) return;
            tables.mustBeOwned(node, delivery, 'a note is taken');
            put(factsOf(delivery), delivery.event.createdAtMs);
          });
          return new Set(kept.filter((_, i) => !isOwned[i]).map(({ delivery }) => delivery));
        },
      ),

    retry: (accountId, id, node, mayOwn) =>
      connection.atomic(() => {
        const key = hexOf(decodeId('dlv', id) ?? new Uint8Array());
        const row = tables.queue.get(key);
        const ended = tables.ended.get(key);
        const endpointId = row?.endpointId ?? ended?.endpointId;
        const event = row?.event ?? ended?.event;
        if (endpointId === undefined || !event || !tables.events.has(hexOf(event.uuid))) return undefined;
        // What has ended stays so when nothing could be sent; what waits is ended by whoever owns the lane.
        if (!row && !tables.endpoints.has(endpointId)) return undefined;
        if (row?.dueMs === DUE_IN_TURN) return undefined;
        if (row) Object.assign(row, { tries: 0, dueMs: DUE_AT_ONCE });
        else if (ended) {
          tables.ended.delete(key);
          put(ended, DUE_AT_ONCE, ended.attempts);
        }
        return { ...take(endpointId, accountId, node, mayOwn, DUE_AT_ONCE), accountId };
      }),

    requeue: (deliveries, nowMs) => connection.atomic(() => requeue(parts, deliveries.map(factsOf), nowMs)),
  };
}

export function requeue({ tables, notify }: StoreParts, deliveries: readonly Facts[], nowMs: number): number {
  let queued = 0;
  const owners = new Map<number, Set<string>>();
  for (const facts of deliveries) {
    if (!tables.events.has(hexOf(facts.event.uuid)) || tables.knows(facts.id)) continue;
    tables.putIntoQueue({ ...facts, attempts: 0, tries: 0, dueMs: nowMs, orderingKey: null });
    const { node } = tables.makeDue(facts.endpointId, facts.accountId, nowMs);
    if (node !== null) owners.set(node, (owners.get(node) ?? new Set()).add(facts.endpointId));
    queued++;
  }
  for (const [node, endpointIds] of owners) notify.lanes(node, [...endpointIds]);
  return queued;
}

export function uniqueViolation(): Error {
  return Object.assign(new pg.DatabaseError('it waits already', 0, 'error'), { code: UNIQUE_VIOLATION });
}
