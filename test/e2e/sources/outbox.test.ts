/** Sources in general, and the outbox table of an application: messages become events, exactly one each, or dead letters. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectOutbox, describeOutbox } from '../../../packages/server/src/sources/outbox.ts';
import { createDatabase, query } from '../../support/database.ts';
import { cutConnections, relayTo } from '../../support/faults.ts';
import { eventually, startTestNode, type TestNode } from '../../support/node.ts';
import { startServer } from '../../support/process.ts';
import { Receiver } from '../../support/receiver.ts';
import {
  deadLettersOf,
  eventsOf,
  isReadToTheEnd,
  payloadsOf,
  sourcesFile,
  startNodeWith,
  waitingAt,
} from '../../support/sources.ts';

let app: string;
let databaseUrl: string;
let node: TestNode;
let source: object;

beforeAll(async () => {
  app = await createDatabase();
  databaseUrl = await createDatabase();
  await query(
    app,
    'CREATE TABLE outbox (id bigserial PRIMARY KEY, account text, trigger text, payload jsonb, made_at timestamptz DEFAULT now())',
  );
  source = { name: 'shop', type: 'postgresql', url: app, table: 'public.outbox', channel: 'outbox' };
  node = await startNodeWith([source], { databaseUrl });
});
afterAll(async () => {
  await node.stop();
});

let accounts = 0;
async function createAccount(): Promise<string> {
  const id = `shop-${++accounts}`;
  await node.call('POST', '/v1/accounts', { id, name: id, contract: 'standard' });
  return id;
}

const put = (account: string, payloads: unknown[], trigger = 'order.created') =>
  query(
    app,
    `INSERT INTO outbox (account, trigger, payload) SELECT $1, $2, p FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY AS e(p, i) ORDER BY i`,
    [account, trigger, JSON.stringify(payloads)],
  );
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => ({ n: from + i }));
const outbox = () => query(app, 'SELECT id FROM outbox');

describe('an outbox table', () => {
  test('its rows are published in their order, delivered, and gone', async () => {
    const account = await createAccount();
    const receiver = await Receiver.start();
    const url = receiver.url('/hook');
    await node.call('POST', `/v1/accounts/${account}/endpoints`, { url, subscriptions: [{ trigger: '*' }] });
    await put(account, numbered(1_500));
    expect(await eventsOf(databaseUrl, account, 1_500)).toEqual(numbered(1_500));
    await receiver.received(1_500);
    await eventually(outbox, (rows) => rows.length === 0);
    await receiver.stop();
  });

  test('says how many of its rows wait', async () => {
    await query(app, 'CREATE TABLE waiting (LIKE outbox INCLUDING ALL)');
    await query(app, `INSERT INTO waiting (payload) SELECT '1' FROM generate_series(1, 3)`);
    expect(await waitingAt({ ...source, name: 'waiting', table: 'waiting' })).toBe(3);
    await isReadToTheEnd(node, 'shop');
  });

  test('the table of the documentation needs no mapping', async () => {
    const account = await createAccount();
    const page = readFileSync(new URL('../../../docs/sources.md', import.meta.url), 'utf8');
    const [, sql = ''] = /```sql\n([\s\S]*?)```/.exec(page) ?? [];
    await query(app, sql.replace('TABLE outbox', 'TABLE documented'));
    const documented = { ...source, name: 'documented', table: 'documented' };
    const other = await startNodeWith([documented], { databaseUrl });
    await query(app, `INSERT INTO documented (account, trigger, payload) VALUES ($1, 'order.created', '{"n":5.0}')`, [
      account,
    ]);
    await eventsOf(databaseUrl, account, 1);
    const { body } = await node.call('GET', `/v1/accounts/${account}/events`);
    expect((await node.call('GET', `/v1/accounts/${account}/events/${body.data[0].id}`)).text).toContain('{"n":5.0}');
    await other.stop();
  });

  test('a commit is picked up at once where it notifies', async () => {
    const account = await createAccount();
    await put(account, [{ n: 1 }]);
    await query(app, "SELECT pg_notify('outbox', '')");
    expect(await eventsOf(databaseUrl, account, 1)).toEqual([{ n: 1 }]);
  });

  test('a row that is not committed is not published, and one that was begun before others is not forgotten', async () => {
    const account = await createAccount();
    const slow = query(
      app,
      `WITH row AS (INSERT INTO outbox (account, trigger, payload) VALUES ($1, 'order.created', '{"n":0}') RETURNING 1)
       SELECT pg_sleep(1) FROM row`,
      [account],
    );
    await eventually(
      () =>
        query(app, "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1) FROM row' AND wait_event = 'PgSleep'"),
      (rows) => rows.length > 0,
    );
    await put(account, [{ n: 1 }]);
    await query(app, "SELECT pg_notify('outbox', '')");
    await eventsOf(databaseUrl, account, 1);
    await slow;
    expect(await eventsOf(databaseUrl, account, 2)).toEqual([{ n: 1 }, { n: 0 }]);
  });

  test('rows can be kept, and marked', async () => {
    const account = await createAccount();
    await query(
      app,
      'CREATE TABLE kept (key uuid PRIMARY KEY, tenant text, kind text, body json, done_at timestamptz)',
    );
    const kept = await startNodeWith(
      [
        {
          name: 'kept',
          type: 'postgresql',
          url: app,
          table: 'kept',
          id_column: 'key',
          payload_column: 'body',
          done_column: 'done_at',
          event: { account: { header: 'tenant' }, trigger: { header: 'kind' }, id: { header: 'key' } },
        },
      ],
      { databaseUrl },
    );
    const key = '018f5b4e-0000-7000-8000-000000000001';
    await query(app, `INSERT INTO kept VALUES ($1, $2, 'order.created', '{"n": 5.0}', NULL)`, [key, account]);
    await eventsOf(databaseUrl, account, 1);
    await eventually(
      () => query<{ done_at: Date | null }>(app, 'SELECT done_at FROM kept'),
      ([row]) => row?.done_at !== null,
    );
    const event = await node.call('GET', `/v1/accounts/${account}/events/${key}`);
    expect(event.text).toContain('"payload":{"n":5.0}');
    await kept.stop();
  });

  test('a payload that is no JSON for the database is a dead letter, and holds up nothing; bytes are one as they are', async () => {
    const account = await createAccount();
    await query(app, 'CREATE TABLE raw (id bigserial PRIMARY KEY, account text, trigger text, payload json)');
    await query(app, 'CREATE TABLE bytes (id bigserial PRIMARY KEY, account text, trigger text, payload bytea)');
    const raw = await startNodeWith(
      [
        { ...source, name: 'raw', table: 'raw' },
        { ...source, name: 'bytes', table: 'bytes' },
      ],
      { databaseUrl },
    );
    for (const payload of ['{"n":"\\u0000"}', '{"n":"\\ud800"}', '{"n":1e999999}', '{"n": 7.0}'])
      await query(app, `INSERT INTO raw (account, trigger, payload) VALUES ($1, 'a.b', $2)`, [account, payload]);
    await query(app, `INSERT INTO bytes (account, trigger, payload) VALUES ($1, 'a.b', $2)`, [
      account,
      Buffer.from('{"n":8}'),
    ]);
    await eventually(
      () => query(app, 'SELECT FROM raw UNION ALL SELECT FROM bytes'),
      (rows) => rows.length === 0,
    );
    const letters = await deadLettersOf(raw, 'raw');
    const events = await payloadsOf(databaseUrl, account);
    expect(events.length + letters.length).toBe(5);
    expect(events).toEqual(expect.arrayContaining([{ n: 7 }, { n: 8 }]));
    await raw.stop();
  });

  test('rows are looked for and finished by the index, of whatever type the id is', async () => {
    await query(
      app,
      'CREATE TABLE typed (id uuid PRIMARY KEY, account text, trigger text, payload jsonb, done_at timestamptz)',
    );
    await query(app, 'CREATE INDEX ON typed (id) WHERE done_at IS NULL');
    await query(
      app,
      `INSERT INTO typed SELECT gen_random_uuid(), 'acme', 'a.b', '{}', now() FROM generate_series(1, 20000)`,
    );
    await query(app, `INSERT INTO typed SELECT gen_random_uuid(), 'acme', 'a.b', '{}' FROM generate_series(1, 3)`);
    await query(app, 'ANALYZE typed');
    const config = {
      ...source,
      type: 'postgresql',
      name: 'typed',
      url: app,
      table: 'typed',
      done_column: 'done_at',
    } as const;
    const client = connectOutbox(config);
    await client.connect();
    const outbox = await describeOutbox(client, config);
    const messages = await outbox.next({ messages: 10, bytes: 1_000 });
    await outbox.finish(messages.map(({ place = '' }) => place));
    await client.end();
    expect(messages).toHaveLength(3);
    // What is counted of a connection is told when it ends.
    const [counted] = await eventually(
      () =>
        query<{ scans: number; found: number }>(
          app,
          `SELECT seq_scan::int AS scans, idx_scan::int AS found FROM pg_stat_user_tables WHERE relname = 'typed'`,
        ),
      ([row]) => (row?.found ?? 0) >= 2,
    );
    // Its two indexes and ANALYZE have read it, nobody else.
    expect(counted?.scans).toBeLessThanOrEqual(2);
    expect(await query(app, 'SELECT FROM typed WHERE done_at IS NULL')).toEqual([]);
  });

  test('rows that cannot be finished stop the source, instead of coming again and again', async () => {
    const account = await createAccount();
    await query(app, 'CREATE TABLE stuck (LIKE outbox INCLUDING ALL)');
    await query(app, 'CREATE RULE keep AS ON DELETE TO stuck DO INSTEAD NOTHING');
    const stuck = await startNodeWith([{ ...source, name: 'stuck', table: 'stuck' }], { databaseUrl });
    await query(app, `INSERT INTO stuck (account, trigger, payload) VALUES ($1, 'a.b', '{"n":1}')`, [account]);
    const { body } = await eventually(
      () => stuck.call('GET', '/v1/sources'),
      (answer) => answer.body.data[0].nodes.some(({ state }: { state: string }) => state === 'failing'),
    );
    expect(JSON.stringify(body)).toContain('cannot be deleted: look for rules, triggers and policies');
    expect(await payloadsOf(databaseUrl, account)).toEqual([{ n: 1 }]);
    await stuck.stop();
  });

  test('of two nodes one reads, and the other takes over when it is gone', async () => {
    const account = await createAccount();
    const states = async () => {
      const { body } = await node.call('GET', '/v1/sources');
      return body.data[0].nodes.map(({ state }: { state: string }) => state).sort();
    };
    const other = await startNodeWith([source], { databaseUrl });
    await eventually(states, (all) => all.join() === 'running,standby', 15_000);
    // Whichever it is.
    await cutConnections(app, "application_name = 'posthorn outbox'");
    await put(account, numbered(10));
    expect(await eventsOf(databaseUrl, account, 10)).toEqual(numbered(10));
    await other.stop();
    await put(account, numbered(10, 10));
    expect(await eventsOf(databaseUrl, account, 20)).toEqual(numbered(20));
  });
});

describe('what is no event', () => {
  test('another message at a place that is known is a dead letter, not taken for a repeat', async () => {
    const account = await createAccount();
    const insert = (n: number) =>
      query(app, `INSERT INTO outbox (id, account, trigger, payload) VALUES (-1, $1, 'a.b', $2)`, [account, { n }]);
    await insert(1);
    await eventually(outbox, (rows) => rows.length === 0);
    await insert(1);
    await eventually(outbox, (rows) => rows.length === 0);
    await insert(2);
    const [letter] = await eventually(
      () => deadLettersOf(node, 'shop'),
      (letters) => letters.length === 1,
    );
    expect(letter).toMatchObject({ place: '-1', error: { code: 'idempotency_conflict' } });
    expect(await payloadsOf(databaseUrl, account)).toEqual([{ n: 1 }]);
    await node.call('DELETE', `/v1/sources/shop/dead-letters/${letter.id}`);
  });

  test('is a dead letter with the reason, holds up nothing, and is published again when it has been mended', async () => {
    const account = await createAccount();
    await put(account, [{ n: 0 }]);
    await put('later', numbered(3));
    await put(account, [{ n: 1 }]);
    await eventsOf(databaseUrl, account, 2);
    const letters = await eventually(
      () => deadLettersOf(node, 'shop'),
      (found) => found.length === 3,
    );
    expect(letters[0]).toMatchObject({
      error: { code: 'account_not_found', detail: 'There is no account "later".' },
      headers: { account: 'later', trigger: 'order.created' },
      body: '{"n": 2}',
      encoding: 'utf8',
      is_whole: true,
    });
    const redrive = (body = {}) => node.call('POST', '/v1/sources/shop/redrive', body);
    const { body: still } = await redrive({ ids: [letters[0].id] });
    expect(still).toMatchObject({ published: 0, failed: 1 });
    const { body: again } = await node.call('GET', `/v1/sources/shop/dead-letters/${letters[0].id}`);
    expect(Date.parse(again.tried_at)).toBeGreaterThan(Date.parse(again.created_at));
    await node.call('DELETE', `/v1/sources/shop/dead-letters/${letters[0].id}`);
    await node.call('POST', '/v1/accounts', { id: 'later', name: 'Later', contract: 'standard' });
    const { body: done } = await redrive();
    expect(done).toMatchObject({ published: 2, failed: 0 });
    expect((await redrive({ after: done.next_after })).body).toEqual({ published: 0, failed: 0, next_after: null });
    expect(await deadLettersOf(node, 'shop')).toEqual([]);
    expect(await payloadsOf(databaseUrl, 'later')).toEqual(numbered(2));
  });

  test('what a contract refuses is one, too', async () => {
    await node.call('POST', '/v1/accounts', { id: 'returns', name: 'Returns', contract: 'loop-returns' });
    await put('returns', [{ n: 1 }], 'order.unheard-of');
    const letters = await eventually(
      () => deadLettersOf(node, 'shop'),
      (found) => found.length === 1,
    );
    expect(letters[0].error.code).toBe('unknown_trigger');
    expect((await node.call('GET', '/v1/sources')).body.data[0].dead_letters).toBe(1);
    await node.call('DELETE', `/v1/sources/shop/dead-letters/${letters[0].id}`);
  });

  test('a source that has too many is held, says so, and goes on where it was', async () => {
    const account = await createAccount();
    await query(
      databaseUrl,
      `INSERT INTO dead_letters (id, source, place, code, detail, headers, body, is_whole)
       SELECT gen_random_uuid(), 'shop', 'full ' || i, 'invalid_request', '', '{}', '', true FROM generate_series(1, 99999) i`,
    );
    await put('nobody', [{ n: 1 }]);
    const { body } = await eventually(
      () => node.call('GET', '/v1/sources'),
      (answer) => answer.body.data[0].nodes[0]?.state === 'held',
    );
    expect(body.data[0].nodes[0].error).toContain('There are 100000 dead letters');
    expect(body.data[0].dead_letters).toBe(100_000);
    await put(account, numbered(2));
    // As often as it looks.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(await outbox()).toHaveLength(2);
    expect(await payloadsOf(databaseUrl, account)).toEqual([]);
    await query(databaseUrl, 'DELETE FROM dead_letters');
    await eventually(outbox, (rows) => rows.length === 0, 15_000);
    expect(await payloadsOf(databaseUrl, account)).toEqual(numbered(2));
  }, 40_000);

  test('of a source that is not configured there is nothing', async () => {
    for (const [method, path] of [
      ['GET', '/v1/sources/none/dead-letters'],
      ['POST', '/v1/sources/none/redrive'],
    ] as const)
      expect((await node.call(method, path, method === 'POST' ? {} : undefined)).body.code).toBe('source_not_found');
    expect((await node.call('GET', '/v1/sources/shop/dead-letters/ddl_x')).body.code).toBe('dead_letter_not_found');
    expect((await node.call('POST', '/v1/sources/shop/redrive', { ids: ['x'] })).body.code).toBe(
      'dead_letter_not_found',
    );
  });
});

describe('nothing is lost, and nothing is twice', () => {
  test('while the database goes away and comes back', async () => {
    const account = await createAccount();
    await query(app, 'CREATE TABLE relayed (LIKE outbox INCLUDING ALL)');
    const relay = await relayTo(databaseUrl);
    const other = await startNodeWith([{ ...source, name: 'relayed', table: 'relayed' }], { databaseUrl: relay.url });
    for (let round = 0; round < 5; round++) {
      await query(
        app,
        `INSERT INTO relayed (account, trigger, payload)
         SELECT $1, 'order.created', jsonb_build_object('n', n) FROM generate_series($2::int, $2::int + 999) n`,
        [account, round * 1_000],
      );
      await cutConnections(databaseUrl, "application_name LIKE 'posthorn%'");
    }
    expect(await eventsOf(databaseUrl, account, 5_000)).toHaveLength(5_000);
    await eventually(
      () => query(app, 'SELECT FROM relayed'),
      (rows) => rows.length === 0,
    );
    const all = (await payloadsOf(databaseUrl, account)) as { n: number }[];
    expect(all.map(({ n }) => n).sort((a, b) => a - b)).toEqual(numbered(5_000).map(({ n }) => n));
    await other.stop();
    await relay.stop();
  });

  test('while nodes are killed under load', async () => {
    const url = await createDatabase();
    const plain = await startTestNode({ databaseUrl: url });
    await plain.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    await plain.stop();
    await query(app, 'CREATE TABLE killed (LIKE outbox INCLUDING ALL)');
    const { path, remove } = sourcesFile({ ...source, name: 'killed', table: 'killed' });
    let count = 0;
    for (let round = 0; round < 4; round++) {
      const server = startServer({
        DATABASE_URL: url,
        POSTHORN_SOURCES: path,
        POSTHORN_DATA_DIR: `${path}.d`,
        POSTHORN_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      });
      await server.ready;
      const before = (await payloadsOf(url, 'acme')).length;
      await query(
        app,
        `INSERT INTO killed (account, trigger, payload)
         SELECT 'acme', 'order.created', jsonb_build_object('n', n) FROM generate_series($1::int, $1::int + 9999) n`,
        [count],
      );
      count += 10_000;
      await eventsOf(url, 'acme', before + 1_000);
      server.child.kill('SIGKILL');
      await server.ended;
    }
    const last = await startNodeWith([{ ...source, name: 'killed', table: 'killed' }], { databaseUrl: url });
    await eventsOf(url, 'acme', count, 60_000);
    await eventually(
      () => query(app, 'SELECT FROM killed LIMIT 1'),
      (rows) => rows.length === 0,
    );
    const all = (await payloadsOf(url, 'acme')) as { n: number }[];
    expect(all.map(({ n }) => n).sort((a, b) => a - b)).toEqual(numbered(count).map(({ n }) => n));
    await last.stop();
    remove();
  }, 120_000);
});
