/** The Store of one simulated process. What it may differ in from PostgreSQL is shown by storage/conformance.test.ts. */
import { encodeId } from '../../packages/server/src/domain/ids.ts';
import type { EndpointStatus } from '../../packages/server/src/domain/model.ts';
import type { Store } from '../../packages/server/src/storage/store.ts';
import type { Statements } from './connection.ts';
import { replayStore, retentionStore } from './history-store.ts';
import { laneStore, nodeStore } from './lane-store.ts';
import { queueStore } from './queue-store.ts';
import { DUE_AT_ONCE, type EndpointRow, type Tables } from './tables.ts';

/** The contract whose subscriptions all have an ordering key. */
export const ORDERED = 'ordered';
/** Of the contract `switching`. */
export const AUTO_DISABLE_FAILURES = 4;

/** What statements tell all nodes of, as PostgreSQL's notifications do. */
export interface Notifications {
  account(accountId: string, endpointId: string): void;
  lanes(node: number, endpointIds: readonly string[]): void;
}

export interface StoreParts {
  tables: Tables;
  connection: Statements;
  server: StoreServer;
  notify: Notifications;
  secret: string;
}

/** What statements see of the server. */
export interface StoreServer {
  /** What its clock says. */
  readonly databaseMs: number;
  readonly world: { readonly nowMs: number; readonly wallMs: number };
  endStatements(clientName: string): void;
}
/** Nothing to do, and nothing there: for the parts of a store that the simulation leaves out. */
function idle<T extends object>(known: Partial<T> = {}): T {
  return new Proxy(known, { get: (given, name) => given[name as keyof T] ?? (async () => undefined) }) as T;
}

/** The Store of one process. */
export function simulatedStore(parts: StoreParts): Store {
  const { tables, connection, secret } = parts;
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
                subscriptions: [{ trigger: '*', ...(account.contract === ORDERED ? { ordered_by: '/key' } : {}) }],
                headers: {},
                headersId: null,
                auth: null,
                tls: null,
                transformation: null,
                version: null,
                rateLimit: null,
                concurrency: null,
                thin: false,
                provenUrl: null,
                testingUntil: endpoint.testing ? new Date(endpoint.testing.untilMs) : null,
                recoveringAt: null,
                secrets: [{ secret, expiresAt: null }],
              },
            ];
          });
          return {
            account: { id, name: id, contract: account.contract, metadata: {} },
            version: String(account.version),
            hasFeed: false,
            endpoints,
          };
        }),
    }),
    health: {
      count: (seen) =>
        connection.atomic(() =>
          seen.map(({ endpointId, leading, hadSuccess, trailing, longest }) => {
            const endpoint = tables.endpoints.get(endpointId);
            const statusAt = String(endpoint?.changes);
            const before = endpoint?.failures ?? 0;
            const after = hadSuccess ? trailing : before + leading;
            if (endpoint) endpoint.failures = after;
            tables.noteCounted(endpointId, leading + Math.max(trailing, longest));
            return { endpointId, before, after, statusAt, peak: Math.max(before + leading, longest, trailing, after) };
          }),
        ),
      switchOff: ({ accountId, endpointId, statusAt }) =>
        connection.atomic(() => {
          const changes = String(tables.endpoints.get(endpointId)?.changes);
          if (statusAt !== undefined && statusAt !== changes) return false;
          // In testing mode outcomes count for nothing, successes either.
          const hasBeenTested = tables.endpoints.get(endpointId)?.testing !== undefined;
          const { most = 0 } = tables.failures.get(endpointId) ?? {};
          if (!hasBeenTested && most < AUTO_DISABLE_FAILURES) tables.switchedOffEarly.push(endpointId);
          return setStatus(parts, accountId, endpointId, 'inactive');
        }),
    },
    orderingKeys: idle<Store['orderingKeys']>({
      release: (_accountId, endpointId, key) =>
        connection.atomic(() => {
          const [first] = tables.lineOf({ endpointId, orderingKey: key });
          if (!first || first.attempts === 0) return undefined;
          const { node } = tables.makeDue(endpointId, first.accountId, parts.server.databaseMs);
          const left = { ...first };
          first.orderingKey = null;
          tables.leaveLine(left, parts.server.databaseMs);
          if (node !== null) parts.notify.lanes(node, [endpointId]);
          return encodeId('dlv', Buffer.from(first.id, 'hex'));
        }),
    }),
    retention: idle<Store['retention']>({
      ...retentionStore(parts),
      purge: async () => false,
      addUpCounts: async () => false,
      dropKeysBefore: async () => false,
    }),
    replays: replayStore(parts),
    endpoints: idle<Store['endpoints']>({
      sealPlainHeaders: async () => false,
      testingDue: (nowMs, limit) =>
        connection.atomic(() => {
          const due = [...tables.endpoints.values()].flatMap(({ id, accountId, testing }) =>
            testing && testing.nextMs <= nowMs && testing.untilMs > nowMs
              ? [{ endpointId: id, accountId, testing }]
              : [],
          );
          return due.slice(0, limit).map(({ testing, ...endpoint }) => {
            testing.nextMs = nowMs + testing.intervalMs;
            return endpoint;
          });
        }),
    }),
    settings: idle<Store['settings']>({
      get: (name) => connection.atomic(() => tables.settings.get(name)),
      put: (name, value) => connection.atomic(() => void tables.settings.set(name, value)),
    }),
    notices: { list: async () => [], remove: async () => {}, dropBefore: async () => {} },
  };
  return new Proxy(store, { get: (known, name) => known[name as keyof Store] ?? idle() }) as Store;
}

type Changed = Pick<StoreParts, 'tables' | 'notify' | 'server'>;

/** As the API does it: every node is told, and what waits is due. */
export function setStatus(parts: Changed, accountId: string, endpointId: string, status: EndpointStatus): boolean {
  const endpoint = parts.tables.endpoints.get(endpointId);
  if (!endpoint || endpoint.status === status) return false;
  endpoint.status = status;
  endpoint.failures = 0;
  endpoint.changes++;
  parts.tables.forgetFailures(endpointId);
  if (status === 'active') makeLaneDue(parts, endpointId);
  tellOfChange(parts, accountId, endpointId);
  return true;
}

export function removeEndpoint(parts: Changed, accountId: string, endpointId: string): void {
  const { tables } = parts;
  tables.endpoints.delete(endpointId);
  tables.accounts.get(accountId)?.endpoints.delete(endpointId);
  makeLaneDue(parts, endpointId);
  tellOfChange(parts, accountId, endpointId);
}

export function startTesting(parts: Changed, endpoint: EndpointRow, untilMs: number, intervalMs: number): void {
  endpoint.testing = { nextMs: parts.server.world.wallMs, untilMs, intervalMs };
  tellOfChange(parts, endpoint.accountId, endpoint.id);
}

function makeLaneDue({ tables }: Changed, endpointId: string): void {
  const lane = tables.lanes.get(endpointId);
  if (lane) lane.nextDueMs = DUE_AT_ONCE;
}

function tellOfChange({ tables, notify }: Changed, accountId: string, endpointId: string): void {
  const account = tables.accounts.get(accountId);
  if (account) account.version++;
  notify.account(accountId, endpointId);
}
