/** Statements on the way of an event, by themselves, on a real database. */
import { createHash, randomFillSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../../../../test/support/database.ts';
import { encodeId, IdSource } from '../domain/ids.ts';
import type { LeasedDelivery, StoredEvent } from '../domain/model.ts';
import { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { postgresStore } from './postgres-store.ts';
import type { AcceptBatch, Store } from './store.ts';
import { Vault } from './vault.ts';

const DAY_MS = 86_400_000;
const NODE = 1;
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

function batchOf(...wishes: Wish[]): AcceptBatch {
  const events = wishes.map(({ accountId, payload }, publication) => ({
    publication,
    event: eventOf(accountId, payload),
  }));
  return {
    versions: new Map(wishes.map(({ accountId, version = null }) => [accountId, version])),
    accountIds: wishes.map(({ accountId }) => accountId),
    events,
    keys: wishes.flatMap(({ accountId, key }, publication) =>
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
    queued: events.map(({ publication, event }) => ({
      publication,
      delivery: deliveryOf(event),
      endpointUuid: endpoint.uuid,
      dueAtMs: Date.now() - 1_000,
      leased: false,
    })),
    skipped: [],
    nowMs: Date.now(),
  };
}

function deliveryOf(event: StoredEvent): LeasedDelivery {
  return {
    uuid: ids.nextUuid(),
    accountId: event.accountId,
    endpointId: endpoint.id,
    topic: null,
    test: false,
    attempts: 0,
    tries: 0,
    event,
  };
}

const stored = async (batch: AcceptBatch) =>
  Promise.all(
    batch.events.map(async ({ event }) => (await store.events.find(event.accountId, event.id)) !== undefined),
  );

describe('accepting a batch', () => {
  test('a repeated key rolls nothing of the others back', async () => {
    await store.queue.accept(batchOf({ accountId: account, key: 'taken' }), NODE);
    const batch = batchOf(
      { accountId: account },
      { accountId: account, key: 'taken' },
      { accountId: account, key: 'new' },
    );
    expect(await store.queue.accept(batch, NODE)).toEqual({ refused: new Set([1]), stale: [] });
    expect(await stored(batch)).toEqual([true, false, true]);
    expect(await query(url, 'SELECT FROM queue WHERE account_id = $1', [account])).toHaveLength(3);
  });

  test('an account that has changed is refused alone', async () => {
    const other = await createAccount();
    const batch = batchOf({ accountId: account }, { accountId: other, version: '999' });
    expect(await store.queue.accept(batch, NODE)).toEqual({ refused: new Set([1]), stale: [other] });
    expect(await stored(batch)).toEqual([true, false]);
  });

  test('a closed account is refused, whatever version is given', async () => {
    expect(await store.accounts.close(account)).toBe(true);
    const batch = batchOf({ accountId: account });
    expect(await store.queue.accept(batch, NODE)).toEqual({ refused: new Set([0]), stale: [account] });
    expect(await stored(batch)).toEqual([false]);
  });
});

describe('claiming', () => {
  const claim = (room: number, bytesMax: number) =>
    store.queue.claim(new Map([[endpoint.id, room]]), bytesMax, NODE, Date.now());

  test('is bounded by the bytes of the payloads, and says that more is due', async () => {
    const payload = Buffer.from(`"${'x'.repeat(99_998)}"`);
    for (let i = 0; i < 10; i++) await store.queue.accept(batchOf({ accountId: account, payload }), NODE);
    const first = await claim(10, 350_000);
    expect([first.leased.length, first.isCut]).toEqual([3, true]);
    const rest = await claim(10, 10_000_000);
    expect([rest.leased.length, rest.isCut]).toEqual([7, false]);
  });

  test('takes one delivery that is larger than the bytes, alone', async () => {
    const payload = Buffer.from(`"${'x'.repeat(99_998)}"`);
    for (let i = 0; i < 2; i++) await store.queue.accept(batchOf({ accountId: account, payload }), NODE);
    const first = await claim(10, 1_000);
    expect([first.leased.length, first.isCut]).toEqual([1, true]);
  });

  test('shares the bytes between endpoints', async () => {
    const payload = Buffer.from(`"${'x'.repeat(99_998)}"`);
    for (let i = 0; i < 5; i++) await store.queue.accept(batchOf({ accountId: account, payload }), NODE);
    const large = endpoint;
    endpoint = await createEndpoint(account);
    await store.queue.accept(batchOf({ accountId: account }), NODE);
    const room = new Map([large.id, endpoint.id].map((id) => [id, 10]));
    const { leased } = await store.queue.claim(room, 250_000, NODE, Date.now());
    expect(new Set(leased.map(({ endpointId }) => endpointId))).toEqual(new Set([large.id, endpoint.id]));
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
    const off = () => store.health.switchOff(account, endpoint.id, 'gone', Date.now(), notice);
    expect([await off(), await off()]).toEqual([true, false]);
    expect(await notices()).toEqual([notice]);
    await store.notices.remove((await store.notices.list(10)).map(({ id }) => id));
    expect(await notices()).toEqual([]);
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
