import { decodeId, encodeId } from '../../packages/server/src/domain/ids.ts';
import type { ActiveDelivery, SettledAttempt } from '../../packages/server/src/domain/model.ts';
import type {
  AcceptBatch,
  AcceptResult,
  LaneOwner,
  LaneStore,
  NodeStore,
  QueueStore,
  Store,
} from '../../packages/server/src/storage/store.ts';
import type { Connection, SimulatedServer } from './connection.ts';
import { DUE_AT_ONCE, type EndedRow, type Facts, factsOf, hexOf, type QueueRow, type Tables } from './tables.ts';

/** What statements tell all nodes of, as PostgreSQL's notifications do. */
export interface Notifications {
  account(accountId: string, endpointId: string): void;
  lanes(node: number, endpointIds: readonly string[]): void;
}

export interface StoreParts {
  tables: Tables;
  connection: Connection;
  server: SimulatedServer;
  notify: Notifications;
  secret: string;
}

function toActive(row: QueueRow, epoch: number): ActiveDelivery {
  return {
    uuid: Buffer.from(row.id, 'hex'),
    accountId: row.accountId,
    endpointId: row.endpointId,
    endpointUuid: row.endpointUuid,
    topic: row.topic,
    test: row.test,
    attempts: row.attempts,
    tries: row.tries,
    event: row.event,
    isUrgent: row.dueMs === DUE_AT_ONCE,
    epoch,
    isStored: true,
  };
}

function queueStore(parts: StoreParts): QueueStore {
  const { tables, connection, notify } = parts;
  const put = (facts: Facts, dueMs: number, attempts = 0, tries = 0) => {
    if (!tables.queue.has(facts.id)) tables.queue.set(facts.id, { ...facts, attempts, tries, dueMs });
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
      if (!refused.has(publication))
        tables.events.set(hexOf(event.uuid), { event, node, handedOver: handedOver.map(factsOf) });
    }
    for (const { delivery, dueAtMs, isHandedOver, publication } of batch.planned) {
      if (!refused.has(publication) && (!isHandedOver || elsewhere.has(delivery.endpointId)))
        put(factsOf(delivery), dueAtMs);
    }
    for (const { delivery, reason, publication } of batch.skipped) {
      if (!refused.has(publication))
        tables.ended.set(hexOf(delivery.uuid), { ...factsOf(delivery), status: 'skipped', reason, attempts: 0 });
    }
    return { refused, stale, lanes, lost };
  };

  const settleOne = (attempt: SettledAttempt, nowMs: number, isRepeated: boolean): boolean => {
    const { delivery, decision } = attempt;
    const facts = factsOf(delivery);
    const number = delivery.attempts + 1;
    const row = tables.queue.get(facts.id);
    const made = tables.attempts.get(facts.id) ?? [];
    if (isRepeated && (made.some((one) => one.number === number) || tables.ended.has(facts.id))) {
      if (tables.ended.has(facts.id)) tables.queue.delete(facts.id);
      return true;
    }
    if (delivery.isStored && row?.attempts !== delivery.attempts) return false;
    if (made.some((one) => one.number === number)) throw new Error(`attempt ${number} of ${facts.id} is stored twice`);
    tables.attempts.set(facts.id, [...made, { number, epoch: delivery.epoch }]);
    tables.queue.delete(facts.id);
    if (decision.kind === 'retry') put(facts, nowMs + decision.delayMs, number, delivery.tries + 1);
    else {
      if (tables.ended.has(facts.id)) throw new Error(`delivery ${facts.id} ends twice`);
      const reason = decision.kind === 'discarded' ? decision.reason : null;
      const ended: EndedRow = { ...facts, status: decision.kind, reason, attempts: number };
      tables.ended.set(facts.id, ended);
    }
    return true;
  };

  return {
    accept: (batch, node, mayOwn) =>
      connection.statement(
        () => ({ lost: lostOf(batch, node), stale: [...batch.versions].filter(isStale).map(([id]) => id) }),
        ({ lost, stale }) => store(batch, node, mayOwn, lost, stale),
      ),

    findKeys: (keys) =>
      connection.atomic(() =>
        keys.flatMap(({ accountId, key }) => {
          const found = tables.keys.get(`${accountId} ${key}`);
          return found ? [{ accountId, key, ...found }] : [];
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
          nextDueAtMs: tables.queueOf(endpointId).find((row) => row.dueMs > nowMs)?.dueMs,
        }));
        return { deliveries, lanes: found, isCut: false };
      }),

    bringForward: (latestMs, nowMs) =>
      connection.atomic(() => {
        const late = [...tables.queue.values()].filter((row) => row.attempts > 0 && row.dueMs > latestMs);
        for (const row of late) {
          row.dueMs = nowMs;
          tables.makeDue(row.endpointId, row.accountId, nowMs);
        }
        return late.length;
      }),

    settle: (attempts, node, nowMs, _notices, isRepeated) =>
      connection.statement(
        () => attempts.map(({ delivery }) => tables.owns(node, delivery.endpointId, delivery.epoch)),
        (isOwned) => {
          const uncounted = new Map<string, 'lane_lost' | 'not_counted'>();
          attempts.forEach((attempt, i) => {
            const id = encodeId('dlv', attempt.delivery.uuid);
            if (!isOwned[i]) uncounted.set(id, 'lane_lost');
            else if (!settleOne(attempt, nowMs, isRepeated)) uncounted.set(id, 'not_counted');
          });
          return uncounted;
        },
      ),

    keep: (kept, node) =>
      connection.statement(
        () => kept.map(({ delivery }) => tables.owns(node, delivery.endpointId, delivery.epoch)),
        (isOwned) => {
          kept.forEach(({ delivery }, i) => {
            if (isOwned[i] && !delivery.isStored) put(factsOf(delivery), delivery.event.createdAtMs);
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
        if (endpointId === undefined || !tables.endpoints.has(endpointId)) return undefined;
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

function requeue({ tables, notify }: StoreParts, deliveries: readonly Facts[], nowMs: number): number {
  let queued = 0;
  const owners = new Map<number, Set<string>>();
  for (const facts of deliveries) {
    if (!tables.events.has(hexOf(facts.event.uuid)) || tables.knows(facts.id)) continue;
    tables.queue.set(facts.id, { ...facts, attempts: 0, tries: 0, dueMs: nowMs });
    const { node } = tables.makeDue(facts.endpointId, facts.accountId, nowMs);
    if (node !== null) owners.set(node, (owners.get(node) ?? new Set()).add(facts.endpointId));
    queued++;
  }
  for (const [node, endpointIds] of owners) notify.lanes(node, [...endpointIds]);
  return queued;
}

function laneStore({ tables, connection }: StoreParts): LaneStore {
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
          tables.queue.delete(row.id);
          tables.ended.set(row.id, { ...row, status: 'discarded', reason: 'endpoint_deleted' });
        }
        return false;
      }),
  };
}

function nodeStore(parts: StoreParts): NodeStore {
  const { tables, connection, server } = parts;
  const nowMs = () => server.world.wallMs;
  return {
    register: (_host, _pid, watermark) =>
      connection.atomic(() => {
        const id = tables.nextNode();
        const row = {
          name: connection.name,
          beatAtMs: nowMs(),
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
        Object.assign(row, { beatAtMs: nowMs(), backlogged, watermark: hexOf(watermark) });
        return true;
      }),
    declareDead: (node, deadAfterS) =>
      connection.atomic(() => {
        const dead = [...tables.nodes].filter(
          ([id, row]) => id !== node && (row.deadAtMs !== undefined || row.beatAtMs < nowMs() - deadAfterS * 1000),
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
          .map(([id, { backlogged }]) => {
            const never = new Date(0);
            return {
              id,
              host: '',
              startedAt: never,
              heartbeatAt: never,
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

/** Nothing to do, and nothing there: for the parts of a store that the simulation leaves out. */
function idle<T extends object>(known: Partial<T> = {}): T {
  return new Proxy(known, { get: (given, name) => given[name as keyof T] ?? (async () => undefined) }) as T;
}

/** The Store of one process. */
export function simulatedStore(parts: StoreParts): Store {
  const { tables, connection, server, secret } = parts;
  const store: Partial<Store> = {
    queue: queueStore(parts),
    lanes: laneStore(parts),
    nodes: nodeStore(parts),
    accounts: idle<Store['accounts']>({
      removeClosed: async () => false,
      snapshot: (id) =>
        connection.atomic(() => {
          const account = tables.accounts.get(id);
          if (!account) return undefined;
          const endpoints = [...account.endpoints].flatMap((endpointId) => {
            const endpoint = tables.endpoints.get(endpointId);
            if (!endpoint) return [];
            return [
              {
                id: endpoint.id,
                url: endpoint.url,
                status: endpoint.status,
                subscriptions: [{ trigger: '*' }],
                headers: {},
                headersId: null,
                version: null,
                rateLimit: null,
                testingUntil: null,
                secrets: [{ secret, expiresAt: null }],
              },
            ];
          });
          return {
            account: { id, name: id, contract: account.contract, metadata: {} },
            version: String(account.version),
            endpoints,
          };
        }),
    }),
    health: {
      count: (seen) =>
        connection.atomic(() =>
          seen.map(({ endpointId, leading, hadSuccess, trailing, longest }) => {
            const endpoint = tables.endpoints.get(endpointId);
            const before = endpoint?.failures ?? 0;
            const after = hadSuccess ? trailing : before + leading;
            if (endpoint) endpoint.failures = after;
            return { endpointId, before, after, peak: Math.max(before + leading, longest, trailing, after) };
          }),
        ),
      switchOff: (accountId, endpointId) =>
        connection.atomic(() => setStatus(parts, accountId, endpointId, 'inactive')),
    },
    retention: idle<Store['retention']>({
      databaseMs: () => connection.atomic(() => server.world.wallMs),
      purge: async () => false,
      addUpCounts: async () => false,
      dropKeysBefore: async () => false,
      dropBefore: async () => ({ droppedMs: [], keptMs: [] }),
    }),
    endpoints: idle<Store['endpoints']>({ sealPlainHeaders: async () => false, testingDue: async () => [] }),
    notices: { list: async () => [], remove: async () => {}, dropBefore: async () => {} },
  };
  return new Proxy(store, { get: (known, name) => known[name as keyof Store] ?? idle() }) as Store;
}

/** As the API does it: every node is told, and what waits is due. */
export function setStatus(
  { tables, notify, server }: Pick<StoreParts, 'tables' | 'notify' | 'server'>,
  accountId: string,
  endpointId: string,
  status: 'active' | 'inactive',
): boolean {
  const endpoint = tables.endpoints.get(endpointId);
  const account = tables.accounts.get(accountId);
  if (!endpoint || !account || endpoint.status === status) return false;
  endpoint.status = status;
  endpoint.failures = 0;
  account.version++;
  const lane = tables.lanes.get(endpointId);
  if (lane && status === 'active') lane.nextDueMs = server.world.wallMs;
  notify.account(accountId, endpointId);
  return true;
}
