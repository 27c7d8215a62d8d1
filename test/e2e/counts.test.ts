/** What charts are made of: deliveries counted by hour agree with the deliveries themselves, always. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, createWebhook } from '../support/vendors.ts';
import { leapWithRetention, VirtualClock } from '../support/virtual-clock.ts';

const DAY_MS = 86_400_000;
const clock = new VirtualClock();
let node: TestNode;
let receiver: Receiver;

beforeAll(async () => {
  node = await startTestNode({ clock, hasMovableClock: true });
});
afterAll(async () => {
  await node.stop();
  clock.stop();
});
beforeEach(async () => {
  receiver = await Receiver.start();
  return () => receiver.stop();
});

/** From the deliveries, and from the counts. */
async function both(account: string) {
  const [fromHistory] = await query(
    node.databaseUrl,
    `SELECT count(*) FILTER (WHERE status = 'succeeded')::int AS succeeded,
            count(*) FILTER (WHERE status = 'discarded')::int AS discarded,
            count(*) FILTER (WHERE status = 'skipped')::int AS skipped
     FROM deliveries WHERE account_id = $1 AND NOT test`,
    [account],
  );
  const [fromCounts] = await query(
    node.databaseUrl,
    `SELECT coalesce(sum(succeeded), 0)::int AS succeeded, coalesce(sum(discarded), 0)::int AS discarded,
            coalesce(sum(skipped), 0)::int AS skipped
     FROM delivery_hours WHERE account_id = $1`,
    [account],
  );
  return { fromHistory, fromCounts };
}

const addedUp = () =>
  eventually(
    () => query(node.databaseUrl, 'SELECT FROM delivery_counts_new'),
    (rows) => rows.length === 0,
  );

async function finished(account: string, count: number) {
  await eventually(
    async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?limit=100`)).body.data,
    (rows) => rows.filter((row: { finished_at: string | null }) => row.finished_at !== null).length === count,
  );
}

describe('counts of deliveries', () => {
  test('hold every outcome, but no test; they are the same before and after they are added up', async () => {
    const { account, endpoint } = await node.createEndpoint(receiver.url());
    await node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/test`);
    const answers = [200, 200, 200, 410];
    for (const answer of answers) {
      receiver.respond = (_, response) => void response.writeHead(answer).end();
      const before = receiver.requests.length;
      await node.publish(account, 'order.created', answer);
      await receiver.received(before + 1);
    }
    await finished(account, 5);
    const before = await both(account);
    expect(before.fromHistory).toMatchObject({ succeeded: 3, discarded: 1 });
    expect(before.fromCounts).toEqual(before.fromHistory);
    await addedUp();
    expect(await both(account)).toEqual(before);
    const { body: stats } = await node.call('GET', `/v1/accounts/${account}/stats`);
    const sum = (name: string) =>
      stats.volume.reduce((total: number, bucket: Record<string, number>) => total + (bucket[name] ?? 0), 0);
    expect([sum('succeeded'), sum('discarded')]).toEqual([3, 1]);
    const of = await node.call('GET', `/v1/accounts/${account}/endpoints/${endpoint}/stats`);
    expect(of.body).toMatchObject({ succeeded: 3, discarded: 1, last_success_at: expect.any(String) });
    const [hour] = (await node.call('GET', `/v1/accounts/${account}/stats?endpoint=${endpoint}`)).body.volume;
    expect(new Date(hour.at).getUTCMinutes()).toBe(0);
  });

  test('hold each delivery once, however often it is sent again', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    for (let i = 0; i < 3; i++) await node.publish(account, 'order.created', i);
    await receiver.received(3);
    await finished(account, 3);
    const [first] = (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
    await node.call('POST', `/v1/accounts/${account}/deliveries/${first.id}/retry`);
    await receiver.received(4);
    await finished(account, 3);
    const from = new Date(clock.now() - DAY_MS).toISOString();
    await node.call('POST', `/v1/accounts/${account}/replay`, { from, to: new Date(clock.now()).toISOString() });
    await receiver.received(7);
    await finished(account, 3);
    expect((await both(account)).fromCounts).toEqual({ succeeded: 3, discarded: 0, skipped: 0 });
    await addedUp();
    expect((await both(account)).fromCounts).toEqual({ succeeded: 3, discarded: 0, skipped: 0 });
  });

  test('hold what was skipped', async () => {
    const account = await createAccount(node, 'loop-returns');
    await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
    });
    await node.publish(account, 'return.created', { id: '7', state: 'open', created_at: '2026-01-01T00:00:00Z' });
    await finished(account, 1);
    const { fromHistory, fromCounts } = await both(account);
    expect(fromCounts).toEqual({ succeeded: 0, discarded: 0, skipped: 1 });
    expect(fromCounts).toEqual(fromHistory);
  });

  test('below an hour come from the deliveries, and say the same', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    const from = new Date(clock.now()).toISOString();
    for (let i = 0; i < 5; i++) await node.publish(account, 'order.created', i);
    await receiver.received(5);
    await finished(account, 5);
    const minutes = (await node.call('GET', `/v1/accounts/${account}/stats?from=${from}`)).body;
    expect(minutes.bucket_ms).toBe(60_000);
    const week = new Date(clock.now() - 7 * DAY_MS).toISOString();
    const hours = (await node.call('GET', `/v1/accounts/${account}/stats?from=${week}`)).body;
    expect(hours.bucket_ms).toBe(6 * 3_600_000);
    for (const { volume } of [minutes, hours]) {
      expect(volume.reduce((total: number, one: { succeeded: number }) => total + one.succeeded, 0)).toBe(5);
    }
  });

  test('go with the history: after thirty days, and with the account', async () => {
    const first = await node.createEndpoint(receiver.url());
    const second = await node.createEndpoint(receiver.url());
    for (const { account } of [first, second]) await node.publish(account, 'order.created', 1);
    await receiver.received(2);
    for (const { account } of [first, second]) await finished(account, 1);
    await addedUp();
    await node.call('DELETE', `/v1/accounts/${first.account}`);
    await eventually(
      async () => (await both(first.account)).fromCounts,
      (counts) => counts?.succeeded === 0,
    );
    expect((await both(second.account)).fromCounts).toMatchObject({ succeeded: 1 });
    await leapWithRetention(node, clock, 32 * DAY_MS);
    expect((await both(second.account)).fromCounts).toMatchObject({ succeeded: 0 });
  });
});
