/** Rate limits that come and go, accounts that cannot be read, listeners that are cut: everything goes on. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, createWebhook, writeContract } from '../support/vendors.ts';

const nodes: TestNode[] = [];
let receiver: Receiver;

beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await receiver.stop();
});

async function start(databaseUrl: string, environment: Record<string, string> = {}): Promise<TestNode> {
  const node = await startTestNode({ databaseUrl, random: () => 0, environment });
  nodes.push(node);
  return node;
}

const FREE = {
  title: 'Own',
  triggers: 'free',
  body: { encoder: 'json' },
  signature: { scheme: 'none' },
  policy: { retry_delays_s: [0, 0, 0], jitter: 'none' },
  limits: { own_rate_limit: true },
};

describe('a rate limit', () => {
  test('that is set while much waits in memory, and taken away again, loses and strands nothing', async () => {
    const folder = writeContract(mkdtempSync(join(tmpdir(), 'posthorn-own-')), 'own', FREE);
    const databaseUrl = await createDatabase();
    const [a, b] = await Promise.all([1, 2].map(() => start(databaseUrl, { POSTHORN_CONTRACTS: folder })));
    if (!a || !b) throw new Error('no nodes');
    const account = await createAccount(a, 'own');
    const { path } = await createWebhook(a, account, { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
    receiver.respond = (_, response) => void setTimeout(() => response.writeHead(200).end(), 40);
    const publish = (node: TestNode) =>
      node.call('POST', `/v1/accounts/${account}/events/batch`, {
        events: Array.from({ length: 60 }, (_, i) => ({ trigger: 'a.b', payload: i })),
      });
    await Promise.all([publish(a), publish(b)]);
    await a.call('PATCH', path, { rate_limit: 40 });
    await receiver.received(120);
    await Promise.all([publish(a), publish(b)]);
    await a.call('PATCH', path, { rate_limit: null });
    await receiver.received(240);
    await eventually(
      () => query<{ n: number }>(databaseUrl, 'SELECT count(*)::int AS n FROM queue'),
      ([row]) => row?.n === 0,
    );
  });

  test('a node that let go because another asked sends again afterwards', async () => {
    const databaseUrl = await createDatabase();
    const a = await start(databaseUrl);
    const b = await start(databaseUrl);
    const account = await createAccount(a, 'loops');
    const { path } = await createWebhook(a, account, {
      url: receiver.url(),
      subscriptions: [{ trigger: 'contact.deleted' }],
    });
    const identity = { id: 'c', email: 'a@example.com', userId: null };
    const events = Array.from({ length: 15 }, () => ({
      trigger: 'contact.deleted',
      payload: { contactIdentity: identity },
    }));
    await a.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await receiver.received(2);
    expect((await b.call('POST', `${path}/test`)).body.succeeded).toBe(true);
    await b.stop();
    await receiver.received(16);
    await a.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await receiver.received(31);
  });
});

test('an account whose contract is not loaded holds up nobody else', async () => {
  const folder = writeContract(mkdtempSync(join(tmpdir(), 'posthorn-own-')), 'own', FREE);
  const databaseUrl = await createDatabase();
  const first = await start(databaseUrl, { POSTHORN_CONTRACTS: folder });
  const stranger = await createAccount(first, 'own');
  await createWebhook(first, stranger, { url: receiver.url('/own'), subscriptions: [{ trigger: '*' }] });
  receiver.respond = () => {};
  await first.publish(stranger, 'a.b', 1);
  await receiver.received(1);
  await query(databaseUrl, 'UPDATE nodes SET dead_at = now()');
  const second = await start(databaseUrl);
  receiver.respond = (request, response, index) =>
    void response.writeHead(request.path === '/hook' && index > 2 ? 200 : 500).end();
  const { account } = await second.createEndpoint(receiver.url());
  for (let i = 0; i < 3; i++) await second.publish(account, 'a.b', i);
  // The retries come from the database, past the row that cannot be read.
  await eventually(
    async () => (await second.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`)).body.data.length,
    (count) => count === 3,
  );
});

test('the listener comes back after its connection was cut', async () => {
  const databaseUrl = await createDatabase();
  const node = await start(databaseUrl);
  const listeners = () =>
    query<{ pid: number }>(
      databaseUrl,
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%listener'",
    );
  const before = (await listeners()).map((row) => row.pid);
  expect(before).toHaveLength(1);
  await query(databaseUrl, 'SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [before]);
  await eventually(listeners, (now) => now.length === 1 && now.every((row) => !before.includes(row.pid)));
  const { account, endpoint } = await node.createEndpoint(receiver.url());
  await node.publish(account, 'a.b', 1);
  await receiver.received(1);
  await query(databaseUrl, 'UPDATE endpoints SET url = $1', [receiver.url('/moved')]);
  await eventually(
    async () => {
      await node.publish(account, 'a.b', 2);
      return receiver.requests.at(-1)?.path;
    },
    (path) => path === '/moved',
  );
  expect(endpoint).toMatch(/^ep_/);
});
