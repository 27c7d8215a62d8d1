/** What an endpoint may ask for: fewer requests at a time, and events without their payloads. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount } from '../support/vendors.ts';

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
  receiver.respond = (_, response) => void response.writeHead(200).end();
});

const create = (options: object) =>
  node.call('POST', `/v1/accounts/${account}/endpoints`, {
    url: receiver.url(),
    subscriptions: [{ trigger: '*' }],
    ...options,
  });
const change = (id: string, changes: object) => node.call('PATCH', `/v1/accounts/${account}/endpoints/${id}`, changes);

describe('concurrency', () => {
  test.each([1, 3])('an endpoint that asks for %i gets no more at a time', async (concurrency) => {
    let open = 0;
    let most = 0;
    receiver.respond = (_, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        response.writeHead(200).end();
      }, 20);
    };
    expect((await create({ concurrency })).body.concurrency).toBe(concurrency);
    await Promise.all(Array.from({ length: 20 }, (_, i) => node.publish(account, 'a.b', { i })));
    await receiver.received(20);
    expect(most).toBe(concurrency);
  });

  test('is lowered while it is sent to, and taken away', async () => {
    const { body } = await create({});
    let open = 0;
    let most = 0;
    receiver.respond = (_, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        response.writeHead(200).end();
      }, 20);
    };
    const publish = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, i) => node.publish(account, 'a.b', { i })));
    await publish(20);
    await receiver.received(20);
    expect(most).toBe(10);
    await change(body.id, { concurrency: 2 });
    await eventually(
      async () => open,
      (n) => n === 0,
    );
    most = 0;
    await publish(20);
    await receiver.received(40);
    expect(most).toBe(2);
    expect((await change(body.id, { concurrency: null })).body.concurrency).toBeNull();
  });

  test('is never more than the contract has, and none where the contract has it not', async () => {
    expect((await create({ concurrency: 11 })).body.code).toBe('limit_reached');
    account = await createAccount(node, 'loops');
    const { pairs } = (await node.call('GET', '/v1/contracts/loops')).body;
    const [{ trigger }] = pairs;
    const vendor = { url: 'https://example.com/', subscriptions: [{ trigger }] };
    expect((await create({ ...vendor, concurrency: 2 })).body.code).toBe('not_supported');
    expect((await create({ ...vendor, thin: true })).body.code).toBe('not_supported');
  });
});

describe('thin events', () => {
  const PAYLOAD = { id: 7, customer: { name: 'A. Person' } };

  test('carry id and trigger; the receiver reads the rest by the id, with its key', async () => {
    expect((await create({ thin: true })).body.thin).toBe(true);
    const { body: event } = await node.publish(account, 'order.paid', PAYLOAD);
    const [request] = await receiver.received(1);
    const sent = JSON.parse(request?.body.toString() ?? '');
    expect(sent).toEqual({
      type: 'order.paid',
      timestamp: sent.timestamp,
      data: { id: event.id, trigger: 'order.paid' },
    });
    const { body: key } = await node.call('POST', `/v1/accounts/${account}/keys`, {
      label: 'x',
      scopes: ['posthorn:feed'],
    });
    const read = await fetch(`${node.url}/v1/accounts/${account}/events/${sent.data.id}`, {
      headers: { authorization: `Bearer ${key.key}` },
    });
    expect([read.status, ((await read.json()) as { payload: unknown }).payload]).toEqual([200, PAYLOAD]);
  });

  test('the history shows what was sent, also after the endpoint has changed', async () => {
    const { body: endpoint } = await create({ thin: true });
    await node.publish(account, 'order.paid', PAYLOAD);
    await receiver.received(1);
    await change(endpoint.id, { thin: false });
    await node.publish(account, 'order.paid', PAYLOAD);
    await receiver.received(2);
    const bodies = await eventually(
      async () => {
        const { data } = (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body;
        const details = data.map((one: { id: string }) =>
          node.call('GET', `/v1/accounts/${account}/deliveries/${one.id}`),
        );
        return (await Promise.all(details)).map(({ body }) => body.attempts[0]?.request.body);
      },
      (found) => found.length === 2 && found.every((one) => one !== undefined),
    );
    expect(bodies).toEqual([receiver.requests[1]?.body.toString(), receiver.requests[0]?.body.toString()]);
    expect(bodies[0]).toContain('A. Person');
    expect(bodies[1]).not.toContain('A. Person');
  });

  test('one endpoint gets them, another the whole event', async () => {
    await create({ thin: true });
    await create({ thin: false });
    await node.publish(account, 'order.paid', PAYLOAD);
    const requests = await receiver.received(2);
    const whole = requests.filter(({ body }) => body.includes('A. Person'));
    expect(whole).toHaveLength(1);
  });

  test('filters see the whole payload', async () => {
    await create({ thin: true, subscriptions: [{ trigger: '*', filter: { at: '/id', equals: 7 } }] });
    await node.publish(account, 'a.b', { id: 8 });
    await node.publish(account, 'a.b', PAYLOAD);
    await receiver.received(1);
    expect(receiver.requests).toHaveLength(1);
  });
});
