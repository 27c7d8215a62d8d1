import { decodeId, firstUuidOf, timeOfId } from '../../packages/server/src/domain/ids.ts';
import type { ReplayFilter, ReplayStore } from '../../packages/server/src/storage/page-store.ts';
import type { RetentionStore } from '../../packages/server/src/storage/store.ts';
import { uniqueViolation } from './queue-store.ts';
import type { StoreParts } from './store.ts';
import { DUE_AT_ONCE, DUE_IN_TURN, hexOf } from './tables.ts';

const DAY_MS = 86_400_000;
const dayOf = (id: string) => Math.floor(timeOfId(Buffer.from(id, 'hex')) / DAY_MS) * DAY_MS;
const firstIdOf = (ms: number) => hexOf(firstUuidOf(ms));

/** Events, deliveries and attempts are dropped by whole days, as partitions are. */
export function retentionStore({ tables, connection, server }: StoreParts): Partial<RetentionStore> {
  return {
    databaseMs: () => connection.atomic(() => server.databaseMs),
    newestDayMs: () =>
      connection.atomic(() => {
        const days = [...tables.events.keys()].map(dayOf);
        return days.length === 0 ? undefined : Math.max(...days) + DAY_MS;
      }),
    dropBefore: (ms) =>
      connection.atomic(() => {
        const unfinished = new Set(
          [...tables.queue.values()].flatMap(({ id, event }) => [dayOf(id), dayOf(hexOf(event.uuid))]),
        );
        const firstKeptMs = Math.floor(ms / DAY_MS) * DAY_MS;
        const days = new Set([...tables.events.keys(), ...tables.ended.keys()].map(dayOf));
        const old = [...days].filter((dayMs) => dayMs < firstKeptMs);
        const droppedMs = old.filter((dayMs) => !unfinished.has(dayMs));
        const drop = (rows: Map<string, unknown>) => {
          for (const id of rows.keys()) if (droppedMs.includes(dayOf(id))) rows.delete(id);
        };
        for (const rows of [tables.events, tables.ended, tables.attempts]) drop(rows);
        return { droppedMs, keptMs: old.filter((dayMs) => unfinished.has(dayMs)) };
      }),
  };
}

/** Of the filters only the endpoint's. */
export function replayStore({ tables, connection, notify }: StoreParts): ReplayStore {
  const idOf = (id: string) => hexOf(decodeId('dlv', id) ?? new Uint8Array());
  const isSendable = (id: string) => {
    const ended = tables.ended.get(id);
    // What is in both, which should not be, is refused when it is put back.
    const waiting = ended ? undefined : tables.queue.get(id);
    const row = waiting ?? ended;
    const endpoint = row && tables.endpoints.get(row.endpointId);
    if (!row || !endpoint || !tables.events.has(hexOf(row.event.uuid))) return false;
    // What waits for its turn, or is asked for, is sent anyway; what is held is not.
    return (
      !waiting ||
      (waiting.dueMs !== DUE_IN_TURN &&
        waiting.dueMs !== DUE_AT_ONCE &&
        (endpoint.status === 'inactive' || waiting.attempts > 0))
    );
  };
  const sendable = (accountId: string, { endpointId, ids }: ReplayFilter, after: string, before: string) =>
    [...tables.queue.values(), ...tables.ended.values()]
      .filter((row) => row.accountId === accountId && (endpointId ?? row.endpointId) === row.endpointId)
      .filter(({ id }) => id > after && id < before && (!ids || ids.map(idOf).includes(id)) && isSendable(id))
      .map(({ id }) => id)
      .sort();

  return {
    count: (accountId, filter) =>
      connection.atomic(() => {
        const count = sendable(accountId, filter, firstIdOf(filter.fromMs - 1), firstIdOf(filter.toMs)).length;
        return { matched: count, count, held: 0 };
      }),
    create: (replay, firstAtMs, max) =>
      connection.atomic(() => {
        const running = [...tables.replays.values()].filter(
          (row) => row.replay.accountId === replay.accountId && row.replay.status === 'running',
        );
        if (running.length >= max) return false;
        tables.replays.set(replay.id, { replay, after: firstIdOf(replay.filter.fromMs - 1), nextMs: firstAtMs });
        return true;
      }),
    find: (_accountId, id) => connection.atomic(() => tables.replays.get(id)?.replay),
    list: () => connection.atomic(() => [...tables.replays.values()].map(({ replay }) => replay)),
    cancel: (_accountId, id) =>
      connection.atomic(() => {
        const row = tables.replays.get(id);
        if (row?.replay.status === 'running') row.replay = { ...row.replay, status: 'cancelled' };
        return row?.replay;
      }),
    due: (nowMs, limit, except) =>
      connection.atomic(() =>
        [...tables.replays.values()]
          .filter(({ replay, nextMs }) => replay.status === 'running' && nextMs <= nowMs && !except.includes(replay.id))
          .slice(0, limit)
          .map(({ replay }) => replay.id),
      ),
    postpone: (id, untilMs) =>
      connection.atomic(() => {
        const row = tables.replays.get(id);
        if (row) row.nextMs = untilMs;
      }),
    advance: (id, nowMs) =>
      connection.statement(
        () => {
          const row = tables.replays.get(id);
          if (row?.replay.status !== 'running') return undefined;
          const { accountId, filter, perS } = row.replay;
          return {
            after: row.after,
            piece: sendable(accountId, filter, row.after, firstIdOf(filter.toMs)).slice(0, perS),
          };
        },
        (seen) => {
          const row = tables.replays.get(id);
          if (!seen || row?.replay.status !== 'running' || row.nextMs > nowMs || row.after !== seen.after) return;
          const sent = seen.piece.filter(isSendable);
          if (sent.some((one) => tables.queue.has(one) && tables.ended.has(one))) throw uniqueViolation();
          for (const one of sent) putBack(one, nowMs);
          const { replay } = row;
          const status = seen.piece.length < replay.perS ? 'finished' : 'running';
          row.replay = { ...replay, done: replay.done + sent.length, status };
          row.after = seen.piece.at(-1) ?? row.after;
          row.nextMs = nowMs + 1_000;
        },
      ),
    dropBefore: async () => {},
  };

  function putBack(id: string, nowMs: number): void {
    const waiting = tables.queue.get(id);
    const ended = tables.ended.get(id);
    if (waiting) Object.assign(waiting, { dueMs: nowMs, tries: 0 });
    else if (ended) {
      tables.ended.delete(id);
      tables.putIntoQueue({ ...ended, tries: 0, dueMs: nowMs, orderingKey: null });
    }
    const row = waiting ?? ended;
    const lane = row && tables.makeDue(row.endpointId, row.accountId, nowMs);
    if (row && lane && lane.node !== null) notify.lanes(lane.node, [row.endpointId]);
  }
}
