/** The audit log: nothing that was changed is missing, whatever the request looked like. */

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { detailOf } from '../../../packages/server/src/http/audit.ts';
import { eventually, startTestNode, type TestNode } from '../../support/node.ts';
import { createAccount, createKey, createWebhook } from '../../support/vendors.ts';

let node: TestNode;
let account: string;

beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node.stop());
beforeEach(async () => {
  account = await createAccount(node, 'standard');
});

interface Line {
  action: string;
  target: string | null;
  detail: { url?: string; subscriptions?: string };
}

async function lines(of = account): Promise<Line[]> {
  return (await node.call('GET', `/v1/accounts/${of}/audit`)).body.data;
}

const endpoint = () => createWebhook(node, account, { url: 'http://127.0.0.1:9/', subscriptions: [{ trigger: '*' }] });

test('attack: a field that another operation calls a preview hides nothing', async () => {
  const { path } = await endpoint();
  await node.call('POST', `${path}/deactivate`, { dry_run: true });
  await node.call('DELETE', path, { dry_run: true });
  expect((await lines()).map((line) => line.action)).toEqual([
    'deleteEndpoint',
    'deactivateEndpoint',
    'createEndpoint',
    'createAccount',
  ]);
});

test('attack: text that JSON of the database cannot hold is noted all the same', async () => {
  const { path } = await endpoint();
  const answer = await node.call('PATCH', path, '{"description": "half \\ud800", "url": "http://127.0.0.1:9/new"}');
  expect(answer.status).toBe(200);
  const [line] = await lines();
  expect(line).toMatchObject({
    action: 'changeEndpoint',
    detail: { description: 'half \ufffd', url: 'http://127.0.0.1:9/new' },
  });
});

test('attack: a long field does not hide the others', async () => {
  const { path } = await endpoint();
  const subscriptions = Array.from({ length: 40 }, (_, i) => ({ trigger: `${'x'.repeat(100)}.${i}` }));
  await node.call('PATCH', path, { subscriptions, url: 'http://127.0.0.1:9/elsewhere' });
  const [line] = await lines();
  expect(line?.detail.url).toBe('http://127.0.0.1:9/elsewhere');
  expect(line?.detail.subscriptions).toMatch(/^\[\{"trigger":"xxx.*…$/);
});

test('attack: a vendor’s API takes bodies of any shape; the log keeps what the call means, and no credential', async () => {
  const shop = await createAccount(node, 'loop-subscriptions');
  const returns = await createAccount(node, 'loop-returns');
  const [key, other] = [
    await createKey(node, shop, ['webhooks:write']),
    await createKey(node, returns, ['developer_tools']),
  ];
  const extra = {
    headers: { Authorization: 'leak-1' },
    webhook: { Headers: { 'x-api-key': 'leak-2' }, list: [{ secret: 'leak-3' }] },
    Authorization: 'leak-4',
    note: 'leak-5',
  };
  const made = await node.call(
    'POST',
    '/admin/2023-10/webhook',
    { address: 'https://example.com/', topic: 'order/processed', ...extra },
    { 'x-loop-token': key },
  );
  const body = { topic: 'return', trigger: 'return.created', url: 'https://example.com/', ...extra };
  const also = await node.call('POST', '/api/v1/webhooks', body, { 'x-authorization': other });
  expect([made.status, also.status]).toEqual([200, 201]);
  const [[first], [second]] = [await lines(shop), await lines(returns)];
  expect(first?.detail).toEqual({ address: 'https://example.com/', topic: 'order/processed' });
  expect(second?.detail).toEqual({ topic: 'return', trigger: 'return.created', url: 'https://example.com/' });
});

test('attack: what is secret is hidden at any depth and in any spelling', () => {
  const body = {
    url: 'https://example.com/',
    Headers: { a: 'leak' },
    options: [{ API_KEY: 'leak', nested: { password: 'leak', kept: 1 } }],
  };
  expect(detailOf(body)).toEqual({
    url: 'https://example.com/',
    Headers: '…',
    options: [{ API_KEY: '…', nested: { password: '…', kept: 1 } }],
  });
});

test('a read is no change, by HEAD neither', async () => {
  const before = await lines();
  await fetch(`${node.url}/v1/accounts/${account}/endpoints`, {
    method: 'HEAD',
    headers: { authorization: 'Bearer test-operator-key-0123456789' },
  });
  expect(await lines()).toEqual(before);
});

test('a vendor’s API notes our id of what was changed, and the key that did it', async () => {
  const shop = await createAccount(node, 'loop-subscriptions');
  const key = await createKey(node, shop, ['webhooks:write']);
  const call = (method: string, path: string, body?: object) =>
    node.call(method, `/admin/2023-10${path}`, body, { 'x-loop-token': key });
  const made = await call('POST', '/webhook', { address: 'https://example.com/', topic: 'order/processed' });
  expect(made.status).toBe(200);
  await call('DELETE', `/webhook/${made.body.data.uuid}`);
  const [deleted, created] = await lines(shop);
  expect(created).toMatchObject({
    action: 'createEndpoint',
    target: expect.stringMatching(/^ep_/),
    actor: expect.stringMatching(/^key key_/),
  });
  expect(deleted).toMatchObject({ action: 'deleteEndpoint', target: created?.target });
});

test('attack: an account made again under an old id sees neither the log nor the history of the one before', async () => {
  const made = await node.createEndpoint('http://127.0.0.1:9/');
  await node.publish(made.account, 'order.created', { secret: 'of the old one' });
  await node.call('DELETE', `/v1/accounts/${made.account}`);
  const again = { id: made.account, name: 'New', contract: 'standard' };
  const first = await node.call('POST', '/v1/accounts', again);
  if (first.status !== 201) expect(first).toMatchObject({ status: 409, body: { code: 'account_exists' } });
  await eventually(
    async () =>
      (await node.call('GET', `/v1/accounts/${made.account}`)).status === 200 ||
      node.call('POST', '/v1/accounts', again),
    (answer) => answer === true,
  );
  expect((await lines(made.account)).map((line) => line.action)).toEqual(['createAccount']);
  expect((await node.call('GET', `/v1/accounts/${made.account}/events`)).body.data).toEqual([]);
  expect((await node.call('GET', `/v1/accounts/${made.account}/deliveries`)).body.data).toEqual([]);
  expect(JSON.stringify(await node.call('GET', '/v1/audit'))).toContain('deleteAccount');
});

test('sign-ins to the console are noted', async () => {
  const wrong = await node.call('POST', '/sign-in', { key: 'wrong' });
  expect(wrong.status).toBe(401);
  const right = await node.call('POST', '/sign-in', { key: 'test-operator-key-0123456789' });
  expect(right.status).toBe(204);
  const { body } = await node.call('GET', '/v1/audit?limit=1');
  expect(body.data[0]).toMatchObject({ action: 'signIn', detail: { by: 'key' } });
});
