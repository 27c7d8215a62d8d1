/** The feed: the events of an account in an order that never changes, whatever commits at the same time. */
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Database } from '../../packages/server/src/storage/database.ts';
import { retentionStore } from '../../packages/server/src/storage/retention.ts';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';

let databaseUrl: string;
let node: TestNode;
let other: TestNode;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  node = await startTestNode({ databaseUrl });
  other = await startTestNode({ databaseUrl });
});
afterAll(async () => {
  await node.stop();
  await other.stop();
});

let accounts = 0;
async function createAccount(contract = 'standard'): Promise<string> {
  const id = `feed-${++accounts}`;
  await node.call('POST', '/v1/accounts', { id, name: id, contract });
  return id;
}

interface Entry {
  id: string;
  trigger: string;
  payload: unknown;
}

const readPage = (account: string, options = '', from = node) =>
  from.call('GET', `/v1/accounts/${account}/feed?${options}`);

/** Everything from a cursor on, in pages. */
async function readAll(
  account: string,
  cursor?: string,
  limit = 7,
  from = node,
): Promise<{ entries: Entry[]; cursor: string }> {
  const entries: Entry[] = [];
  for (let at = cursor; ; ) {
    const { body, text } = await readPage(account, `limit=${limit}${at === undefined ? '' : `&cursor=${at}`}`, from);
    if (!body.data) throw new Error(text);
    entries.push(...body.data);
    at = body.next_cursor;
    if (!body.has_more) return { entries, cursor: body.next_cursor };
  }
}

const ids = (entries: readonly Entry[]) => entries.map(({ id }) => id);

describe('a feed', () => {
  test('begins with what is kept, and goes on with what comes; payloads are as they were written', async () => {
    const account = await createAccount();
    const before: string[] = [];
    for (let i = 0; i < 10; i++) before.push((await node.publish(account, 'a.b', { i })).body.id);
    const first = await readAll(account);
    expect(ids(first.entries)).toEqual(before);
    const { body } = await node.call('POST', `/v1/accounts/${account}/events`, '{"trigger":"c.d","payload":{"n":5.0}}');
    const page = await readPage(account, `cursor=${first.cursor}`);
    expect(page.text).toContain(`"id":"${body.id}"`);
    expect(page.text).toContain('"payload":{"n":5.0}');
    expect(page.body).toMatchObject({ has_more: false, missed: 0 });
    expect(ids((await readAll(account)).entries)).toEqual([...before, body.id]);
  });

  test('leaves out tests', async () => {
    const account = await createAccount();
    const { body } = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: 'http://127.0.0.1:1/',
      subscriptions: [{ trigger: '*' }],
    });
    const test = () => node.call('POST', `/v1/accounts/${account}/endpoints/${body.id}/test`, {});
    await test();
    const { cursor } = await readAll(account);
    await test();
    expect((await readAll(account, cursor)).entries).toEqual([]);
    expect((await readAll(account)).entries).toEqual([]);
  });

  test('with `newest`, it begins with what happens from now on', async () => {
    const account = await createAccount();
    await node.publish(account, 'a.b', {});
    const { body } = await readPage(account, 'cursor=newest');
    expect(body.data).toEqual([]);
    const { body: published } = await node.publish(account, 'a.b', {});
    expect(ids((await readAll(account, body.next_cursor)).entries)).toEqual([published.id]);
  });

  test('skips nothing and repeats nothing, while two nodes accept and it is being begun', async () => {
    const account = await createAccount();
    const acknowledged = new Set<string>();
    let isPublishing = true;
    const publish = async (on: TestNode, n: number) => {
      for (let i = 0; isPublishing; i++) {
        const event = { ...(i % 3 === 0 ? { id: `own-${n}-${i}` } : {}), trigger: 'a.b', payload: { n, i } };
        const { body, status } = await on.call('POST', `/v1/accounts/${account}/events`, event);
        if (status === 202) acknowledged.add(body.id);
      }
    };
    const publishers = [0, 1, 2, 3, 4, 5].map((n) => publish(n % 2 === 0 ? node : other, n));
    await eventually(
      async () => acknowledged.size,
      (size) => size >= 50,
    );
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let round = 0; round < 60; round++) {
      const { body, text } = await readPage(
        account,
        `limit=50${cursor === undefined ? '' : `&cursor=${cursor}`}`,
        round % 2 === 0 ? node : other,
      );
      if (!body.data) throw new Error(text);
      seen.push(...ids(body.data));
      cursor = body.next_cursor;
    }
    isPublishing = false;
    await Promise.all(publishers);
    seen.push(...ids((await readAll(account, cursor, 200)).entries));
    expect(acknowledged.size).toBeGreaterThan(100);
    expect(seen.length).toBe(new Set(seen).size);
    expect([...acknowledged].filter((id) => !seen.includes(id))).toEqual([]);
    // And whoever reads it again reads the same.
    const again = ids((await readAll(account, undefined, 200)).entries);
    expect(again).toEqual(seen);
  });

  test('skips nothing that was being committed when it began', async () => {
    // What commits waits for the disk, without a snapshot by then; the feed itself does not wait.
    await query(databaseUrl, `ALTER DATABASE ${new URL(databaseUrl).pathname.slice(1)} SET synchronous_commit = off`);
    const asleep = await startTestNode({ databaseUrl });
    const storing = new pg.Client({ connectionString: databaseUrl, application_name: 'posthorn test hot' });
    await storing.connect();
    await storing.query('SET synchronous_commit = on; SET commit_delay = 100000; SET commit_siblings = 0');
    const [{ pid }] = (await storing.query('SELECT pg_backend_pid() AS pid')).rows;
    for (let round = 0; round < 5; round++) {
      const account = await createAccount();
      const { body } = await asleep.publish(account, 'a.b', {});
      const stored = storing.query(
        `INSERT INTO events (account_id, id, external_id, trigger, by_topic, test, payload)
         SELECT account_id, overlay(id::text PLACING 'ffffffff' FROM 29)::uuid, 'late', trigger, by_topic, test, payload
         FROM events WHERE account_id = $1`,
        [account],
      );
      await eventually(
        () => query(databaseUrl, 'SELECT FROM pg_stat_activity WHERE pid = $1 AND backend_xid IS NOT NULL', [pid]),
        (rows) => rows.length > 0,
      );
      await setTimeout(10 * round);
      const { entries } = await readAll(account, undefined, 50, asleep);
      await stored;
      expect(ids(entries)).toEqual([body.id, 'late']);
    }
    await storing.end();
    await asleep.stop();
  });

  test('waits for what comes, and is woken by it, also on another node', async () => {
    const account = await createAccount();
    const { cursor } = await readAll(account);
    const waiting = readPage(account, `wait=30&cursor=${cursor}`, other);
    const { body } = await node.publish(account, 'a.b', { n: 1 });
    expect(ids((await waiting).body.data)).toEqual([body.id]);
  });

  test('says how many events are not kept any more', async () => {
    const account = await createAccount();
    const { cursor } = await readAll(account);
    for (let i = 0; i < 4; i++) await node.publish(account, 'a.b', { i });
    const { body } = await readPage(account, `cursor=${cursor}&limit=1`);
    await query(databaseUrl, 'DELETE FROM events WHERE account_id = $1 AND convert_from(payload, $2) LIKE $3', [
      account,
      'UTF8',
      '%2}',
    ]);
    const rest = await readPage(account, `cursor=${body.next_cursor}`);
    expect(rest.body.data).toHaveLength(2);
    expect(rest.body.missed).toBe(1);
  });

  test('whose end is not kept any more says so once, and then waits', async () => {
    const account = await createAccount();
    const { cursor } = await readAll(account);
    for (let i = 0; i < 3; i++) await node.publish(account, 'a.b', { i });
    await query(databaseUrl, 'DELETE FROM events WHERE account_id = $1', [account]);
    const { body } = await readPage(account, `cursor=${cursor}&wait=30`);
    expect(body).toMatchObject({ data: [], missed: 3, has_more: false });
    const waiting = readPage(account, `cursor=${body.next_cursor}&wait=30`);
    const { body: published } = await node.publish(account, 'a.b', {});
    const later = await waiting;
    expect(later.body).toMatchObject({ data: [{ id: published.id }], missed: 0 });
    // Whoever begins now has missed nothing.
    expect((await readPage(account)).body).toMatchObject({ data: [{ id: published.id }], missed: 0 });
  });

  test('keeps nothing of events that retention has taken', async () => {
    const account = await createAccount();
    await readAll(account);
    for (let i = 0; i < 3; i++) await node.publish(account, 'a.b', { i });
    const rows = () => query(databaseUrl, 'SELECT FROM feed WHERE account_id = $1', [account]);
    expect(await rows()).toHaveLength(3);
    const before = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    await query(databaseUrl, 'INSERT INTO purges (account_id, before) VALUES ($1, $2)', [account, before]);
    const database = new Database({ connectionString: databaseUrl });
    while (await retentionStore(database).purge());
    await database.stop();
    expect(await rows()).toEqual([]);
  });

  test('a cursor from after the backup that was restored is refused', async () => {
    const account = await createAccount();
    await readAll(account);
    for (let i = 0; i < 3; i++) await node.publish(account, 'a.b', { i });
    const { cursor } = await readAll(account);
    await query(databaseUrl, 'UPDATE feeds SET position = 2 WHERE account_id = $1', [account]);
    expect((await readPage(account, `cursor=${cursor}`)).body.code).toBe('invalid_cursor');
  });

  test('of an account that is made again under the same id begins anew', async () => {
    const account = await createAccount();
    await node.publish(account, 'a.b', {});
    const { cursor } = await readAll(account);
    await node.call('DELETE', `/v1/accounts/${account}`);
    await eventually(
      () => node.call('POST', '/v1/accounts', { id: account, name: 'again', contract: 'standard' }),
      ({ status }) => status === 201,
    );
    expect((await readAll(account)).entries).toEqual([]);
    const { body } = await node.publish(account, 'a.b', {});
    expect(ids((await readAll(account)).entries)).toEqual([body.id]);
    expect((await readPage(account, `cursor=${cursor}`)).body.code).toBe('invalid_cursor');
  });

  test('a cursor that is none of ours, and an account that is none, are refused', async () => {
    const account = await createAccount();
    for (const cursor of ['x', Buffer.from('f:-1').toString('base64url'), Buffer.from('h:evt_1').toString('base64url')])
      expect((await readPage(account, `cursor=${cursor}`)).body.code).toBe('invalid_cursor');
    expect((await readPage('nobody')).body.code).toBe('account_not_found');
    expect((await readPage(account, 'wait=31')).status).toBe(400);
  });
});

describe('who may read it', () => {
  const get = async (account: string, token: string) =>
    (await fetch(`${node.url}/v1/accounts/${account}/feed`, { headers: { authorization: `Bearer ${token}` } })).status;

  const createKey = async (account: string, scopes: string[]) =>
    (await node.call('POST', `/v1/accounts/${account}/keys`, { label: 'x', scopes })).body;

  test.each(['standard', 'loop-returns', 'loop-subscriptions', 'loops'])(
    'an API key of the account with the scope posthorn:feed, in the contract %s, and nothing else with it',
    async (contract) => {
      const account = await createAccount(contract);
      const { key } = await createKey(account, ['posthorn:feed']);
      expect(await get(account, key)).toBe(200);
      expect(await get(await createAccount(), key)).toBe(404);
      const events = await fetch(`${node.url}/v1/accounts/${account}/events`, {
        headers: { authorization: `Bearer ${key}` },
      });
      expect(events.status).toBe(401);
    },
  );

  test('attack: a scope of the product does not open it, and nothing else that begins like ours can be given', async () => {
    const account = await createAccount();
    for (const scopes of [['feed'], []]) expect(await get(account, (await createKey(account, scopes)).key)).toBe(403);
    expect((await createKey(account, ['posthorn:all'])).code).toBe('unknown_scope');
  });

  test('a valid key that may not is no guess at the operator key', async () => {
    const account = await createAccount();
    const { key } = await createKey(account, []);
    for (let i = 0; i < 15; i++) expect(await get(account, key)).toBe(403);
    expect(await get(account, 'psk_wrong')).toBe(401);
  });

  test('attack: a program that reads all the time does not lock the account’s people out of their page', async () => {
    const account = await createAccount();
    const { key } = await createKey(account, ['posthorn:feed']);
    const wrong = (await createKey(account, [])).key;
    const { body } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, { permissions: ['read'] });
    const statuses = new Set<number>();
    const read = async (token: string) => statuses.add(await get(account, token));
    while (!statuses.has(429)) await Promise.all(Array.from({ length: 50 }, (_, i) => read(i % 2 ? key : wrong)));
    expect(statuses).toEqual(new Set([200, 403, 429]));
    const endpoints = await fetch(`${node.url}/v1/accounts/${account}/endpoints`, {
      headers: { authorization: `Bearer ${body.token}` },
    });
    expect(endpoints.status).toBe(200);
  });

  test('a session of the account’s page that may read', async () => {
    const account = await createAccount();
    const { body } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, { permissions: ['read'] });
    expect(await get(account, body.token)).toBe(200);
    expect(await get(await createAccount(), body.token)).toBe(404);
  });
});
