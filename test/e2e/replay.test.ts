/** Replays: a plan that sends nothing, progress at a rate, a stop; over several nodes each delivery once. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { leapWithRetention, VirtualClock } from '../support/virtual-clock.ts';

const nodes: TestNode[] = [];
let receiver: Receiver;
let account: string;
let endpoint: string;
const COUNT = 250;

beforeEach(async () => {
  receiver = await Receiver.start();
  const databaseUrl = await createDatabase();
  nodes.push(...(await Promise.all([1, 2].map(() => startTestNode({ databaseUrl })))));
  ({ account, endpoint } = await first().createEndpoint(receiver.url()));
  const events = Array.from({ length: COUNT }, (_, i) => ({ id: `e${i}`, trigger: 'a.b', payload: i }));
  await first().call('POST', `/v1/accounts/${account}/events/batch`, { events });
  await receiver.received(COUNT);
  await eventually(
    async () => (await first().call('GET', `/v1/accounts/${account}/endpoints/${endpoint}/stats`)).body.succeeded,
    (succeeded) => succeeded === COUNT,
  );
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await receiver.stop();
});

function first(): TestNode {
  const [node] = nodes;
  if (!node) throw new Error('no node');
  return node;
}
const range = (more: object = {}) => ({
  from: new Date(Date.now() - 3_600_000).toISOString(),
  to: new Date(Date.now() + 1_000).toISOString(),
  ...more,
});
const replay = (body: object) => first().call('POST', `/v1/accounts/${account}/replay`, body);
const shown = (id: string) => first().call('GET', `/v1/accounts/${account}/replays/${id}`);

test('a plan says how many, how fast and for how long, and sends nothing', async () => {
  const plan = await replay(range({ dry_run: true }));
  expect(plan).toMatchObject({
    status: 200,
    body: { id: null, count: COUNT, rate_per_s: 100, seconds: 3, status: 'planned' },
  });
  expect((await replay(range({ dry_run: true, status: 'discarded' }))).body.count).toBe(0);
  expect((await replay(range({ dry_run: true, trigger: 'b.c' }))).body.count).toBe(0);
  expect((await replay(range({ dry_run: true, endpoint }))).body.count).toBe(COUNT);
  const backwards = await replay({ from: range().to, to: range().from });
  expect(backwards).toMatchObject({ status: 400, body: { errors: [{ pointer: '#/to' }] } });
  expect(receiver.requests).toHaveLength(COUNT);
});

test('what an endpoint missed while it was inactive is sent when somebody asks for that, and nothing else', async () => {
  const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
  await first().call('POST', `${path}/deactivate`);
  for (let i = 0; i < 3; i++) await first().publish(account, 'a.b', { missed: i });
  await first().call('POST', `${path}/activate`);
  // Without `to`: until now.
  const started = await replay({ from: range().from, endpoint, status: 'skipped' });
  expect(started.body.count).toBe(3);
  await receiver.received(COUNT + 3);
  const missed = receiver.requests.slice(COUNT).map(({ body }) => JSON.parse(body.toString()).data.missed);
  expect(missed.sort()).toEqual([0, 1, 2]);
});

test('each delivery is sent once more, with the same id, although two nodes work on it', async () => {
  const started = await replay(range());
  expect(started).toMatchObject({ status: 202, body: { status: 'running', count: COUNT } });
  await receiver.received(2 * COUNT);
  const done = await eventually(
    () => shown(started.body.id),
    (answer) => answer.body.status === 'finished',
  );
  expect(done.body.done).toBe(COUNT);
  const ids = (requests: typeof receiver.requests) => requests.map((request) => request.headers['webhook-id']).sort();
  expect(ids(receiver.requests.slice(COUNT))).toEqual(ids(receiver.requests.slice(0, COUNT)));
});

test('a replay ends with its beginning: what happens meanwhile is sent once, by itself', async () => {
  const { body } = await replay(range({ to: '2099-01-01T00:00:00Z' }));
  expect(Date.parse(body.to)).toBeLessThanOrEqual(Date.now());
  await first().call('POST', `/v1/accounts/${account}/events`, { id: 'new', trigger: 'a.b', payload: 'new' });
  await receiver.received(2 * COUNT + 1);
  await eventually(
    () => shown(body.id),
    (answer) => answer.body.status === 'finished',
  );
  expect(receiver.requests.filter((request) => request.body.toString().includes('"new"'))).toHaveLength(1);
});

test('a filter that takes nothing ends, and holds up nobody', async () => {
  const empty = await replay(range({ trigger: 'b.c' }));
  const full = await replay(range());
  for (const { body } of [empty, full]) {
    const done = await eventually(
      () => shown(body.id),
      (answer) => answer.body.status === 'finished',
    );
    expect(done.body.done).toBe(body.count);
  }
});

test('attack: an account cannot crowd out the others with replays', async () => {
  const started = await Promise.all(Array.from({ length: 8 }, () => replay(range())));
  expect(started.map((answer) => answer.status).sort()).toEqual([202, 202, 202, 202, 202, 409, 409, 409]);
  const plan = await replay(range({ dry_run: true }));
  expect(plan.status).toBe(200);
});

test('the audit log is kept for a year, and is not endless', async () => {
  const clock = new VirtualClock();
  const node = await startTestNode({ clock, hasMovableClock: true });
  nodes.push(node);
  await node.call('POST', '/v1/accounts', { id: 'old', name: 'Old', contract: 'standard' });
  const actions = async () =>
    (await node.call('GET', '/v1/accounts/old/audit')).body.data.map((e: { action: string }) => e.action);
  expect(await actions()).toEqual(['createAccount']);
  await leapWithRetention(node, clock, 360 * 86_400_000);
  expect(await actions()).toEqual(['createAccount']);
  await leapWithRetention(node, clock, 20 * 86_400_000);
  expect(await actions()).toEqual([]);
  clock.stop();
});

test('it can be stopped; what is in the queue already is sent', async () => {
  const started = await replay(range());
  await receiver.received(COUNT + 1);
  const stopped = await first().call('POST', `/v1/accounts/${account}/replays/${started.body.id}/cancel`);
  expect(stopped.body.status).toBe('cancelled');
  const { done } = (await shown(started.body.id)).body;
  expect(done).toBeLessThan(COUNT);
  await receiver.received(COUNT + done);
  const list = await first().call('GET', `/v1/accounts/${account}/replays`);
  expect(list.body.data.map((r: { id: string }) => r.id)).toEqual([started.body.id]);
});
