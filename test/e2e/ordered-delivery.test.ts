/** Ordered delivery: of an ordering key, a delivery begins when the one before it has ended. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { type Received, Receiver } from '../support/receiver.ts';
import { createAccount, writeContract } from '../support/vendors.ts';

let nodes: TestNode[];
let node: TestNode;
let receiver: Receiver;
let account: string;
let databaseUrl: string;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  const contract = (name: string, more: object) =>
    writeContract(mkdtempSync(join(tmpdir(), 'posthorn-ordered-')), name, {
      title: 'Ordered',
      triggers: 'free',
      body: { encoder: 'json', envelope: { type: '{trigger}', data: '{payload}' } },
      headers: { 'webhook-id': '{event.id}' },
      signature: { scheme: 'standard-webhooks' },
      policy: { retry_delays_s: [1, 1], jitter: 'none', concurrency: 20 },
      ...more,
    });
  const folders = [
    contract('ordered', { limits: { ordered_delivery: true } }),
    contract('patient', {
      limits: { ordered_delivery: true },
      policy: { retry_delays_s: [3600, 3600], jitter: 'none' },
    }),
    contract('unordered', {}),
  ];
  const environment = { POSTHORN_CONTRACTS: folders.join(',') };
  node = await startTestNode({ databaseUrl, environment });
  nodes = [node, await startTestNode({ databaseUrl, environment })];
  receiver = await Receiver.start();
});
afterAll(async () => {
  await Promise.all(nodes.map((one) => one.stop()));
  await receiver.stop();
});
beforeEach(async () => {
  account = await createAccount(node, 'ordered');
  receiver.requests.splice(0);
  receiver.respond = (_, response) => void response.writeHead(200).end();
});

const create = async (subscriptions: object[] = [{ trigger: '*', ordered_by: '/order/id' }]) =>
  node.call('POST', `/v1/accounts/${account}/endpoints`, { url: receiver.url(), subscriptions });
const publish = (order: unknown, step: number, by = node) =>
  by.publish(account, 'order.changed', { order: { id: order }, step });
const dataOf = ({ body }: Received) => JSON.parse(body.toString()).data;
const parkedOf = async (endpoint: string) =>
  (await node.call('GET', `/v1/accounts/${account}/endpoints/${endpoint}/parked-keys`)).body.data;
const stepsOf = (order: unknown) =>
  receiver.requests
    .map(dataOf)
    .filter((data) => data.order.id === order)
    .map(({ step }) => step);

/** Answers the steps in `failing` with an error, so often. */
function failSteps(failing: Map<number, number>): void {
  receiver.respond = (request, response) => {
    const { step } = dataOf(request);
    const left = failing.get(step) ?? 0;
    failing.set(step, left - 1);
    response.writeHead(left > 0 ? 500 : 200).end();
  };
}

describe('the deliveries of an ordering key', () => {
  test('are sent one after the other, in the order in which their events were acknowledged, from whichever node', async () => {
    await create();
    const open = new Map<string, number>();
    let most = 0;
    let mostOfAll = 0;
    receiver.respond = (request, response) => {
      const { order } = dataOf(request);
      const now = (open.get(order.id) ?? 0) + 1;
      open.set(order.id, now);
      most = Math.max(most, now);
      mostOfAll = Math.max(
        mostOfAll,
        [...open.values()].reduce((sum, n) => sum + n, 0),
      );
      setTimeout(() => {
        open.set(order.id, (open.get(order.id) ?? 0) - 1);
        response.writeHead(200).end();
      }, 20);
    };
    const orders = ['a', 'b', 'c', 'd'];
    for (let step = 0; step < 8; step++) {
      const by = nodes[step % nodes.length];
      await Promise.all(orders.map((order) => publish(order, step, by)));
    }
    await receiver.received(32);
    for (const order of orders) expect(stepsOf(order), order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(1);
    expect(mostOfAll).toBeGreaterThan(1);
  });

  test('of one batch keep the order of the batch', async () => {
    await create();
    const events = Array.from({ length: 20 }, (_, step) => ({
      trigger: 'order.changed',
      payload: { order: { id: 'one' }, step },
    }));
    expect((await node.call('POST', `/v1/accounts/${account}/events/batch`, { events })).status).toBe(202);
    await receiver.received(20);
    expect(stepsOf('one')).toEqual(events.map((_, step) => step));
  });

  test('wait while the first is tried again, and those of other keys, and of none, do not', async () => {
    const { body: endpoint } = await create();
    failSteps(new Map([[1, 2]]));
    await publish('a', 1);
    await publish('a', 2);
    await publish('b', 3);
    await node.publish(account, 'order.changed', { step: 4 });
    await receiver.received(3);
    const [parked] = await eventually(
      () => parkedOf(endpoint.id),
      (keys) => keys.length === 1,
    );
    expect(parked).toMatchObject({ key: 'a', attempt_count: 1, last_status: 500, behind: 1 });
    const waiting = await node.call('GET', `/v1/accounts/${account}/deliveries?status=pending`);
    expect(waiting.body.data).toMatchObject([{ ordering_key: 'a', next_attempt_at: null, attempt_count: 0 }]);
    await receiver.received(6);
    expect(receiver.requests.map(dataOf).map(({ step }) => step)).toEqual([
      ...receiver.requests.slice(0, 3).map((request) => dataOf(request).step),
      1,
      1,
      2,
    ]);
    expect(
      receiver.requests
        .slice(0, 3)
        .map((request) => dataOf(request).step)
        .toSorted(),
    ).toEqual([1, 3, 4]);
    await eventually(
      () => parkedOf(endpoint.id),
      (keys) => keys.length === 0,
    );
  });

  test('go on when the first is given up', async () => {
    await create();
    failSteps(new Map([[1, 3]]));
    for (const step of [1, 2, 3]) await publish('a', step);
    await receiver.received(5);
    expect(stepsOf('a')).toEqual([1, 1, 1, 2, 3]);
  });

  test('one key may stand in several places, as text or as number; long ones are known by their digest', async () => {
    await create([
      { trigger: 'order.*', ordered_by: '/order/id' },
      { trigger: 'refund.*', ordered_by: '/of~1order' },
    ]);
    failSteps(new Map([[1, 1]]));
    await publish(7, 1);
    await node.publish(account, 'refund.made', { 'of/order': '7', order: {}, step: 2 });
    const long = 'x'.repeat(300);
    await publish(long, 3);
    await receiver.received(4);
    expect(receiver.requests.map((request) => dataOf(request).step).filter((step) => step !== 3)).toEqual([1, 1, 2]);
  });

  test('are ended with their endpoint, and their lines with them', async () => {
    account = await createAccount(node, 'patient');
    const { body: endpoint } = await create();
    failSteps(new Map([[1, 9]]));
    for (const step of [1, 2, 3]) await publish('a', step);
    // What is in flight ends with its next try.
    await eventually(
      () => parkedOf(endpoint.id),
      (keys) => keys.length === 1,
    );
    expect((await node.call('DELETE', `/v1/accounts/${account}/endpoints/${endpoint.id}`)).status).toBe(204);
    const ended = await eventually(
      async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?status=discarded`)).body.data,
      (all) => all.length === 3,
    );
    expect(ended.map(({ reason }: { reason: string }) => reason)).toEqual(Array(3).fill('endpoint_deleted'));
  });
});

describe('a parked key', () => {
  const park = async () => {
    account = await createAccount(node, 'patient');
    const { body: endpoint } = await create();
    failSteps(new Map([[1, 9]]));
    for (const step of [1, 2, 3]) await publish('a', step);
    const parked = await eventually(
      () => parkedOf(endpoint.id),
      (keys) => keys.length === 1,
    );
    return { id: endpoint.id, parked: parked[0] };
  };
  const release = (endpoint: string, key: string, delivery_id?: string) =>
    node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/parked-keys/release`, { key, delivery_id });

  test('is released: those behind go on, and the first stays on its way', async () => {
    const { id, parked } = await park();
    expect(parked).toMatchObject({ key: 'a', behind: 2 });
    // Whoever looked at another first delivery does not mean this one.
    const { body: others } = await node.call('GET', `/v1/accounts/${account}/deliveries?status=pending`);
    expect((await release(id, 'a', others.data[0].id)).body.code).toBe('parked_key_not_found');
    const { status, body } = await release(id, 'a', parked.delivery_id);
    expect([status, body]).toEqual([200, { delivery_id: parked.delivery_id }]);
    await receiver.received(3);
    expect(stepsOf('a')).toEqual([1, 2, 3]);
    expect(await parkedOf(id)).toEqual([]);
    const { body: first } = await node.call('GET', `/v1/accounts/${account}/deliveries/${parked.delivery_id}`);
    expect(first).toMatchObject({ status: 'failed', ordering_key: null });
    expect((await release(id, 'a')).body.code).toBe('parked_key_not_found');
  });

  test('goes on when its first is sent again by hand; one behind it is not sent before it', async () => {
    const { id, parked } = await park();
    const { body } = await node.call('GET', `/v1/accounts/${account}/deliveries?status=pending`);
    const retry = (id: string) => node.call('POST', `/v1/accounts/${account}/deliveries/${id}/retry`);
    const refused = await retry(body.data[0].id);
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
      409,
      'not_retryable',
      expect.stringContaining('waits in line'),
    ]);
    let answer = () => {};
    receiver.respond = (_, response) => {
      answer = () => void response.writeHead(200).end();
    };
    expect((await retry(parked.delivery_id)).status).toBe(202);
    await receiver.received(2);
    // The only ones that wait, wait in line: nothing is due.
    const stats = await node.call('GET', `/v1/accounts/${account}/endpoints/${id}/stats`);
    expect(stats.body).toMatchObject({ waiting: 3, oldest_due_at: null });
    failSteps(new Map());
    answer();
    await receiver.received(4);
    expect(stepsOf('a')).toEqual([1, 1, 2, 3]);
  });

  test('is another account’s secret', async () => {
    const { id } = await park();
    account = await createAccount(node, 'patient');
    expect((await release(id, 'a')).body.code).toBe('endpoint_not_found');
  });
});

test('`ordered_by` is a JSON pointer, in contracts that allow it', async () => {
  const refused = await create([{ trigger: '*', ordered_by: 'order.id' }]);
  expect([refused.status, refused.body.errors[0].pointer]).toEqual([400, '#/subscriptions/0/ordered_by']);
  account = await createAccount(node, 'unordered');
  expect((await create()).body.code).toBe('not_supported');
});

test('while nodes of the version before run, which keep no order, nobody asks for one', async () => {
  const [older] = await query<{ id: number }>(
    databaseUrl,
    "INSERT INTO nodes (host, pid, engine, name, watermark) VALUES ('old', 1, 3, 'old', gen_random_uuid()) RETURNING id",
  );
  expect((await create()).body.code).toBe('not_supported');
  expect((await create([{ trigger: '*' }])).status).toBe(201);
  await query(databaseUrl, 'DELETE FROM nodes WHERE id = $1', [older?.id]);
  expect((await create()).status).toBe(201);
});
