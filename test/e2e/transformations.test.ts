/** Transformations: endpoints reshape their requests by a function. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount } from '../support/vendors.ts';

let databaseUrl: string;
let node: TestNode;
let receiver: Receiver;
let account: string;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  node = await startTestNode({ databaseUrl, random: () => 0.9 });
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

const create = (transformation: string | null, more: object = {}) =>
  node.call('POST', `/v1/accounts/${account}/endpoints`, {
    url: receiver.url(),
    subscriptions: [{ trigger: '*' }],
    transformation,
    ...more,
  });
const change = (id: string, changes: object) => node.call('PATCH', `/v1/accounts/${account}/endpoints/${id}`, changes);
const deliveries = async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
const ended = () => eventually(deliveries, ([one]) => one?.finished_at !== null && one?.finished_at !== undefined);
const detail = async (id: string) => (await node.call('GET', `/v1/accounts/${account}/deliveries/${id}`)).body;
const CHAT = `function transform(request, event) {
  request.method = 'PUT';
  request.headers['x-event'] = event.trigger;
  request.headers['x-api-key'] = 'chat-key';
  request.body = { text: 'Order ' + request.body.data.id };
  return request;
}`;

describe('a transformation', () => {
  test('reshapes method, headers and body; the signature is over what is sent; the history shows it', async () => {
    const { body: endpoint } = await create(CHAT);
    expect(endpoint.transformation).toBe(CHAT);
    await node.publish(account, 'order.paid', { id: 7 });
    const [request] = await receiver.received(1);
    expect(request).toMatchObject({
      method: 'PUT',
      headers: { 'content-type': 'application/json', 'x-event': 'order.paid', 'x-api-key': 'chat-key' },
    });
    expect(request?.body.toString()).toBe('{"text":"Order 7"}');
    const headers = request?.headers ?? {};
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${request?.body}`;
    const key = Buffer.from(endpoint.secret.replace('whsec_', ''), 'base64');
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    const [delivery] = await ended();
    const [attempt] = (await detail(delivery.id)).attempts;
    expect(attempt.request).toMatchObject({
      method: 'PUT',
      body: '{"text":"Order 7"}',
      headers: { 'content-type': 'application/json', 'x-event': '…', 'x-api-key': '…' },
    });
  });

  test('what is not reshaped stays byte for byte as it was, also beside one that is', async () => {
    await create(null, { url: receiver.url('/plain') });
    await create(CHAT, { url: receiver.url('/shaped') });
    await node.publish(account, 'order.paid', { id: 7 });
    const requests = await receiver.received(2);
    const plain = requests.find(({ path }) => path === '/plain');
    expect(plain?.method).toBe('POST');
    expect(JSON.parse(plain?.body.toString() ?? '')).toMatchObject({ type: 'order.paid', data: { id: 7 } });
  });

  test('a text is sent as it is, with its own content type', async () => {
    await create(
      `const transform = (request) => ({ ...request, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: 'Grüße' })`,
    );
    await node.publish(account, 'a.b', {});
    const [request] = await receiver.received(1);
    expect([request?.headers['content-type'], request?.body.toString()]).toEqual([
      'text/plain; charset=utf-8',
      'Grüße',
    ]);
  });

  test('every try makes the same request; a changed function holds for what waits', async () => {
    receiver.respond = (_, response) => void response.writeHead(500).end();
    const { body: endpoint } = await create('function transform(r) { r.body = [Date.now(), Math.random()]; return r }');
    await node.publish(account, 'a.b', {});
    await receiver.received(1);
    const retry = async () => {
      const [{ id }] = await eventually(deliveries, ([one]) => one?.status === 'failed' || one?.status === 'succeeded');
      expect((await node.call('POST', `/v1/accounts/${account}/deliveries/${id}/retry`)).status).toBe(202);
    };
    await retry();
    const [first, second] = await receiver.received(2);
    expect(second?.body).toEqual(first?.body);
    await change(endpoint.id, { transformation: 'function transform(r) { r.body = "new"; return r }' });
    receiver.respond = (_, response) => void response.writeHead(200).end();
    await retry();
    expect((await receiver.received(3))[2]?.body.toString()).toBe('new');
    await ended();
    const [{ id }] = await deliveries();
    const { attempts } = await detail(id);
    expect(attempts.map(({ request }: { request: { body: string } }) => request.body)).toEqual([
      first?.body.toString(),
      first?.body.toString(),
      'new',
    ]);
  });

  test('one that fails is an attempt with its own code and message, and is tried again', async () => {
    const { body: endpoint } = await create(
      'function transform(request) {\n  return request.body.data.customer.name;\n}',
    );
    await node.publish(account, 'a.b', {});
    const [delivery] = await eventually(deliveries, ([one]) => one?.status === 'failed');
    expect(delivery.last_error).toBe('transform_failed');
    const { attempts } = await detail(delivery.id);
    expect(attempts[0]).toMatchObject({ error: 'transform_failed', response: null });
    expect(attempts[0].error_detail).toMatch(/^TypeError: .*\(line 2\)$/);
    expect(receiver.requests).toEqual([]);
    await change(endpoint.id, { transformation: 'function transform(r) { return r }' });
    await node.call('POST', `/v1/accounts/${account}/deliveries/${delivery.id}/retry`);
    await receiver.received(1);
  });

  test('it is taken away with null', async () => {
    const { body } = await create(CHAT);
    expect((await change(body.id, { transformation: null })).body.transformation).toBeNull();
    await node.publish(account, 'a.b', {});
    expect((await receiver.received(1))[0]?.method).toBe('POST');
  });

  test('a test is reshaped, too', async () => {
    const { body } = await create('function transform(r) { r.method = "PATCH"; r.body = "hi"; return r }');
    const tried = await node.call('POST', `/v1/accounts/${account}/endpoints/${body.id}/test`);
    expect(tried.body.attempt.request).toMatchObject({ method: 'PATCH', body: 'hi' });
    expect(receiver.requests[0]).toMatchObject({ method: 'PATCH' });
  });

  test('an event is rendered as the endpoint gets it', async () => {
    const { body: endpoint } = await create(CHAT);
    const { body: event } = await node.publish(account, 'order.paid', { id: 7 });
    const render = (id: string) =>
      node.call('POST', `/v1/accounts/${account}/events/${event.id}/requests`, { endpoint: id });
    expect((await render(endpoint.id)).body.data).toMatchObject([{ method: 'PUT', body: '{"text":"Order 7"}' }]);
    await change(endpoint.id, { transformation: 'function transform() { throw new Error("no") }' });
    expect(await render(endpoint.id)).toMatchObject({
      status: 422,
      body: { code: 'transform_failed', detail: expect.stringContaining('no') },
    });
  });
});

describe('what is refused', () => {
  test.each([
    ['function transform( {', /^SyntaxError.*\(line 1\)/],
    ['const x = 1;', 'there is no function named transform'],
    ['for (;;);', 'takes more than 100 ms'],
  ])('code that cannot be used: %s', async (code, text) => {
    const { status, body } = await create(code);
    expect([status, body.code, body.errors[0].pointer]).toEqual([400, 'invalid_request', '#/transformation']);
    expect(body.errors[0].detail).toMatch(text);
  });

  test('code that is too long', async () => {
    expect((await create(`function transform(r) { return r } // ${'x'.repeat(33_000)}`)).body.code).toBe(
      'invalid_request',
    );
  });

  test.each(['loop-returns', 'loop-subscriptions', 'loops'])('%s has no transformations', async (contract) => {
    account = await createAccount(node, contract);
    const { pairs, limits } = (await node.call('GET', `/v1/contracts/${contract}`)).body;
    expect(limits.transformations).toBe(false);
    const { topic, trigger } = pairs[0];
    const subscriptions = [{ ...(topic === null ? {} : { topic }), trigger }];
    const wish = { url: 'https://example.com/', subscriptions, transformation: CHAT };
    expect((await node.call('POST', `/v1/accounts/${account}/endpoints`, wish)).body.code).toBe('not_supported');
    const attempt = { transformation: CHAT };
    expect((await node.call('POST', `/v1/accounts/${account}/try-transformation`, attempt)).body.code).toBe(
      'not_supported',
    );
  });

  test('attack: code is sealed in the database, in no audit log, and hidden from those who may only look', async () => {
    const code = 'const TOKEN = "hidden-token"; function transform(r) { return r }';
    const { body } = await create(code);
    const { body: session } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, {
      permissions: ['read'],
    });
    const seen = await node.call('GET', `/v1/accounts/${account}/endpoints/${body.id}`, undefined, {
      authorization: `Bearer ${session.token}`,
    });
    expect(seen.body.transformation).toBe('…');
    await node.publish(account, 'a.b', {});
    const [delivery] = await ended();
    const { body: shown } = await node.call('GET', `/v1/accounts/${account}/deliveries/${delivery.id}`, undefined, {
      authorization: `Bearer ${session.token}`,
    });
    expect(shown.attempts[0].request.body).toBe('…');
    expect((await node.call('GET', `/v1/accounts/${account}/audit`)).text).not.toContain('hidden-token');
    const rows = await query(databaseUrl, 'SELECT encode(ciphertext, $1) AS sealed FROM endpoint_transformations', [
      'escape',
    ]);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain('hidden-token');
  });
});

describe('tried out', () => {
  const attempt = (question: object) => node.call('POST', `/v1/accounts/${account}/try-transformation`, question);

  test('on an event, with what it is given and what it makes; nothing is sent, nothing stored', async () => {
    const { body: event } = await node.publish(account, 'order.paid', { id: 7 });
    const { body } = await attempt({ transformation: CHAT, event: event.id });
    expect(body).toMatchObject({
      before: { method: 'POST', headers: { 'content-type': 'application/json' } },
      after: { method: 'PUT', headers: { 'x-event': 'order.paid' }, body: '{"text":"Order 7"}' },
      error: null,
    });
    expect(JSON.parse(body.before.body)).toMatchObject({ type: 'order.paid', data: { id: 7 } });
    expect(receiver.requests).toEqual([]);
  });

  test('on the sample, and with what went wrong', async () => {
    const { body } = await attempt({ transformation: 'function transform() { return 1 }' });
    expect(body).toMatchObject({ after: null, error: expect.stringContaining('returned no request') });
  });

  test("the endpoint's own headers may not be set again", async () => {
    const { body: endpoint } = await create(null, { headers: { 'X-Own': '1' } });
    const transformation = 'function transform(r) { r.headers["x-own"] = "2"; return r }';
    expect((await attempt({ transformation })).body.error).toBeNull();
    expect((await attempt({ transformation, endpoint: endpoint.id })).body.error).toContain('x-own');
    expect((await attempt({ transformation, endpoint: 'ep_none' })).body.code).toBe('endpoint_not_found');
  });
});

test('the endpoint of docs/transformations.md can be created, and does what is said', async () => {
  const page = readFileSync(new URL('../../docs/transformations.md', import.meta.url), 'utf8');
  const [, json = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const { transformation } = JSON.parse(json);
  await create(transformation);
  await node.publish(account, 'order.paid', { id: 7, total: 12.5 });
  const [request] = await receiver.received(1);
  expect([request?.headers['x-event'], request?.body.toString()]).toEqual([
    'order.paid',
    '{"text":"Order 7: 12.5 EUR"}',
  ]);
});
