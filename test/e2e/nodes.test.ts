/** Several nodes on one database, a node that dies, a database that goes away. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../packages/server/src/domain/clock.ts';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

let receiver: Receiver;
const nodes: TestNode[] = [];

async function start(databaseUrl: string, more: { clock?: Clock } = {}): Promise<TestNode> {
  const node = await startTestNode({ databaseUrl, random: () => 0, ...more });
  nodes.push(node);
  return node;
}

beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await receiver.stop();
});

describe('two nodes', () => {
  test('start at the same moment on an empty database', async () => {
    const url = await createDatabase();
    const started = await Promise.all([start(url), start(url), start(url)]);
    for (const node of started) expect((await node.call('GET', '/readyz')).status).toBe(200);
  });

  test('share the work, and each event is delivered once', async () => {
    const url = await createDatabase();
    const [a, b] = await Promise.all([start(url), start(url)]);
    const { account } = await a.createEndpoint(receiver.url());
    const published = await Promise.all(
      Array.from({ length: 200 }, (_, i) => (i % 2 ? a : b).publish(account, 'a', i)),
    );
    await receiver.received(200);
    const [row] = await eventually(
      () => query<{ n: number }>(url, 'SELECT count(*)::int AS n FROM queue'),
      ([r]) => r?.n === 0,
    );
    expect(row?.n).toBe(0);
    expect(receiver.requests.map((r) => r.headers['webhook-id']).sort()).toEqual(
      published.map((p) => p.body.id).sort(),
    );
  });

  test('an endpoint made on one is known to the other at once', async () => {
    const url = await createDatabase();
    const [a, b] = await Promise.all([start(url), start(url)]);
    const { account } = await a.createEndpoint(receiver.url());
    expect((await b.publish(account, 'a', 1)).body.deliveries).toBe(1);
    for (let i = 2; i <= 6; i++) {
      const [here, there] = i % 2 ? [a, b] : [b, a];
      await here.call('POST', `/v1/accounts/${account}/endpoints`, {
        url: receiver.url(),
        subscriptions: [{ trigger: '*' }],
      });
      expect((await there.publish(account, 'a', i)).body.deliveries).toBe(i);
    }
  });

  test('the same idempotency key at both makes one event', async () => {
    const url = await createDatabase();
    const [a, b] = await Promise.all([start(url), start(url)]);
    const { account } = await a.createEndpoint(receiver.url());
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? a : b).publish(account, 'a', { n: 1 }, { 'idempotency-key': 'same' }),
      ),
    );
    expect(new Set(answers.map((x) => x.text)).size).toBe(1);
    expect(answers.every((x) => x.status === 202)).toBe(true);
    await receiver.received(1);
    expect((await a.call('GET', `/v1/accounts/${account}/events`)).body.data).toHaveLength(1);
  });

  test('a retry that one node planned is made by the other when the first stops', async () => {
    const url = await createDatabase();
    const a = await start(url);
    receiver.respond = (_, response, i) => void response.writeHead(i === 0 ? 503 : 200, { 'retry-after': '2' }).end();
    const { account } = await a.createEndpoint(receiver.url());
    await a.publish(account, 'a', 1);
    await eventually(
      () => a.call('GET', `/v1/accounts/${account}/deliveries?status=failed`),
      (answer) => answer.body.data.length === 1,
    );
    const b = await start(url);
    await a.stop();
    await receiver.received(2);
    await eventually(
      () => b.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`),
      (answer) => answer.body.data.length === 1,
    );
  });

  test('activating on one sends what the other held', async () => {
    const url = await createDatabase();
    const [a, b] = await Promise.all([start(url), start(url)]);
    receiver.respond = (_, response, i) => void response.writeHead(i === 0 ? 503 : 200, { 'retry-after': '1' }).end();
    const { account, endpoint } = await a.createEndpoint(receiver.url());
    await a.publish(account, 'a', 1);
    await receiver.received(1);
    await a.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/deactivate`);
    await eventually(
      () => b.call('GET', `/v1/accounts/${account}/deliveries?status=held`),
      (answer) => answer.body.data.length === 1,
    );
    await b.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/activate`);
    await receiver.received(2);
  });
});

describe('a node that dies', () => {
  test('has its lanes taken over, and its late outcome does not count', async () => {
    const url = await createDatabase();
    const a = await start(url);
    const answers: (() => void)[] = [];
    receiver.respond = (_, response, i) => {
      const answer = () => void response.writeHead(200).end();
      if (i === 0) answers.push(answer);
      else answer();
    };
    const { account } = await a.createEndpoint(receiver.url());
    await a.publish(account, 'a', 1);
    await receiver.received(1);
    const b = await start(url);
    // What others see of a node that has been silent for too long.
    await query(url, 'UPDATE nodes SET dead_at = now() WHERE id = (SELECT min(id) FROM nodes)');
    await receiver.received(2);
    const done = await eventually(
      () => b.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`),
      (answer) => answer.body.data.length === 1,
    );
    for (const answer of answers) answer();
    await eventually(
      () => a.call('GET', '/metrics'),
      (answer) => /posthorn_outcomes_fenced_total 1/.test(answer.text),
    );
    const shown = await b.call('GET', `/v1/accounts/${account}/deliveries/${done.body.data[0].id}`);
    expect(shown.body).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    expect(shown.body.attempts).toHaveLength(1);
  });

  test('is found by its heartbeat within 30 seconds', async () => {
    const url = await createDatabase();
    const a = await start(url);
    const { account } = await a.createEndpoint(receiver.url());
    receiver.respond = (_, response, i) =>
      void response.writeHead(i === 0 ? 503 : 200, { 'retry-after': '3600' }).end();
    await a.publish(account, 'a', 1);
    await receiver.received(1);
    await eventually(
      () => a.call('GET', `/v1/accounts/${account}/deliveries?status=failed`),
      (answer) => answer.body.data.length === 1,
    );
    // A dead node that owns the lane, as kill -9 leaves it, with a delivery that is due.
    await query(
      url,
      `WITH gone AS (
         INSERT INTO nodes (host, pid, engine, heartbeat_at) VALUES ('gone', 1, 2, now() - interval '14 seconds') RETURNING id)
       UPDATE lanes SET epoch = nextval('lane_epochs'), node = gone.id FROM gone`,
    );
    await query(url, 'UPDATE queue SET due_at = now()');
    const before = Date.now();
    await receiver.received(2);
    expect(Date.now() - before).toBeLessThan(30_000);
  });

  test('that was declared dead goes on under a new id', async () => {
    const url = await createDatabase();
    const a = await start(url);
    const { account } = await a.createEndpoint(receiver.url());
    await query(url, 'DELETE FROM nodes');
    await eventually(
      () => query<{ n: number }>(url, 'SELECT count(*)::int AS n FROM nodes'),
      ([row]) => row?.n === 1,
    );
    await a.publish(account, 'a', 1);
    await receiver.received(1);
    await eventually(
      () => a.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`),
      (answer) => answer.body.data.length === 1,
    );
  });
});

describe('stopping', () => {
  test('lets requests in flight end, hands the rest back, and owns nothing any more', async () => {
    const url = await createDatabase();
    const a = await start(url);
    const open: (() => void)[] = [];
    receiver.respond = (_, response) => void open.push(() => response.writeHead(200).end());
    const { account } = await a.createEndpoint(receiver.url());
    await Promise.all(Array.from({ length: 30 }, (_, i) => a.publish(account, 'a', i)));
    await receiver.received(10);
    const stopping = a.stop();
    setImmediate(() => {
      for (const answer of open.splice(0)) answer();
    });
    await stopping;
    expect(await query(url, 'SELECT 1 FROM lanes WHERE node IS NOT NULL')).toHaveLength(0);
    expect(await query(url, 'SELECT 1 FROM queue')).toHaveLength(20);
    expect(await query(url, "SELECT 1 FROM deliveries WHERE status = 'succeeded'")).toHaveLength(10);
    expect(await query(url, 'SELECT 1 FROM nodes WHERE dead_at IS NULL')).toHaveLength(0);
    receiver.respond = (_, response) => void response.writeHead(200).end();
    await start(url);
    await receiver.received(30);
  });
});

describe('lost database connections', () => {
  /** Cuts every connection of the server and lets no new one in, until it is undone. */
  async function lockOut(url: string): Promise<() => Promise<void>> {
    const name = new URL(url).pathname.slice(1);
    const admin = new pg.Client({ connectionString: url.replace(`/${name}`, '/postgres') });
    await admin.connect();
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    return async () => {
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      await admin.end();
    };
  }

  test('pause accepting with 503 and Retry-After, and everything resumes by itself', async () => {
    const url = await createDatabase();
    const a = await start(url);
    const open: (() => void)[] = [];
    receiver.respond = (_, response) => void open.push(() => response.writeHead(200).end());
    const { account } = await a.createEndpoint(receiver.url());
    await a.publish(account, 'before', 1);
    await receiver.received(1);

    const letIn = await lockOut(url);
    const refused = await eventually(
      () => a.publish(account, 'during', 2),
      (answer) => answer.status === 503,
    );
    expect(refused.headers.get('retry-after')).toBe('2');
    expect(refused.body.code).toBe('database_unavailable');
    expect((await a.call('GET', '/readyz')).status).toBe(503);
    expect((await a.call('GET', '/healthz')).status).toBe(200);
    // The answer to the request in flight comes while there is nowhere to store it.
    for (const answer of open.splice(0)) answer();
    receiver.respond = (_, response) => void response.writeHead(200).end();

    await letIn();
    await eventually(
      () => a.publish(account, 'after', 3),
      (answer) => answer.status === 202,
    );
    await eventually(
      () => a.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded&trigger=before`),
      (answer) => answer.body?.data?.length === 1,
    );
    await eventually(
      () => query(url, 'SELECT 1 FROM queue'),
      (rows) => rows.length === 0,
    );
    expect(receiver.requests.filter((r) => r.body.includes('before'))).toHaveLength(1);
  });

  test('an answer that was lost after its commit leaves nothing stuck', async () => {
    const url = await createDatabase();
    const a = await start(url);
    const { account } = await a.createEndpoint(receiver.url());
    await a.publish(account, 'y', 1);
    await receiver.received(1);
    // A lane stands there as this node's, although the node does not know of it, and with it a delivery.
    await eventually(
      () => query(url, 'SELECT FROM deliveries'),
      (rows) => rows.length === 1,
    );
    await query(
      url,
      `WITH moved AS (DELETE FROM deliveries RETURNING *)
       INSERT INTO queue (account_id, id, endpoint_id, event_id, trigger, test, due_at)
       SELECT account_id, id, endpoint_id, event_id, trigger, test, now() FROM moved`,
    );
    await query(url, 'DELETE FROM attempts');
    await query(url, "UPDATE lanes SET epoch = nextval('lane_epochs')");
    const letIn = await lockOut(url);
    await eventually(
      () => a.call('GET', '/v1/accounts'),
      (answer) => answer.status === 503,
    );
    await letIn();
    await receiver.received(2);
  });
});
