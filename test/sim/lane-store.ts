import type { LaneStore, NodeStore } from '../../packages/server/src/storage/store.ts';
import { requeue } from './queue-store.ts';
import type { StoreParts } from './store.ts';
import { hexOf } from './tables.ts';

export function laneStore({ tables, connection, server }: StoreParts): LaneStore {
  return {
    take: (node, nowMs, limit) =>
      connection.atomic(() => {
        if (!tables.isAlive(node)) return [];
        const due = [...tables.lanes].filter(
          ([, lane]) => lane.node === null && (lane.nextDueMs ?? nowMs + 1) <= nowMs,
        );
        due.sort(([, a], [, b]) => (a.nextDueMs ?? 0) - (b.nextDueMs ?? 0));
        return due.slice(0, limit).map(([endpointId, lane]) => {
          lane.node = node;
          lane.epoch = tables.nextEpoch();
          return { endpointId, accountId: lane.accountId, epoch: lane.epoch };
        });
      }),
    letGo: (lanes, node) =>
      connection.atomic(() => {
        for (const { endpointId, epoch } of lanes) {
          const lane = tables.lanes.get(endpointId);
          if (lane?.node === node && lane.epoch === epoch) tables.letGo(endpointId);
        }
      }),
    owned: (node) =>
      connection.atomic(() =>
        [...tables.lanes]
          .filter(([, lane]) => lane.node === node)
          .map(([endpointId, { accountId, epoch }]) => ({ endpointId, accountId, epoch })),
      ),
    behind: (endpointIds, inMemory, nowMs) =>
      connection.atomic(() => {
        const held = new Set(inMemory.map(hexOf));
        return endpointIds.filter((id) => tables.queueOf(id).some((row) => row.dueMs <= nowMs && !held.has(row.id)));
      }),
    endDeleted: ({ endpointId, epoch }, inMemory, node) =>
      connection.atomic(() => {
        if (tables.endpoints.has(endpointId) || !tables.owns(node, endpointId, epoch)) return false;
        const held = new Set(inMemory.map(hexOf));
        for (const row of tables.queueOf(endpointId).filter(({ id }) => !held.has(id))) {
          tables.takeOutOfQueue(row.id, server.databaseMs);
          tables.ended.set(row.id, { ...row, status: 'discarded', reason: 'endpoint_deleted' });
        }
        return false;
      }),
  };
}

export function nodeStore(parts: StoreParts): NodeStore {
  const { tables, connection, server } = parts;
  const nowMs = () => server.databaseMs;
  return {
    register: (_host, _pid, watermark) =>
      connection.atomic(() => {
        const id = tables.nextNode();
        const row = {
          name: connection.name,
          beats: 0,
          deadAtMs: undefined,
          watermark: hexOf(watermark),
          backlogged: 0,
        };
        tables.nodes.set(id, row);
        return id;
      }),
    beat: (node, { backlogged }, watermark) =>
      connection.atomic(() => {
        const row = tables.nodes.get(node);
        if (!row || row.deadAtMs !== undefined) return false;
        Object.assign(row, { beats: row.beats + 1, backlogged, watermark: hexOf(watermark) });
        return true;
      }),
    declareDead: (node, silent) =>
      connection.atomic(() => {
        const isSilent = (id: number, beats: number) =>
          silent === 'everybody else' || silent.some((one) => one.id === id && one.heartbeat === String(beats));
        const dead = [...tables.nodes].filter(
          ([id, row]) => id !== node && (row.deadAtMs !== undefined || isSilent(id, row.beats)),
        );
        return dead.map(([id, row]) => {
          row.deadAtMs ??= nowMs();
          return { id, name: row.name, watermark: row.watermark };
        });
      }),
    async takeOver({ id, name, watermark }, atMs) {
      await connection.atomic(() => server.endStatements(name ?? ''));
      const deliveries = await connection.atomic(() => {
        const accounts = new Set([...tables.lanes.values()].filter((l) => l.node === id).map((l) => l.accountId));
        const events = [...tables.events.values()].filter(
          (row) => row.node === id && hexOf(row.event.uuid) >= (watermark ?? '') && accounts.has(row.event.accountId),
        );
        return requeue(
          parts,
          events.flatMap((row) => row.handedOver),
          atMs,
        );
      });
      const lanes = await connection.atomic(() => {
        const owned = [...tables.lanes].filter(([, lane]) => lane.node === id);
        for (const [endpointId] of owned) tables.letGo(endpointId);
        return owned.length;
      });
      await connection.atomic(() => void tables.nodes.delete(id));
      return { deliveries, lanes };
    },
    list: () =>
      connection.atomic(() =>
        [...tables.nodes]
          .filter(([, row]) => row.deadAtMs === undefined)
          .map(([id, { backlogged, beats }]) => {
            const never = new Date(0);
            return {
              id,
              host: '',
              pid: 0,
              startedAt: never,
              heartbeatAt: never,
              heartbeat: String(beats),
              finishedPerS: 0,
              inFlight: 0,
              inMemory: 0,
              backlogged,
            };
          }),
      ),
    leave: (node) =>
      connection.atomic(() => {
        const row = tables.nodes.get(node);
        if (row) row.deadAtMs = nowMs();
      }),
  };
}
