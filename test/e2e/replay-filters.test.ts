/** A replay covers exactly what the list shows with the same filter. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;
let account: string;
let endpoint: string;
let other: string;

const list = async (query: string) =>
  (await node.call('GET', `/v1/accounts/${account}/deliveries?limit=200&${query}`)).body.data as {
    id: string;
    event_id: string;
    status: string;
    test: boolean;
  }[];
const plan = async (body: object) =>
  (await node.call('POST', `/v1/accounts/${account}/replay`, { dry_run: true, ...body })).body;

beforeAll(async () => {
  receiver = await Receiver.start();
  node = await startTestNode();
  ({ account, endpoint } = await node.createEndpoint(receiver.url('/one')));
  const made = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
    url: receiver.url('/two'),
    subscriptions: [{ trigger: 'b.c' }],
    status: 'active',
  });
  other = made.body.id;
  receiver.respond = ({ body }, response) => {
    const text = body.toString();
    const status = text.includes('deny') ? 401 : text.includes('wait') ? 503 : 200;
    response.writeHead(status, { 'retry-after': '600' }).end();
  };
  const payloads = ['deny 1', 'deny 2', 'fine 1', 'fine 2', 'wait 1'];
  for (const [i, payload] of payloads.entries()) {
    await node.call('POST', `/v1/accounts/${account}/events`, { id: `e${i}`, trigger: i % 2 ? 'b.c' : 'a.b', payload });
  }
  await node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/test`);
  await eventually(
    () => list(''),
    (rows) => rows.length === 8 && rows.every((row) => !['pending', 'delivering'].includes(row.status)),
  );
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

test('ids beside a filter that names nothing are none', async () => {
  const ids = (await list('status=succeeded')).map((one) => one.id);
  expect(await plan({ event: 'nothing', deliveries: ids })).toMatchObject({ count: 0, matched: 0 });
  expect(await plan({ event: 'nothing', status: 'discarded', deliveries: ids })).toMatchObject({ count: 0 });
});

describe('a replay covers what the list shows', () => {
  test.each([
    ['status=succeeded', { status: 'succeeded' }],
    ['last_status=401', { last_status: 401 }],
    ['status=failed', { status: 'failed' }],
    ['trigger=b.c', { trigger: 'b.c' }],
    ['event=e1', { event: 'e1' }],
    ['event=nothing', { event: 'nothing' }],
    ['q=deny', { q: 'deny' }],
    ['q=e1', { q: 'e1' }],
    ['q=deny&status=succeeded', { q: 'deny', status: 'succeeded' }],
    ['q=fine&trigger=a.b', { q: 'fine', trigger: 'a.b' }],
    ['from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z', { from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' }],
    ['last_error=timeout', { last_error: 'timeout' }],
  ])('%s', async (query, body) => {
    const all = await list(query);
    const none = await list(`${query}&test=false`);
    const only = await list(`${query}&test=true`);
    expect((await plan({ ...body, test: null })).matched).toBe(all.length);
    expect((await plan(body)).matched).toBe(none.length);
    expect((await plan({ ...body, test: false })).matched).toBe(none.length);
    expect((await plan({ ...body, test: true })).matched).toBe(only.length);
    expect(all.length).toBe(none.length + only.length);
  });

  test('endpoint, and ids that are named one by one', async () => {
    expect((await plan({ endpoint: other })).matched).toBe((await list(`endpoint=${other}`)).length);
    const ids = (await list('')).slice(1, 4).map((row) => row.id);
    expect(await plan({ deliveries: ids })).toMatchObject({ matched: 3, count: 3 });
    expect(await plan({ deliveries: ids, q: ids[0] })).toMatchObject({ matched: 1 });
    expect(await plan({ deliveries: ['dlv_nothing'] })).toMatchObject({ matched: 0, count: 0 });
  });

  test('what is sent is what the list showed, retries that wait included, and nothing else', async () => {
    receiver.respond = (_, response) => void response.writeHead(200).end();
    const shown = [...(await list('status=failed')), ...(await list('q=fine&trigger=a.b'))];
    expect(new Set(shown.map((row) => row.status))).toEqual(new Set(['failed', 'succeeded']));
    const before = receiver.requests.length;
    const named = await node.call('POST', `/v1/accounts/${account}/replay`, { deliveries: shown.map((row) => row.id) });
    expect(named).toMatchObject({ status: 202, body: { count: shown.length } });
    await receiver.received(before + shown.length);
    const done = await eventually(
      () => node.call('GET', `/v1/accounts/${account}/replays/${named.body.id}`),
      (answer) => answer.body.status === 'finished',
    );
    expect(done.body.done).toBe(shown.length);
    await eventually(
      () => list('test=false'),
      (rows) => rows.every((row) => row.status === 'succeeded'),
    );
    // e1 went to both endpoints.
    const sent = receiver.requests.slice(before).map((request) => request.headers['webhook-id']);
    expect(sent.sort()).toEqual(['e0', 'e1', 'e1', 'e2', 'e4']);
  });

  test('the plan tells of what waits for an inactive endpoint', async () => {
    await node.call('POST', `/v1/accounts/${account}/endpoints/${other}/deactivate`);
    const mine = await list(`endpoint=${other}`);
    expect(await plan({ endpoint: other })).toMatchObject({ count: mine.length, held: mine.length });
  });
});
