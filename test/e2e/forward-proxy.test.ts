/** Everything goes out through a forward proxy, where one is configured. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startConnectProxy, startSocksProxy, type TestProxy } from '../support/forward-proxy.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
});
afterAll(async () => {
  await receiver.stop();
});

const startBehind = (url: string, more: Record<string, string> = {}) =>
  startTestNode({ environment: { POSTHORN_PROXY_URL: url, ...more } });

async function deliver(node: TestNode, url: string) {
  const { account } = await node.createEndpoint(url);
  const { body } = await node.publish(account, 'a.b', {});
  const deliveries = await eventually(
    async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?event=${body.id}`)).body.data,
    (list) => list.length === 1 && list[0].attempt_count > 0,
  );
  return (await node.call('GET', `/v1/accounts/${account}/deliveries/${deliveries[0].id}`)).body;
}

test.each<[string, (credentials: string) => Promise<TestProxy>, string]>([
  ['CONNECT', startConnectProxy, 'http'],
  ['SOCKS 5', startSocksProxy, 'socks5'],
])(
  '%s, with a password: each connection goes through it, to the address that was checked',
  async (_, start, protocol) => {
    const proxy = await start('us er:pass:word');
    const node = await startBehind(`${protocol}://us%20er:pass%3Aword@127.0.0.1:${proxy.port}`);
    const delivery = await deliver(node, receiver.url('/hook'));
    expect(delivery.status).toBe('succeeded');
    expect(proxy.asked).toEqual([`127.0.0.1:${receiver.port}`]);
    // The guard stands before the proxy.
    const refused = await node.call('POST', '/v1/accounts', { id: 'other', name: 'Other', contract: 'standard' });
    expect(refused.status).toBe(201);
    const inside = await node.call('POST', '/v1/accounts/other/endpoints', {
      url: 'http://10.0.0.1/',
      subscriptions: [],
    });
    expect(inside.body.code).toBe('blocked_address');
    await node.stop();
    await proxy.stop();
  },
);

test('a proxy that resolves is given the name', async () => {
  const proxy = await startConnectProxy();
  const node = await startBehind(`http://127.0.0.1:${proxy.port}`, { POSTHORN_PROXY_RESOLVES: 'on' });
  const delivery = await deliver(node, `http://receiver.invalid:${receiver.port}/hook`);
  expect(delivery.status).toBe('succeeded');
  expect(proxy.asked).toContain(`receiver.invalid:${receiver.port}`);
  await node.stop();
  await proxy.stop();
});

test('what the proxy cannot reach is a failure of the receiver, and is told so', async () => {
  const proxy = await startConnectProxy();
  const node = await startBehind(`http://127.0.0.1:${proxy.port}`);
  const delivery = await deliver(node, 'http://127.0.0.1:1/hook');
  expect(delivery.attempts[0]).toMatchObject({
    error: 'unreachable',
    error_detail: 'The proxy gets no connection to 127.0.0.1:1: it answers 502',
  });
  await node.stop();
  await proxy.stop();
});

test.each([
  ['that is away', 'http://127.0.0.1:1', 'cannot be used: ECONNREFUSED'],
  ['of SOCKS that is away', 'socks5://127.0.0.1:1', 'cannot be used'],
  ['that is a web server', '', 'cannot be used: '],
  ['that refuses the password', 'refused', 'does not take the credentials'],
])('a proxy %s is no fault of the receiver', async (_, where, reason) => {
  const proxy = await startConnectProxy('name:right');
  const url =
    where === '' ? receiver.url('') : where === 'refused' ? `http://name:wrong@127.0.0.1:${proxy.port}` : where;
  receiver.respond = (__, response) => void response.writeHead(404).end();
  const node = await startBehind(url);
  const delivery = await deliver(node, receiver.url('/hook'));
  expect(delivery.attempts[0].error).toBe('interrupted');
  expect(delivery.attempts[0].error_detail).toContain(reason);
  expect(delivery.attempts[0].error_detail).not.toContain('wrong');
  expect(delivery).toMatchObject({ status: 'failed', reason: null });
  receiver.respond = (__, response) => void response.writeHead(200).end();
  await node.stop();
  await proxy.stop();
});

test('a test is tried once, also when the proxy is away', async () => {
  const node = await startBehind('http://127.0.0.1:1');
  const { account, endpoint } = await node.createEndpoint(receiver.url('/hook'));
  const { body } = await node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/test`);
  expect(body).toMatchObject({ succeeded: false, attempt: { error: 'interrupted' } });
  const delivery = await eventually(
    () => node.call('GET', `/v1/accounts/${account}/deliveries/${body.delivery_id}`),
    (answer) => answer.body.attempt_count > 0,
  );
  expect(delivery.body).toMatchObject({ status: 'discarded', reason: 'test', next_attempt_at: null });
  await node.stop();
});
