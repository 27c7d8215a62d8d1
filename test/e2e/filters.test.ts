/** Filters of subscriptions: what they keep back is skipped, and told. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, writeContract } from '../support/vendors.ts';

let node: TestNode;
let receiver: Receiver;
let account: string;

beforeAll(async () => {
  node = await startTestNode();
  receiver = await Receiver.start();
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});
beforeEach(async () => {
  account = await createAccount(node, 'standard');
  receiver.requests.splice(0);
});

const GERMAN = { at: '/customer/country', equals: 'DE' };
const endpoint = (subscriptions: object[]) =>
  node.call('POST', `/v1/accounts/${account}/endpoints`, { url: receiver.url(), subscriptions });
const deliveries = async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
const publish = (trigger: string, payload: unknown) => node.publish(account, trigger, payload);

describe('a subscription with a filter', () => {
  test('gets what passes; the rest is skipped, with the reason, and counts as no delivery', async () => {
    const { body } = await endpoint([{ trigger: 'order.*', filter: GERMAN }]);
    expect(body.subscriptions).toEqual([{ trigger: 'order.*', filter: GERMAN }]);
    expect((await publish('order.created', { customer: { country: 'DE' } })).body.deliveries).toBe(1);
    const other = await publish('order.created', { customer: { country: 'FR' } });
    expect(other.body.deliveries).toBe(0);
    await receiver.received(1);
    const kept = (await deliveries()).find((one: { event_id: string }) => one.event_id === other.body.id);
    expect(kept).toMatchObject({ status: 'skipped', reason: 'filtered' });
    expect(receiver.requests).toHaveLength(1);
  });

  test('of several subscriptions to the same, one that takes it is enough, and it is sent once', async () => {
    await endpoint([
      { trigger: 'order.*', filter: GERMAN },
      { trigger: 'order.paid' },
      { trigger: 'order.created', filter: { at: '/total', gte: 100 } },
    ]);
    const counts = [];
    for (const [trigger, payload] of [
      ['order.created', { total: 5 }],
      ['order.created', { total: 100, customer: { country: 'DE' } }],
      ['order.paid', {}],
    ] as const)
      counts.push((await publish(trigger, payload)).body.deliveries);
    expect(counts).toEqual([0, 1, 1]);
  });

  test('is changed, and taken away, and holds for what comes then', async () => {
    const { body } = await endpoint([{ trigger: '*', filter: GERMAN }]);
    const change = (subscriptions: object[]) =>
      node.call('PATCH', `/v1/accounts/${account}/endpoints/${body.id}`, { subscriptions });
    expect((await publish('a.b', {})).body.deliveries).toBe(0);
    await change([{ trigger: '*', filter: { not: GERMAN } }]);
    expect((await publish('a.b', {})).body.deliveries).toBe(1);
    expect((await change([{ trigger: '*' }])).body.subscriptions).toEqual([{ trigger: '*' }]);
    expect((await publish('a.b', { customer: { country: 'DE' } })).body.deliveries).toBe(1);
  });

  test('what an inactive endpoint did not want, it has not missed', async () => {
    const { body } = await endpoint([{ trigger: '*', filter: GERMAN }]);
    await node.call('POST', `/v1/accounts/${account}/endpoints/${body.id}/deactivate`);
    await publish('a.b', {});
    expect((await deliveries())[0]).toMatchObject({ status: 'skipped', reason: 'filtered' });
  });

  test('is left out of replays, and can be sent by hand', async () => {
    await endpoint([{ trigger: '*', filter: GERMAN }]);
    await publish('a.b', {});
    const [kept] = await deliveries();
    const plan = { from: new Date(Date.now() - 60_000).toISOString(), status: 'skipped', dry_run: true };
    expect((await node.call('POST', `/v1/accounts/${account}/replay`, plan)).body.count).toBe(0);
    expect((await node.call('POST', `/v1/accounts/${account}/deliveries/${kept.id}/retry`)).status).toBe(202);
    await receiver.received(1);
  });
});

describe('what is wrong with a filter', () => {
  test('is told with its place, and nothing is stored', async () => {
    const { status, body } = await endpoint([{ trigger: 'a.b' }, { trigger: 'c.d', filter: { at: 'x', equals: 1 } }]);
    expect({ status, errors: body.errors }).toMatchObject({
      status: 400,
      errors: [{ pointer: '#/subscriptions/1/filter/at' }],
    });
    expect((await node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data).toEqual([]);
  });

  test.each(['loop-returns', 'loop-subscriptions', 'loops'])('%s has no filters', async (contract) => {
    account = await createAccount(node, contract);
    const { pairs, limits } = (await node.call('GET', `/v1/contracts/${contract}`)).body;
    const { topic, trigger } = pairs[0];
    expect(limits.filters).toBe(false);
    const subscription = { ...(topic === null ? {} : { topic }), trigger, filter: GERMAN };
    const wish = { url: 'https://example.com/', subscriptions: [subscription] };
    expect((await node.call('POST', `/v1/accounts/${account}/endpoints`, wish)).body.code).toBe('not_supported');
  });
});

test('a filter is tried out on the newest events, and nothing is stored', async () => {
  for (const country of ['DE', 'FR', 'DE']) await publish('order.created', { customer: { country } });
  await publish('other.event', {});
  const attempt = (question: object) => node.call('POST', `/v1/accounts/${account}/try-filter`, question);
  const { body } = await attempt({ trigger: 'order.*', filter: GERMAN });
  expect(body.looked_at).toBe(4);
  expect(body.data.map(({ passes }: { passes: boolean }) => passes)).toEqual([true, false, true]);
  expect((await attempt({ trigger: '*', filter: {} })).body.errors).toMatchObject([{ pointer: '#/filter/at' }]);
  await eventually(deliveries, (list) => list.length === 0);
});

test('each topic is filtered by its own payload', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-filters-'));
  writeContract(folder, 'topics', {
    title: 'Topics',
    topics: [{ value: 'parcel' }, { value: 'invoice' }],
    triggers: [{ value: 'parcel.shipped' }],
    pairs: [
      { topic: 'parcel', trigger: 'parcel.shipped' },
      { topic: 'invoice', trigger: 'parcel.shipped' },
    ],
    body: { encoder: 'json' },
    signature: { scheme: 'none' },
    policy: { retry_delays_s: [] },
  });
  for (const topic of ['parcel', 'invoice']) {
    mkdirSync(join(folder, 'topics', 'samples', topic), { recursive: true });
    writeFileSync(join(folder, 'topics', 'samples', topic, 'parcel.shipped.json'), '{}');
  }
  const own = await startTestNode({ environment: { POSTHORN_CONTRACTS: folder } });
  await own.call('POST', '/v1/accounts', { id: 'topics', name: 'Topics', contract: 'topics' });
  const filter = { at: '/total', gt: 10 };
  const created = await own.call('POST', '/v1/accounts/topics/endpoints', {
    url: receiver.url(),
    subscriptions: ['parcel', 'invoice'].map((topic) => ({ topic, trigger: 'parcel.shipped', filter })),
  });
  expect(created.status).toBe(201);
  const payloads = { parcel: { total: 5 }, invoice: { total: 50 } };
  const { body } = await own.call('POST', '/v1/accounts/topics/events', { trigger: 'parcel.shipped', payloads });
  expect(body.deliveries).toBe(1);
  const [request] = await receiver.received(1);
  expect(request?.body.toString()).toBe('{"total":50}');
  await own.stop();
});

test('the endpoint of docs/filters.md can be created', async () => {
  const [, json = ''] =
    /```json\n([\s\S]*?)```/.exec(readFileSync(new URL('../../docs/filters.md', import.meta.url), 'utf8')) ?? [];
  expect((await node.call('POST', `/v1/accounts/${account}/endpoints`, json)).status).toBe(201);
  const order = { customer: { country: 'AT' } };
  expect((await node.publish(account, 'order.created', order)).body.deliveries).toBe(1);
  expect((await node.publish(account, 'invoice.paid', { total: 100, test: true })).body.deliveries).toBe(0);
});
