/** A repeat answers the same event. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;
let account: string;

beforeAll(async () => {
  node = await startTestNode();
  receiver = await Receiver.start();
  ({ account } = await node.createEndpoint(receiver.url()));
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

describe('idempotency', () => {
  test('the same key with the same body answers the same event; with another body 409', async () => {
    const headers = { 'idempotency-key': 'order-1' };
    const first = await node.publish(account, 'a', { n: 1 }, headers);
    const again = await node.publish(account, 'a', { n: 1 }, headers);
    expect(again).toMatchObject({ status: 202, body: first.body });
    const other = await node.publish(account, 'a', { n: 2 }, headers);
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_conflict' } });
  });

  test('whitespace in the body makes no other event', async () => {
    const path = `/v1/accounts/${account}/events`;
    const first = await node.call('POST', path, '{"trigger":"a","payload":{"x":[1,2]}}', {
      'idempotency-key': 'space',
    });
    const again = await node.call('POST', path, '{ "payload": {"x": [1, 2]}, "trigger": "a" }', {
      'idempotency-key': 'space',
    });
    expect(again.body).toEqual(first.body);
  });

  test("a batch's keys are no single event's keys", async () => {
    const single = await node.publish(account, 'a', { n: 1 }, { 'idempotency-key': 'both #0' });
    const path = `/v1/accounts/${account}/events/batch`;
    const batch = () =>
      node.call('POST', path, { events: [{ trigger: 'a', payload: { n: 2 } }] }, { 'idempotency-key': 'both' });
    const { body } = await batch();
    expect(body.data[0]).toMatchObject({ id: expect.stringMatching(/^evt_/), deliveries: 1 });
    expect(body.data[0].id).not.toBe(single.body.id);
    expect((await batch()).body).toEqual(body);
  });

  test("the body's id works like a key, and is the event's id", async () => {
    const path = `/v1/accounts/${account}/events`;
    const event = { id: 'my-event-1', trigger: 'a', payload: 1 };
    const first = await node.call('POST', path, event);
    expect(first.body.id).toBe('my-event-1');
    expect((await node.call('POST', path, event)).body).toEqual(first.body);
    expect((await node.call('POST', path, { ...event, payload: 2 })).status).toBe(409);
    expect((await node.call('GET', `${path}/my-event-1`)).body).toMatchObject({ id: 'my-event-1', payload: 1 });
    await eventually(
      async () => receiver.requests.filter((r) => r.headers['webhook-id'] === 'my-event-1').length,
      (count) => count === 1,
    );
  });

  test('keys of different accounts are different keys', async () => {
    const other = await node.createEndpoint(receiver.url());
    const headers = { 'idempotency-key': 'shared' };
    const [a, b] = [await node.publish(account, 'a', 1, headers), await node.publish(other.account, 'a', 1, headers)];
    expect(a.body.id).not.toBe(b.body.id);
  });

  test('a batch under a key can be repeated as a whole', async () => {
    const path = `/v1/accounts/${account}/events/batch`;
    const body = { events: Array.from({ length: 5 }, (_, i) => ({ trigger: 'a', payload: i })) };
    const first = await node.call('POST', path, body, { 'idempotency-key': 'whole' });
    expect((await node.call('POST', path, body, { 'idempotency-key': 'whole' })).body).toEqual(first.body);
  });

  test('a thousand repeats of one id in a batch are one event, and quick', async () => {
    const path = `/v1/accounts/${account}/events/batch`;
    const { body } = await node.call('POST', path, {
      events: Array(1000).fill({ id: 'thousand', trigger: 'a', payload: 1 }),
    });
    expect(new Set(body.data.map((d: { id: string }) => d.id))).toEqual(new Set(['thousand']));
    expect(await query(node.databaseUrl, "SELECT FROM events WHERE external_id = 'thousand'")).toHaveLength(1);
  });

  test('a batch may repeat itself, and holds conflicts apart', async () => {
    const path = `/v1/accounts/${account}/events/batch`;
    const event = (id: string, payload: unknown) => ({ id, trigger: 'a', payload });
    const first = await node.call('POST', path, { events: [event('b-1', 1), event('b-1', 1), event('b-2', 2)] });
    expect(first.body.data.map((d: { id: string }) => d.id)).toEqual(['b-1', 'b-1', 'b-2']);
    const again = await node.call('POST', path, { events: [event('b-1', 9), event('b-2', 2), event('b-3', 3)] });
    expect(again.body.data).toMatchObject([{ error: { code: 'idempotency_conflict' } }, { id: 'b-2' }, { id: 'b-3' }]);
    const rows = await query(node.databaseUrl, "SELECT FROM events WHERE external_id LIKE 'b-_'");
    expect(rows).toHaveLength(3);
  });
});
