/** Whether there is a server behind a URL: looked up before anything is sent to it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';
import { createAccount } from '../../support/vendors.ts';

let node: TestNode;
let receiver: Receiver;
let account: string;
const check = async (url: string) => (await node.call('POST', `/v1/accounts/${account}/check-url`, { url })).body;

beforeAll(async () => {
  receiver = await Receiver.start();
  node = await startTestNode();
  account = await createAccount(node, 'standard');
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

test('any answer is one: it is asked with OPTIONS, and nothing is sent', async () => {
  receiver.respond = (_, response) => void response.writeHead(405).end();
  expect(await check(receiver.url('/hooks'))).toMatchObject({ error: null, error_detail: null, status: 405 });
  expect(receiver.requests).toHaveLength(1);
  expect(receiver.requests[0]).toMatchObject({ method: 'OPTIONS', path: '/hooks' });
  expect(receiver.requests[0]?.body).toHaveLength(0);
});

test('what is wrong is told by the same codes as a delivery would have', async () => {
  expect(await check('http://127.0.0.1:9/')).toMatchObject({ error: 'refused', status: null });
  expect(await check('http://nobody.invalid/')).toMatchObject({ error: 'dns_failed', status: null });
  expect(await check(receiver.url().replace('http:', 'https:'))).toMatchObject({ error: 'not_tls' });
});

test('a URL that no endpoint may have is refused as when one is created; a bin is not asked', async () => {
  const refused = await node.call('POST', `/v1/accounts/${account}/check-url`, { url: 'http://10.0.0.1/' });
  const created = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
    url: 'http://10.0.0.1/',
    subscriptions: [{ trigger: '*' }],
  });
  expect([refused.status, refused.body.code]).toEqual([created.status, created.body.code]);
  const bin = (await node.call('POST', `/v1/accounts/${account}/bins`)).body;
  expect(await check(bin.url)).toMatchObject({ error: null, status: null });
  const shown = (await node.call('GET', `/v1/accounts/${account}/bins/${bin.id}`)).body;
  expect(shown.requests ?? []).toEqual([]);
});

test('an endpoint may have no event at all: it gets nothing until it has one', async () => {
  const made = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
    url: receiver.url('/later'),
    subscriptions: [],
    status: 'active',
  });
  expect(made).toMatchObject({ status: 201, body: { subscriptions: [] } });
  await node.publish(account, 'a.b', 1);
  const path = `/v1/accounts/${account}/endpoints/${made.body.id}`;
  expect((await node.call('PATCH', path, { subscriptions: [{ trigger: 'a.b' }] })).status).toBe(200);
  const before = receiver.requests.length;
  await node.publish(account, 'a.b', 2);
  await receiver.received(before + 1);
  expect((await node.call('PATCH', path, { subscriptions: [] })).body.subscriptions).toEqual([]);
});
