/** Deleting an account: closed at once, removed in pieces, and nothing of it is left to whoever gets its id. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { openClient } from '../support/faults.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

const ID = 'again';
let url: string;
let nodes: TestNode[];
let receiver: Receiver;

beforeEach(async () => {
  url = await createDatabase();
  receiver = await Receiver.start();
  nodes = [await startTestNode({ databaseUrl: url })];
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await receiver.stop();
});

const call: TestNode['call'] = (...args) => (nodes[0] as TestNode).call(...args);
const create = () => call('POST', '/v1/accounts', { id: ID, name: 'Again', contract: 'standard' });
const remove = () => call('DELETE', `/v1/accounts/${ID}`);
const createAgain = () => eventually(create, (answer) => answer.status === 201);

async function rowsLeft(): Promise<Record<string, number>> {
  const left: Record<string, number> = {};
  for (const table of [
    'accounts',
    'events',
    'deliveries',
    'queue',
    'idempotency',
    'delivery_counts',
    'delivery_counts_new',
    'endpoints',
  ]) {
    const column = table === 'accounts' ? 'id' : 'account_id';
    const [row] = await query<{ n: number }>(url, `SELECT count(*)::int AS n FROM ${table} WHERE ${column} = $1`, [ID]);
    if (row?.n) left[table] = row.n;
  }
  return left;
}

test('what is published while it is deleted belongs to the account that is deleted, on every node', async () => {
  nodes.push(await startTestNode({ databaseUrl: url }));
  await nodes[0]?.createEndpoint(receiver.url(), {}, ID);
  let isOver = false;
  const publishers = nodes.flatMap((node) =>
    Array.from({ length: 8 }, async () => {
      const statuses: number[] = [];
      while (!isOver)
        statuses.push((await node.publish(ID, 'a.b', 1, { 'idempotency-key': `${Math.random()}` })).status);
      return statuses;
    }),
  );
  await receiver.received(50);
  expect((await remove()).status).toBe(204);
  // Begun after the answer: closed for everybody.
  for (const node of nodes) expect((await node.publish(ID, 'a.b', 2)).status).toBe(404);
  isOver = true;
  const statuses = new Set((await Promise.all(publishers)).flat());
  expect([...statuses].sort()).toEqual([202, 404]);
  await createAgain();
  for (const list of ['events', 'deliveries', 'endpoints', 'keys']) {
    expect((await call('GET', `/v1/accounts/${ID}/${list}`)).body.data).toEqual([]);
  }
  expect(await rowsLeft()).toEqual({ accounts: 1 });
});

test('its id is not given again while a statement that began before may still store something', async () => {
  await nodes[0]?.createEndpoint(receiver.url(), {}, ID);
  const old = await openClient(url);
  await old.query("SET application_name = 'posthorn of another node'");
  await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM accounts');
  expect((await remove()).status).toBe(204);
  const refused = await create();
  expect([refused.status, refused.body.code]).toEqual([409, 'account_exists']);
  expect(refused.body.detail).toMatch(/being deleted/);
  await eventually(rowsLeft, (left) => Object.keys(left).length === 1);
  expect((await create()).status).toBe(409);
  await old.query('COMMIT');
  await old.end();
  await createAgain();
});

test('a large one is closed at once, and removed in pieces', async () => {
  await nodes[0]?.createEndpoint(receiver.url(), {}, ID);
  // Their triggers run when they are deleted.
  await query(url, 'ALTER TABLE endpoints DISABLE TRIGGER changed');
  await query(
    url,
    `INSERT INTO endpoints (id, account_id, url, status, subscriptions, signature)
     SELECT gen_random_uuid(), $1, 'https://a.test/', 'active', '[]', 'standard' FROM generate_series(1, 9999)`,
    [ID],
  );
  await query(url, 'ALTER TABLE endpoints ENABLE TRIGGER changed');
  // A version 7 UUID of now: what belongs to today.
  const id = `(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0')
               || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid`;
  await query(
    url,
    `WITH made AS MATERIALIZED (SELECT ${id} AS id FROM generate_series(1, 30000)), stored AS (
       INSERT INTO events (account_id, id, trigger, by_topic, test, payload) SELECT $1, id, 'a.b', false, false, '1' FROM made
     ), waiting AS (
       INSERT INTO queue (account_id, id, endpoint_id, event_id, trigger, test, due_at)
       SELECT $1, ${id}, (SELECT id FROM endpoints LIMIT 1), id, 'a.b', false, now() + interval '1 day' FROM made
     ), counted AS (
       INSERT INTO delivery_counts (account_id, at, endpoint_id, succeeded, discarded, skipped)
       SELECT $1, now(), id, 1, 0, 0 FROM made
     ), ended AS (
       INSERT INTO deliveries (account_id, id, endpoint_id, event_id, trigger, test, status, attempts, finished_at)
       SELECT $1, id, id, id, 'a.b', false, 'succeeded', 1, now() FROM made
     )
     INSERT INTO attempts (delivery_id, number, started_at, url, request_headers, response_truncated, total_us)
     SELECT id, 1, now(), 'https://a.test/', '[]', false, 1 FROM made`,
    [ID],
  );
  expect((await remove()).status).toBe(204);
  expect((await call('GET', `/v1/accounts/${ID}`)).status).toBe(404);
  expect(await query(url, 'SELECT FROM queue')).not.toHaveLength(0);
  await eventually(rowsLeft, (left) => Object.keys(left).length === 0, 30_000);
  expect(await query(url, 'SELECT FROM attempts')).toHaveLength(0);
});

test('its audit log is not the log of the account that is made again under its id', async () => {
  await nodes[0]?.createEndpoint(receiver.url(), {}, ID);
  await remove();
  await createAgain();
  const actions = async (path: string) =>
    (await call('GET', path)).body.data.map(({ action }: { action: string }) => action);
  expect(await actions(`/v1/accounts/${ID}/audit`)).toEqual(['createAccount']);
  expect(await actions('/v1/audit')).toEqual(['createAccount', 'deleteAccount', 'createEndpoint', 'createAccount']);
});
