/** How an endpoint stands: what is said of it looks at what it answers now, and at what somebody will send. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.start();
  node = await startTestNode();
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

const refuse = (text: string) => {
  receiver.respond = ({ body }, response) =>
    void response.writeHead(body.toString().includes(text) ? 503 : 200, { 'retry-after': '900' }).end();
};
const statsOf = async (account: string) =>
  (await node.call('GET', `/v1/accounts/${account}/endpoint-stats`)).body.data[0];
const statusesOf = async (account: string) =>
  (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data.map((one: { status: string }) => one.status);
const settled = (account: string, statuses: string[]) =>
  eventually(
    () => statusesOf(account),
    (found) => found.join() === statuses.join(),
  );

test('failing is what has answered nothing else since; an old message that is still retried says nothing', async () => {
  const { account } = await node.createEndpoint(receiver.url());
  refuse('bad');
  await node.publish(account, 'a.b', 'bad one');
  await settled(account, ['failed']);
  expect(await statsOf(account)).toMatchObject({ failing: { last_status: 503 }, retrying: 1 });
  await node.publish(account, 'a.b', 'good');
  await settled(account, ['succeeded', 'failed']);
  expect(await statsOf(account)).toMatchObject({ failing: null, retrying: 1 });
  await node.publish(account, 'a.b', 'bad again');
  await settled(account, ['failed', 'succeeded', 'failed']);
  expect(await statsOf(account)).toMatchObject({ failing: { last_status: 503 }, retrying: 2 });
});

test('what is on hold is no retry, waits for nobody, and is sent when the endpoint is activated: all of it', async () => {
  const { account, endpoint } = await node.createEndpoint(receiver.url());
  const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
  refuse('');
  await node.publish(account, 'a.b', 'put off for a quarter of an hour');
  await settled(account, ['failed']);
  await node.call('POST', `${path}/deactivate`);
  await node.publish(account, 'a.b', 'skipped or held');
  await eventually(
    () => statusesOf(account),
    (found) => found.includes('held'),
  );
  const held = (await statusesOf(account)).filter((status: string) => status === 'held').length;
  const stats = (await node.call('GET', `/v1/accounts/${account}/stats`)).body;
  const sum = (kind: string) =>
    stats.volume.reduce((total: number, bucket: Record<string, number>) => total + (bucket[kind] ?? 0), 0);
  expect([sum('retrying'), sum('held'), stats.oldest_waiting_at]).toEqual([0, held, null]);
  expect(await statsOf(account)).toMatchObject({ retrying: 0, held });
  expect((await node.call('GET', `${path}/stats`)).body).toMatchObject({ waiting: held, oldest_due_at: null });
  const before = receiver.requests.length;
  refuse('nothing');
  await node.call('POST', `${path}/activate`);
  await receiver.received(before + held);
  await eventually(
    () => statusesOf(account),
    (found) => !found.includes('held') && !found.includes('failed'),
  );
});

test('an endpoint that was switched off for its failures, and is switched on again, gets what waits for it gently', async () => {
  const COUNT = 300;
  const { account, endpoint } = await node.createEndpoint(receiver.url());
  const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
  receiver.respond = (_, response) => void response.writeHead(503, { 'retry-after': '900' }).end();
  const events = Array.from({ length: COUNT }, (_, n) => ({ trigger: 'a.b', payload: { n } }));
  expect((await node.call('POST', `/v1/accounts/${account}/events/batch`, { events })).status).toBe(202);
  await eventually(
    async () => (await statsOf(account)).retrying,
    (count) => count === COUNT,
    30_000,
  );
  receiver.respond = (_, response) => void response.writeHead(410).end();
  await node.publish(account, 'a.b', 'the last straw');
  await eventually(
    async () => (await node.call('GET', path)).body.inactive_reason,
    (reason) => reason === 'gone',
  );
  receiver.respond = (_, response) => void response.writeHead(200).end();
  const before = receiver.requests.length;
  await node.call('POST', `${path}/activate`);
  await receiver.received(before + COUNT);
  const [first, ...others] = receiver.requests.slice(before).map(({ atMs }) => atMs);
  const within = (ms: number) => others.filter((atMs) => atMs - (first ?? 0) < ms).length;
  // Some ten requests in the first second, and twice as many every two.
  expect(within(1_000)).toBeLessThan(30);
  expect(within(3_000)).toBeLessThan(100);
}, 90_000);
