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
  for (const table of ['accounts', 'events', 'deliveries', 'queue', 'idempotency', 'delivery_counts', 'endpoints']) {
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
  await query(
    url,
    `INSERT INTO queue (account_id, id, endpoint_id, event_id, trigger, test, due_at)
     SELECT $1, gen_random_uuid(), (SELECT id FROM endpoints), gen_random_uuid(), 'a.b', false, now() + interval '1 day'
     FROM generate_series(1, 30000)`,
    [ID],
  );
  expect((await remove()).status).toBe(204);
  expect((await call('GET', `/v1/accounts/${ID}`)).status).toBe(404);
  expect(await query(url, 'SELECT FROM queue')).not.toHaveLength(0);
  await eventually(rowsLeft, (left) => Object.keys(left).length === 0);
});
