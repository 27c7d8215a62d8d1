/** Many endpoints, large queues, slow neighbours: nothing stalls, nothing starves. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;
let count: number;

beforeEach(async () => {
  node = await startTestNode({ databaseUrl: await createDatabase() });
  receiver = await Receiver.start();
  count = 0;
  receiver.respond = (request, response) => {
    receiver.requests.length = 0;
    if (request.path === '/hang') return;
    count++;
    response.writeHead(200).end();
  };
});
afterEach(async () => {
  await receiver.stop();
  await node.stop();
});

const batchOf = (size: number, payload: unknown) => ({ events: Array(size).fill({ trigger: 'a', payload }) });

describe('under load', () => {
  test('20,000 deliveries to 100 endpoints all arrive, without another event to wake anything', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    const endpoint = { url: receiver.url(), subscriptions: [{ trigger: '*' }] };
    for (let i = 1; i < 100; i++) await node.call('POST', `/v1/accounts/${account}/endpoints`, endpoint);
    const { body } = await node.call('POST', `/v1/accounts/${account}/events/batch`, batchOf(200, 1));
    expect(body.data[0].deliveries).toBe(100);
    await eventually(
      async () => count,
      (n) => n === 20_000,
      50_000,
    );
    await eventually(
      () => query(node.databaseUrl, 'SELECT FROM queue LIMIT 1'),
      (rows) => rows.length === 0,
    );
    expect(count).toBe(20_000);
  });

  test('an endpoint that hangs with large payloads does not keep others from theirs', async () => {
    const slow = await node.createEndpoint(receiver.url('/hang'));
    const healthy = await node.createEndpoint(receiver.url('/ok'), { status: 'inactive' });
    await node.call('POST', `/v1/accounts/${slow.account}/events/batch`, batchOf(100, 'x'.repeat(100_000)));
    await node.call('POST', `/v1/accounts/${healthy.account}/endpoints/${healthy.endpoint}/activate`);
    for (let i = 0; i < 3; i++)
      await node.call('POST', `/v1/accounts/${healthy.account}/events/batch`, batchOf(1000, 1));
    await eventually(
      async () => count,
      (n) => n === 3_000,
      20_000,
    );
  });

  test('retries by hand and tests take no more memory than there is for payloads', async () => {
    const { account } = await node.createEndpoint(receiver.url('/hang'), { status: 'inactive' });
    const payload = 'x'.repeat(838_000);
    for (let i = 0; i < 84; i++) await node.call('POST', `/v1/accounts/${account}/events`, { trigger: 'a', payload });
    const path = `/v1/accounts/${account}`;
    const { body } = await node.call('GET', `${path}/deliveries?limit=100`);
    const answers = await Promise.all(
      body.data.map(({ id }: { id: string }) => node.call('POST', `${path}/deliveries/${id}/retry`)),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    const bytes = async () =>
      Number(/^posthorn_held_bytes (\d+)$/m.exec((await node.call('GET', '/metrics')).text)?.[1]);
    // Endpoints that do not answer well have half of 64 MiB together; the rest waits in the database.
    await eventually(bytes, (n) => n > 16 * 1024 * 1024);
    expect(await bytes()).toBeLessThanOrEqual(32 * 1024 * 1024);
  });

  test('a database that refuses outcomes for a while leaves no delivery behind', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    await query(
      node.databaseUrl,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION refuse()`,
    );
    await node.call('POST', `/v1/accounts/${account}/events/batch`, batchOf(50, 1));
    // The rest waits: while outcomes cannot be stored, nothing is sent.
    await eventually(
      async () => count,
      (n) => n >= 1,
    );
    await query(node.databaseUrl, 'DROP TRIGGER refuse ON attempts');
    await eventually(
      () => query(node.databaseUrl, 'SELECT FROM deliveries'),
      (rows) => rows.length === 50,
      45_000,
    );
    expect(count).toBeGreaterThanOrEqual(50);
  });

  test('a batch is settled as fast beside 50,000 waiting deliveries as on an empty queue', async () => {
    const { account, endpoint } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    await eventually(
      async () => count,
      (n) => n === 1,
    );
    await query(node.databaseUrl, 'ANALYZE queue');
    await query(
      node.databaseUrl,
      `INSERT INTO queue (account_id, id, endpoint_id, event_id, trigger, test, due_at)
       SELECT 'other', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'a', false, now() + interval '1 day' FROM generate_series(1, 50000)`,
    );
    const before = await query<{ reads: string }>(
      node.databaseUrl,
      "SELECT idx_tup_read::text AS reads FROM pg_stat_user_indexes WHERE indexrelname = 'queue_pkey'",
    );
    await node.call('POST', `/v1/accounts/${account}/events/batch`, batchOf(500, 1));
    await eventually(
      () => query(node.databaseUrl, 'SELECT FROM queue WHERE account_id = $1', [account]),
      (rows) => rows.length === 0,
    );
    await query(node.databaseUrl, 'SELECT pg_stat_force_next_flush()');
    const after = await query<{ reads: string }>(
      node.databaseUrl,
      "SELECT idx_tup_read::text AS reads FROM pg_stat_user_indexes WHERE indexrelname = 'queue_pkey'",
    );
    expect(Number(after[0]?.reads) - Number(before[0]?.reads)).toBeLessThan(50_000);
    expect(endpoint).toBeDefined();
  });
});
