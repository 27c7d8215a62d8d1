/** Accounts and endpoints through the HTTP API. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;

beforeAll(async () => {
  node = await startTestNode();
  receiver = await Receiver.start();
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

describe('accounts and endpoints', () => {
  test('a secret can be made before the endpoint; nothing is stored until then', async () => {
    const { body: account } = await node.call('POST', '/v1/accounts', { name: 'One', contract: 'loop-returns' });
    const path = `/v1/accounts/${account.id}`;
    const { status, body } = await node.call('POST', `${path}/generate-secret`, {});
    expect(status).toBe(200);
    expect(body.secret).toMatch(/^[0-9a-f]{32}$/);
    expect((await node.call('GET', `${path}/endpoints`)).body.data).toEqual([]);
    const made = await node.call('POST', `${path}/endpoints`, {
      url: 'https://example.com/',
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      secret: body.secret,
    });
    const kept = await node.call('GET', `${path}/endpoints/${made.body.id}/secret`);
    expect(kept.body.secret).toBe(body.secret);
    const { body: log } = await node.call('GET', `${path}/audit`);
    expect(JSON.stringify(log)).not.toContain(body.secret);
    expect((await node.call('POST', '/v1/accounts/nobody/generate-secret', {})).status).toBe(404);
  });

  test('live through create, read, change and delete', async () => {
    const made = await node.call('POST', '/v1/accounts', {
      name: 'One',
      contract: 'standard',
      metadata: { plan: 'pro' },
    });
    expect(made.body.id).toMatch(/^acc_/);
    const path = `/v1/accounts/${made.body.id}`;
    const changed = await node.call('PATCH', path, { name: 'Two' });
    expect(changed.body).toMatchObject({ name: 'Two', metadata: { plan: 'pro' } });
    const ep = await node.call('POST', `${path}/endpoints`, {
      url: 'https://example.com/a',
      subscriptions: [{ trigger: 'a' }],
      status: 'inactive',
      description: 'd',
      headers: { 'X-Key': 'v' },
    });
    expect(ep.body).toMatchObject({ status: 'inactive', inactive_reason: 'new', headers: { 'X-Key': 'v' } });
    const patched = await node.call('PATCH', `${path}/endpoints/${ep.body.id}`, {
      url: 'https://example.com/b',
      subscriptions: [{ trigger: 'order.*' }],
    });
    expect(patched.body).toMatchObject({
      url: 'https://example.com/b',
      subscriptions: [{ trigger: 'order.*' }],
      description: 'd',
    });
    expect((await node.call('POST', `${path}/endpoints/${ep.body.id}/activate`)).body).toMatchObject({
      status: 'active',
      inactive_reason: null,
    });
    expect((await node.call('POST', `${path}/endpoints/${ep.body.id}/deactivate`)).body).toMatchObject({
      inactive_reason: 'user',
    });
    expect((await node.call('GET', `${path}/endpoints/${ep.body.id}/stats`)).body).toMatchObject({
      succeeded: 0,
      waiting: 0,
    });
    expect((await node.call('DELETE', `${path}/endpoints/${ep.body.id}`)).status).toBe(204);
    expect((await node.call('GET', `${path}/endpoints/${ep.body.id}`)).status).toBe(404);
    expect((await node.call('DELETE', path)).status).toBe(204);
    expect((await node.call('GET', path)).status).toBe(404);
    expect((await node.call('POST', `${path}/events`, { trigger: 'a', payload: 1 })).status).toBe(404);
  });

  test('attack: an account made again under the id of a deleted one sees nothing of it', async () => {
    const { account: own } = await node.createEndpoint(receiver.url());
    await node.publish(own, 'a', 'old', { 'idempotency-key': 'k' });
    await eventually(
      () => node.call('GET', `/v1/accounts/${own}/deliveries?status=succeeded`),
      (answer) => answer.body.data.length === 1,
    );
    await node.call('DELETE', `/v1/accounts/${own}`);
    // Refused until the history is gone; nothing of it can be seen in between.
    await eventually(
      () => node.createEndpoint(receiver.url(), {}, own).catch(() => undefined),
      (made) => made !== undefined,
    );
    const again = await node.publish(own, 'a', 'old', { 'idempotency-key': 'k' });
    await eventually(
      () => node.call('GET', `/v1/accounts/${own}/events`),
      (answer) => answer.body.data.length === 1 && answer.body.data[0].id === again.body.id,
    );
  });

  test("only subscribed endpoints get an event, with the endpoint's own headers", async () => {
    const { account: own } = await node.createEndpoint(receiver.url('/all'), { headers: { 'X-Key': 'v' } });
    await node.call('POST', `/v1/accounts/${own}/endpoints`, {
      url: receiver.url('/orders'),
      subscriptions: [{ trigger: 'order.*' }],
    });
    await node.call('POST', `/v1/accounts/${own}/endpoints`, {
      url: receiver.url('/paid'),
      subscriptions: [{ trigger: 'order.paid' }, { trigger: 'order.*' }],
    });
    expect((await node.publish(own, 'invoice.sent', 1)).body.deliveries).toBe(1);
    expect((await node.publish(own, 'order.paid', 1)).body.deliveries).toBe(3);
    const requests = await eventually(
      async () => receiver.requests.filter((r) => ['/all', '/orders', '/paid'].includes(r.path)),
      (found) => found.length === 4,
    );
    expect(requests.filter((r) => r.path === '/all').every((r) => r.headers['x-key'] === 'v')).toBe(true);
  });

  test('have their limits', async () => {
    const { account: own } = await node.createEndpoint(receiver.url());
    const body = { url: receiver.url(), subscriptions: [{ trigger: 'a' }] };
    const answers = await Promise.all(
      Array.from({ length: 105 }, () => node.call('POST', `/v1/accounts/${own}/endpoints`, body)),
    );
    expect(answers.filter((a) => a.status === 201)).toHaveLength(99);
    expect(answers.find((a) => a.status === 409)?.body.code).toBe('limit_reached');
  });
});
