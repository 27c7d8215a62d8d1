/**
 * The limit that the durable path is measured against: accept, sign, forward, and nothing stored. It is the same program,
 * every check and every step of it, on a store that keeps nothing but the queue that does not fit into the lanes.
 */
import { randomFillSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { loadContracts } from '@posthorn/server/dist/contract/load.js';
import { IdSource } from '@posthorn/server/dist/domain/ids.js';
import type { ActiveDelivery } from '@posthorn/server/dist/domain/model.js';
import { generateSecret } from '@posthorn/server/dist/domain/signature.js';
import { parseNetwork } from '@posthorn/server/dist/egress/address.js';
import { Egress } from '@posthorn/server/dist/egress/egress.js';
import { EgressGuard } from '@posthorn/server/dist/egress/guard.js';
import type { HttpParts } from '@posthorn/server/dist/http/app.js';
import { buildServer, openKeyGuard } from '@posthorn/server/dist/http/server.js';
import { digestOf } from '@posthorn/server/dist/keyring.js';
import { Metrics } from '@posthorn/server/dist/metrics.js';
import { oneTimeToken } from '@posthorn/server/dist/processes/one-time-token.js';
import { buildServices } from '@posthorn/server/dist/services.js';
import type { AccountSnapshot, LaneStore, QueueStore, Store } from '@posthorn/server/dist/storage/store.js';
import pino from 'pino';

const [receiverUrl = '', key = ''] = process.argv.slice(2);

const clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs: number, run: () => void) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
const node = { id: 1, aliveUntilMs: Number.POSITIVE_INFINITY, watermark: new Uint8Array(16) };
const ids = new IdSource(clock.now, randomFillSync);
const contracts = loadContracts(fileURLToPath(new URL('../../contracts/', import.meta.url)));
const guard = new EgressGuard([parseNetwork('127.0.0.0/8')]);
const egress = new Egress(guard, async (host) => [host]);

/** The one epoch in which this node owns every lane. */
const EPOCH = 1;
const waiting = new Map<string, ActiveDelivery[]>();
const queue: QueueStore = {
  async accept({ planned, lanes }) {
    for (const { delivery, isHandedOver } of planned) {
      if (isHandedOver) continue;
      const list = waiting.get(delivery.endpointId) ?? [];
      waiting.set(delivery.endpointId, list);
      list.push(delivery);
    }
    const taken = [...lanes].filter(([, { epoch }]) => epoch === null);
    return {
      refused: new Set(),
      stale: [],
      lost: [],
      lanes: taken.map(([endpointId]) => ({ endpointId, node: node.id, epoch: EPOCH, isNew: true })),
    };
  },
  claim: async (lanes) => ({
    deliveries: [...lanes].flatMap(([endpointId, { room }]) => {
      const claimed = waiting.get(endpointId)?.splice(0, room) ?? [];
      return claimed.map((delivery) => ({ ...delivery, epoch: EPOCH, isStored: true }));
    }),
    lanes: [...lanes.keys()].map((endpointId) => ({ endpointId, isGone: false, nextDueAtMs: undefined })),
    isCut: false,
  }),
  settle: async () => new Map(),
  keep: async () => new Set(),
  findKeys: async () => [],
  bringForward: async () => 0,
  retry: async () => undefined,
  requeue: async () => 0,
};
const lanes: LaneStore = {
  take: async () => [],
  letGo: async () => {},
  behind: async () => [],
  owned: async () => [],
  endDeleted: async () => false,
};

/** Every account exists, with one endpoint at the receiver. */
const snapshot = async (id: string): Promise<AccountSnapshot> => {
  const endpoint = {
    id: ids.next('ep'),
    url: receiverUrl,
    status: 'active' as const,
    subscriptions: [{ trigger: '*' }],
    headers: {},
    headersId: null,
    version: null,
    rateLimit: null,
    concurrency: null,
    thin: false,
    provenUrl: null,
    testingUntil: null,
    recoveringAt: null,
    auth: null,
    tls: null,
    transformation: null,
    secrets: [{ secret: generateSecret('v1'), expiresAt: null }],
  };
  return {
    account: { id, name: id, contract: 'standard', metadata: {} },
    version: '1',
    hasFeed: false,
    endpoints: [endpoint],
  };
};

const metrics = new Metrics();
const built = buildServices({
  mailer: undefined,
  store: { queue, lanes, accounts: { snapshot } } as unknown as Store,
  contracts,
  guard,
  egress,
  ids,
  clock,
  random: Math.random,
  node,
  requests: { max: 1_000, unprovenMax: 500 },
  metrics,
  utilization: () => 0,
  isUp: () => true,
  whenUp: async () => {},
  isStopping: () => false,
  onError: (error) => console.error(error),
  origin: () => 'http://bench.invalid',
});

built.dispatcher.start();

const settings = { get: async () => undefined, put: async () => {} };
const parts: HttpParts = {
  store: { queue, settings } as unknown as Store,
  contracts,
  ...built,
  ids,
  clock,
  node,
  metrics,
  operatorKeyDigest: digestOf(key),
  metricsText: () => metrics.text(),
  signInToken: oneTimeToken(key),
  pageOrigin: () => '',
  egressFacts: { addresses: [], ownAuthorities: false },
  embedOrigins: [],
  trustedProxies: [],
  isReady: async () => ({ ready: true, warnings: [] }),
  isUp: () => true,
  cells: async () => [],
  moves: undefined as unknown as HttpParts['moves'],
  hasMoved: async () => false,
  anyKeyVerifier: built.keyVerifier,
  load: () => built.dispatcher.counts,
};
const logger = pino({ level: 'fatal' });
const app = await buildServer(parts, logger, await openKeyGuard(parts, logger));
await app.listen({ port: 0, host: '127.0.0.1' });
const address = app.server.address();
process.send?.({ port: typeof address === 'object' ? address?.port : 0 });
process.on('disconnect', () => process.exit(0));
