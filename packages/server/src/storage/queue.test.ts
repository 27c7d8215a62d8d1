/** Statements on the way of an event, by themselves, on a real database. */
import { createHash, randomFillSync } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDatabase, query } from '../../../../test/support/database.ts';
import { encodeId, IdSource, uuidText } from '../domain/ids.ts';
import type { ActiveDelivery, SettledAttempt, StoredEvent } from '../domain/model.ts';
import { newDelivery } from '../domain/new-delivery.ts';
import { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { postgresStore } from './postgres-store.ts';
import type { AcceptBatch, Store } from './store.ts';
import { Vault } from './vault.ts';

const DAY_MS = 86_400_000;
let NODE: number;
const ids = new IdSource(() => Date.now(), randomFillSync);
let url: string;
let database: Database;
let store: Store;
let account: string;
let endpoint: { id: string; uuid: Uint8Array };

beforeAll(async () => {
  url = await createDatabase();
  database = new Database({ connectionString: url });
  await migrate({ connectionString: url }, () => {});
  store = postgresStore(database, new Vault([Buffer.alloc(32)]));
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  await store.retention.ensureDays([today, today + DAY_MS]);
  NODE = await store.nodes.register('here', 1, ids.nextUuid());
});
afterAll(() => database.stop());
beforeEach(async () => {
  account = await createAccount();
  endpoint = await createEndpoint(account);
});

async function createAccount(): Promise<string> {
  const id = ids.next('acc');
  const now = new Date();
  await store.accounts.create({ id, name: id, contract: 'standard', metadata: {}, createdAt: now, updatedAt: now });
  return id;
}

async function createEndpoint(accountId: string) {
  const uuid = ids.nextUuid();
  const id = encodeId('ep', uuid);
  await query(
    url,
    `INSERT INTO endpoints (id, account_id, url, status, subscriptions, signature)
     VALUES ($1, $2, 'http://127.0.0.1:9', 'active', '[]', 'v1')`,
    [Buffer.from(uuid).toString('hex'), accountId],
  );
  return { id, uuid };
}

function eventOf(accountId: string, payload: Buffer = Buffer.from('{}')): StoredEvent {
  const uuid = ids.nextUuid();
  return {
    id: encodeId('evt', uuid),
    uuid,
    externalId: null,
    accountId,
    trigger: 'a.b',
    byTopic: false,
    test: false,
    payload,
    createdAtMs: Date.now(),
  };
}

interface Wish {
  accountId: string;
  version?: string | null;
  key?: string;
  payload?: Buffer;
}

function batchOf(...requests: Wish[]): AcceptBatch {
  const events = requests.map(({ accountId, payload }, publication) => ({
    publication,
    event: eventOf(accountId, payload),
    handedOver: [],
  }));
  return {
    hasFeed: false,
    versions: new Map(requests.map(({ accountId, version = null }) => [accountId, version])),
    accountIds: requests.map(({ accountId }) => accountId),
    events,
    keys: requests.flatMap(({ accountId, key }, publication) =>
      key === undefined
        ? []
        : [
            {
              publication,
              accountId,
              key,
              digest: createHash('sha256').update(key).digest(),
              eventId: events[publication]?.event.id ?? '',
              deliveries: 1,
            },
          ],
    ),
    planned: events.map(({ publication, event }) => ({
      publication,
      delivery: deliveryOf(event),
      dueAtMs: Date.now() - 1_000,
      isHandedOver: false,
    })),
    skipped: [],
    lanes: new Map([[endpoint.id, { endpointUuid: endpoint.uuid, accountId: account, epoch: null }]]),
    nowMs: Date.now(),
  };
}

/** One event with one delivery that is handed over from memory, in a lane of this epoch or one that is to be taken. */
function handOver(epoch: number | null) {
  const batch = batchOf({ accountId: account });
  const [planned] = batch.planned;
  const [event] = batch.events;
  if (!planned || !event) throw new Error('a batch of one');
  batch.events = [{ ...event, handedOver: [planned.delivery] }];
  batch.planned = epoch === null ? [{ ...planned, isHandedOver: true }] : [];
  batch.lanes.set(endpoint.id, { endpointUuid: endpoint.uuid, accountId: account, epoch });
  return { batch, delivery: planned.delivery };
}

const accept = (batch: AcceptBatch, node = NODE) => store.queue.accept(batch, node, true);

/** Accepts a batch as a node that takes the lane; the epoch. */
async function owned(batch: AcceptBatch, node = NODE): Promise<number> {
  const { lanes } = await accept(batch, node);
  const [lane] = lanes;
  expect(lane).toMatchObject({ endpointId: endpoint.id, node });
  return lane?.epoch ?? Number.NaN;
}

function deliveryOf(event: StoredEvent): ActiveDelivery {
  return newDelivery(ids.nextUuid(), { ...endpoint, accountId: event.accountId }, null, event, false);
}

const inQueue = () => query<{ attempts: number }>(url, 'SELECT attempts FROM queue WHERE account_id = $1', [account]);

const stored = async (batch: AcceptBatch) =>
  Promise.all(
    batch.events.map(async ({ event }) => (await store.events.find(event.accountId, event.id)) !== undefined),
  );

describe('accepting a batch', () => {
  test('a repeated key rolls nothing of the others back', async () => {
    await accept(batchOf({ accountId: account, key: 'taken' }));
    const batch = batchOf(
      { accountId: account },
      { accountId: account, key: 'taken' },
      { accountId: account, key: 'new' },
    );
    expect(await accept(batch)).toMatchObject({ refused: new Set([1]), stale: [] });
    expect(await stored(batch)).toEqual([true, false, true]);
    expect(await inQueue()).toHaveLength(3);
  });

  test('an account that has changed is refused alone', async () => {
    const other = await createAccount();
    const batch = batchOf({ accountId: account }, { accountId: other, version: '999' });
    expect(await accept(batch)).toMatchObject({ refused: new Set([1]), stale: [other] });
    expect(await stored(batch)).toEqual([true, false]);
  });

  test('a closed account is refused, whatever version is given', async () => {
    expect(await store.accounts.close(account)).toBe(true);
    const batch = batchOf({ accountId: account });
    expect(await accept(batch)).toEqual({ refused: new Set([0]), stale: [account], lanes: [], lost: [] });
    expect(await stored(batch)).toEqual([false]);
    expect(await query(url, 'SELECT FROM lanes WHERE account_id = $1', [account])).toEqual([]);
  });
});

describe('lanes', () => {
  const OTHER = () => store.nodes.register('there', 2, ids.nextUuid());

  test('the node that accepts first owns the lane, and hands over without a row in the queue', async () => {
    const { batch } = handOver(null);
    const epoch = await owned(batch);
    expect(await inQueue()).toHaveLength(0);
    expect(await accept(handOver(epoch).batch)).toEqual({ refused: new Set(), stale: [], lanes: [], lost: [] });
    expect(await inQueue()).toHaveLength(0);
  });

  test('what another node accepts for it goes into the queue, and the owner is told', async () => {
    const epoch = await owned(handOver(null).batch);
    const other = await OTHER();
    const told: string[] = [];
    await database.listen({ posthorn_lanes: (payload) => void told.push(payload) });
    const { lanes } = await accept(handOver(null).batch, other);
    expect(lanes).toMatchObject([{ node: NODE, epoch }]);
    expect(await inQueue()).toHaveLength(1);
    await vi.waitFor(() => expect(told.at(-1)).toBe(`${NODE} ${uuidText(endpoint.uuid)}`));
  });

  test('a batch that relies on a lost lane is refused, and stores nothing', async () => {
    const epoch = await owned(handOver(null).batch);
    await store.lanes.letGo([{ endpointId: endpoint.id, epoch }], NODE);
    const { batch } = handOver(epoch);
    expect(await accept(batch)).toMatchObject({ refused: new Set([0]), lost: [endpoint.id] });
    expect(await stored(batch)).toEqual([false]);
  });

  test('an epoch never comes again, not even when the lane has been forgotten in between', async () => {
    const first = await owned(handOver(null).batch);
    await store.lanes.letGo([{ endpointId: endpoint.id, epoch: first }], NODE);
    expect(await query(url, 'SELECT FROM lanes WHERE endpoint_id = $1', [uuidText(endpoint.uuid)])).toEqual([]);
    expect(await owned(handOver(null).batch)).toBeGreaterThan(first);
  });

  test('letting go says when the next delivery is due; of an inactive endpoint nothing is', async () => {
    const epoch = await owned(batchOf({ accountId: account }));
    await store.lanes.letGo([{ endpointId: endpoint.id, epoch }], NODE);
    const take = async () =>
      (await store.lanes.take(NODE, Date.now(), 100)).filter((l) => l.endpointId === endpoint.id);
    const [taken] = await take();
    expect(taken?.epoch).toBeGreaterThan(epoch);
    await query(url, "UPDATE endpoints SET status = 'inactive', inactive_reason = 'user' WHERE account_id = $1", [
      account,
    ]);
    await store.lanes.letGo([{ endpointId: endpoint.id, epoch: taken?.epoch ?? 0 }], NODE);
    expect(await take()).toEqual([]);
    await query(url, "UPDATE endpoints SET status = 'active', inactive_reason = NULL WHERE account_id = $1", [account]);
    expect(await take()).toHaveLength(1);
  });

  test('what is put into a lane while its owner lets go of it is not forgotten', async () => {
    const epoch = await owned(handOver(null).batch);
    const other = await OTHER();
    const answers = await Promise.all([
      store.lanes.letGo([{ endpointId: endpoint.id, epoch }], NODE),
      ...Array.from({ length: 5 }, () => accept(batchOf({ accountId: account }), other)),
    ]);
    const owner = answers.slice(1).flatMap((answer) => (answer ? answer.lanes : []));
    const isOthers = owner.some(({ node }) => node === other);
    const due = await store.lanes.take(NODE, Date.now(), 100);
    expect(isOthers || due.some((lane) => lane.endpointId === endpoint.id)).toBe(true);
  });
});

describe('claiming', () => {
  const payload = Buffer.from(`"${'x'.repeat(99_998)}"`);
  let epoch: number;
  const claim = (room: number, bytesMax: number, inMemory: Uint8Array[] = []) =>
    store.queue.claim(new Map([[endpoint.id, { epoch, room }]]), inMemory, bytesMax, NODE, Date.now());

  beforeEach(async () => {
    epoch = await owned(handOver(null).batch);
  });

  test('is bounded by the bytes of the payloads, and says that more is due', async () => {
    for (let i = 0; i < 10; i++) await accept(batchOf({ accountId: account, payload }));
    const first = await claim(10, 350_000);
    expect([first.deliveries.length, first.isCut]).toEqual([3, true]);
    const rest = await claim(
      10,
      10_000_000,
      first.deliveries.map(({ uuid }) => uuid),
    );
    expect([rest.deliveries.length, rest.isCut]).toEqual([7, false]);
  });

  test('takes one delivery that is larger than the bytes, alone', async () => {
    for (let i = 0; i < 2; i++) await accept(batchOf({ accountId: account, payload }));
    const first = await claim(10, 1_000);
    expect([first.deliveries.length, first.isCut]).toEqual([1, true]);
  });

  test('shares the bytes between endpoints', async () => {
    for (let i = 0; i < 5; i++) await accept(batchOf({ accountId: account, payload }));
    const large = { id: endpoint.id, epoch };
    endpoint = await createEndpoint(account);
    const small = { id: endpoint.id, epoch: await owned(batchOf({ accountId: account })) };
    const lanes = new Map([large, small].map((lane) => [lane.id, { epoch: lane.epoch, room: 10 }]));
    const { deliveries } = await store.queue.claim(lanes, [], 250_000, NODE, Date.now());
    expect(new Set(deliveries.map(({ endpointId }) => endpointId))).toEqual(new Set([large.id, endpoint.id]));
  });

  test('in another epoch answers nothing, not even the lane', async () => {
    await accept(batchOf({ accountId: account }));
    epoch--;
    expect(await claim(10, 1_000)).toMatchObject({ deliveries: [], lanes: [] });
  });
});

describe('settling', () => {
  const attemptOf = (delivery: ActiveDelivery, decision: SettledAttempt['decision']): SettledAttempt => ({
    delivery,
    startedAtMs: Date.now(),
    url: 'http://127.0.0.1:9',
    requestHeaders: [],
    ownHeaders: { id: null, values: [] },
    outcome: { timings: { total: 1 } },
    decision,
  });
  const settle = (attempt: SettledAttempt, isRepeated = false) =>
    store.queue.settle([attempt], NODE, Date.now(), [], isRepeated);
  const ended = () => query(url, 'SELECT FROM deliveries WHERE account_id = $1', [account]);

  test('what was handed over gets a row only for a retry', async () => {
    const [first, second] = [handOver(null), handOver(null)];
    const epoch = await owned(first.batch);
    await accept(second.batch);
    expect(await settle(attemptOf({ ...first.delivery, epoch }, { kind: 'succeeded' }))).toEqual(new Map());
    expect([await inQueue(), await ended()]).toEqual([[], [{}]]);
    await settle(attemptOf({ ...second.delivery, epoch }, { kind: 'retry', delayMs: 60_000 }));
    expect([await inQueue(), await ended()]).toEqual([[{ attempts: 1 }], [{}]]);
  });

  test('a batch that is repeated because its answer was lost is stored once, and counts', async () => {
    const { batch, delivery } = handOver(null);
    const attempt = attemptOf({ ...delivery, epoch: await owned(batch) }, { kind: 'succeeded' });
    expect((await settle(attempt)).size).toBe(0);
    expect((await settle(attempt, true)).size).toBe(0);
    expect(await ended()).toHaveLength(1);
  });

  test('a delivery that the history has already leaves the queue when it may have been stored before', async () => {
    const epoch = await owned(batchOf({ accountId: account }));
    const room = new Map([[endpoint.id, { epoch, room: 1 }]]);
    const [claimed] = (await store.queue.claim(room, [], 1e6, NODE, Date.now())).deliveries;
    if (!claimed) throw new Error('one is due');
    await query(
      url,
      `INSERT INTO deliveries (account_id, id, endpoint_id, event_id, trigger, test, status, attempts, finished_at)
       SELECT account_id, id, endpoint_id, event_id, trigger, test, 'succeeded', 1, now() FROM queue WHERE account_id = $1`,
      [account],
    );
    const attempt = attemptOf(claimed, { kind: 'succeeded' });
    await expect(settle(attempt)).rejects.toThrow();
    expect((await settle(attempt, true)).size).toBe(0);
    expect([await inQueue(), await ended()]).toEqual([[], [{}]]);
  });

  test('of two epochs in one batch only the notes of the lost one are refused', async () => {
    const [first, second] = [handOver(null), handOver(null)];
    const epoch = await owned(first.batch);
    await accept(second.batch);
    const deliveries = [
      { ...first.delivery, epoch: epoch - 1 },
      { ...second.delivery, epoch },
    ];
    const kept = deliveries.map((delivery) => ({ delivery, isSending: false }));
    expect([...(await store.queue.keep(kept, NODE))]).toEqual([deliveries[0]]);
    expect(await inQueue()).toHaveLength(1);
  });

  test.each(['succeeded', 'retry'] as const)(
    'attack: an outcome of an earlier epoch changes nothing (%s)',
    async (kind) => {
      const { batch, delivery } = handOver(null);
      const epoch = await owned(batch);
      await query(url, "UPDATE lanes SET epoch = nextval('lane_epochs') WHERE account_id = $1", [account]);
      const decision = kind === 'retry' ? ({ kind, delayMs: 1 } as const) : ({ kind } as const);
      const answer = await settle(attemptOf({ ...delivery, epoch }, decision));
      expect([...answer.values()]).toEqual(['lane_lost']);
      expect([await inQueue(), await ended()]).toEqual([[], []]);
    },
  );

  test('attack: nothing that a node stores counts after it was declared dead', async () => {
    const { batch, delivery } = handOver(null);
    const node = await store.nodes.register('silent', 3, ids.nextUuid());
    const epoch = await owned(batch, node);
    await query(url, 'UPDATE nodes SET dead_at = now() WHERE id = $1', [node]);
    const attempt = attemptOf({ ...delivery, epoch }, { kind: 'succeeded' });
    expect([...(await store.queue.settle([attempt], node, Date.now(), [], false)).values()]).toEqual(['lane_lost']);
    expect((await accept(handOver(epoch).batch, node)).lost).toEqual([endpoint.id]);
    // Even of a lane that it owns without knowing it.
    const { lanes } = await accept(handOver(null).batch, node);
    expect([lanes[0]?.node, await inQueue()]).toEqual([null, [{ attempts: 0 }]]);
    await query(url, 'DELETE FROM queue WHERE account_id = $1', [account]);
    const lost = await store.queue.keep([{ delivery: { ...delivery, epoch }, isSending: false }], node);
    expect([lost.size, await inQueue()]).toEqual([1, []]);
  });

  test.each(['succeeded', 'retry'] as const)(
    'a row that is changed by somebody else meanwhile is settled all the same (%s)',
    async (kind) => {
      const epoch = await owned(batchOf({ accountId: account }));
      const claimed = await store.queue.claim(
        new Map([[endpoint.id, { epoch, room: 1 }]]),
        [],
        1_000,
        NODE,
        Date.now(),
      );
      const [delivery] = claimed.deliveries;
      if (!delivery) throw new Error('nothing was claimed');
      const other = new pg.Client({ connectionString: url });
      await other.connect();
      // A resend or a replay that has not committed yet when the outcome is stored.
      await other.query('BEGIN');
      await other.query("UPDATE queue SET tries = 0, due_at = 'epoch' WHERE account_id = $1", [account]);
      const decision = kind === 'retry' ? ({ kind, delayMs: 60_000 } as const) : ({ kind } as const);
      const settled = settle(attemptOf(delivery, decision));
      await vi.waitFor(async () => {
        const waiting = await query(
          url,
          "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '-- Writes a batch of attempts%'",
        );
        expect(waiting).not.toHaveLength(0);
      });
      await other.query('COMMIT');
      await other.end();
      expect(await settled).toEqual(new Map());
      expect(await inQueue()).toEqual(kind === 'retry' ? [{ attempts: 1 }] : []);
    },
  );

  test('outcomes of two epochs of one lane are told apart in one batch', async () => {
    const [first, second] = [handOver(null), handOver(null)];
    const before = await owned(first.batch);
    await query(url, "UPDATE lanes SET epoch = nextval('lane_epochs') WHERE account_id = $1", [account]);
    const now = await owned(second.batch);
    const batch = [
      attemptOf({ ...first.delivery, epoch: before }, { kind: 'succeeded' }),
      attemptOf({ ...second.delivery, epoch: now }, { kind: 'succeeded' }),
    ];
    const answer = await store.queue.settle(batch, NODE, Date.now(), [], false);
    expect(answer).toEqual(new Map([[encodeId('dlv', first.delivery.uuid), 'lane_lost']]));
  });
});

describe('taking over a dead node', () => {
  test('puts what it had in memory only back into the queue, once, and frees its lanes', async () => {
    const watermark = ids.nextUuid();
    const node = await store.nodes.register('dead', 4, watermark);
    const [sent, open] = [handOver(null), handOver(null)];
    const epoch = await owned(sent.batch, node);
    await accept(open.batch, node);
    const outcome = { timings: { total: 1 } };
    const rest = { startedAtMs: 1, url: '', requestHeaders: [], ownHeaders: { id: null, values: [] }, outcome };
    await store.queue.settle(
      [{ ...rest, delivery: { ...sent.delivery, epoch }, decision: { kind: 'succeeded' } }],
      node,
      Date.now(),
      [],
      false,
    );
    await query(url, 'UPDATE nodes SET dead_at = now() WHERE id = $1', [node]);
    const dead = { id: node, name: null, watermark: uuidText(watermark) };
    const answers = await Promise.all([
      store.nodes.takeOver(dead, Date.now() - 1),
      store.nodes.takeOver(dead, Date.now() - 1),
    ]);
    expect(answers.reduce((sum, answer) => sum + answer.deliveries, 0)).toBe(1);
    expect(await query(url, 'SELECT id::text FROM queue WHERE account_id = $1', [account])).toEqual([
      { id: uuidText(open.delivery.uuid) },
    ]);
    const taken = await store.lanes.take(NODE, Date.now(), 100);
    expect(taken.find(({ endpointId }) => endpointId === endpoint.id)?.epoch).toBeGreaterThan(epoch);
    expect(await query(url, 'SELECT FROM nodes WHERE id = $1', [node])).toEqual([]);
  });

  test('reads all of many events, over pages', async () => {
    const watermark = ids.nextUuid();
    const node = await store.nodes.register('dead', 5, watermark);
    const batches = Array.from({ length: 2_500 }, () => handOver(null).batch);
    const [first] = batches;
    if (!first) return;
    first.events = batches.flatMap(({ events }) => events);
    first.planned = [];
    await accept(first, node);
    await query(url, 'UPDATE nodes SET dead_at = now() WHERE id = $1', [node]);
    const dead = { id: node, name: null, watermark: uuidText(watermark) };
    expect((await store.nodes.takeOver(dead, Date.now())).deliveries).toBe(2_500);
  });
});

test('two nodes that note the use of the same keys, in opposite orders, do not wait for each other in a circle', async () => {
  const keys = Array.from({ length: 50 }, () => ids.next('key'));
  for (const id of keys) {
    await store.keys.create(
      {
        id,
        accountId: account,
        label: id,
        scopes: [],
        prefix: id,
        createdAt: new Date(),
        expiresAt: null,
        lastUsedAt: null,
        previousUntil: null,
        enabled: true,
        networks: [],
        lastRefusedAt: null,
        lastRefusal: null,
        days: [],
      },
      createHash('sha256').update(id).digest(),
      1_000,
    );
  }
  const use = () => ({ usedAtMs: Date.now(), days: new Map([['2026-11-27', { calls: 1, refusals: 0 }]]) });
  const uses = keys.map((id) => [id, use()] as const);
  const deadlocks = async () =>
    (
      await query<{ n: string }>(url, 'SELECT deadlocks AS n FROM pg_stat_database WHERE datname = current_database()')
    )[0]?.n;
  const before = await deadlocks();
  for (let round = 0; round < 40; round++) {
    await Promise.all([store.keys.used(new Map(uses)), store.keys.used(new Map([...uses].reverse()))]);
  }
  await query(url, 'SELECT pg_stat_clear_snapshot()');
  expect(await deadlocks()).toBe(before);
});

describe('what the operator is told', () => {
  const notices = () => query<{ trigger: string; payload: string }>(url, 'SELECT trigger, payload FROM notices');

  test('of an endpoint that is switched off is stored with the change, and only then', async () => {
    const notice = { trigger: 'endpoint.disabled', payload: `{"endpoint_id":"${endpoint.id}"}` };
    const change = { accountId: account, endpointId: endpoint.id, nowMs: Date.now(), notice };
    const off = () => store.health.switchOff({ ...change, reason: 'gone' });
    expect([await off(), await off()]).toEqual([true, false]);
    expect(await notices()).toEqual([notice]);
    await store.notices.remove((await store.notices.list(10)).map(({ id }) => id));
    expect(await notices()).toEqual([]);
  });

  test('is nothing when the endpoint was switched on after its failures had been counted', async () => {
    const leading = { leading: 10, hadSuccess: false, trailing: 0, longest: 0, limit: 10, about: null };
    const [counted] = await store.health.count([{ endpointId: endpoint.id, ...leading }]);
    const change = { accountId: account, endpointId: endpoint.id, nowMs: Date.now(), notice: undefined };
    const off = () =>
      store.health.switchOff({ ...change, reason: 'consecutive_failures', statusAt: counted?.statusAt ?? null });
    await query(url, 'UPDATE endpoints SET status_at = now()');
    expect(await off()).toBe(false);
    await query(url, 'UPDATE endpoints SET status_at = NULL');
    expect(await off()).toBe(true);
  });

  test('of an endpoint that fails and recovers is stored with the count', async () => {
    const seen = {
      endpointId: endpoint.id,
      leading: 0,
      hadSuccess: false,
      trailing: 0,
      longest: 0,
      limit: 10,
      about: '{}',
    };
    const count = (change: Partial<typeof seen>) => store.health.count([{ ...seen, ...change }]);
    await count({ leading: 4 });
    expect(await notices()).toEqual([]);
    await count({ leading: 1 });
    await count({ hadSuccess: true });
    await count({ leading: 5, about: null as unknown as string });
    const told = (await notices()).map(({ trigger, payload }) => [trigger, JSON.parse(payload)]);
    expect(told).toEqual([
      ['endpoint.failing', { failures: 5, limit: 10 }],
      ['endpoint.recovered', {}],
    ]);
  });
});
