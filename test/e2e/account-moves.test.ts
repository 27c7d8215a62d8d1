/** Accounts that move from one cell to another while they are published to. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { type Received, Receiver } from '../support/receiver.ts';

let urls: { first: string; two: string };
let nodes: [TestNode, TestNode];
let node: TestNode;
let receiver: Receiver;
let account: string;
let made = 0;

const start = () => startTestNode({ databaseUrl: urls.first, environment: { POSTHORN_CELLS: `two=${urls.two}` } });

beforeAll(async () => {
  urls = { first: await createDatabase(), two: await createDatabase() };
  receiver = await Receiver.start();
  nodes = [await start(), await start()];
  [node] = nodes;
});
afterAll(async () => {
  await Promise.all(nodes.map((one) => one.stop()));
  await receiver.stop();
});
beforeEach(async () => {
  receiver.requests.splice(0);
  receiver.respond = (_, response) => void response.writeHead(200).end();
  account = `mover-${++made}`;
  await node.call('POST', '/v1/accounts', { id: account, name: 'Mover', contract: 'standard' });
});

const path = (rest: string) => `/v1/accounts/${account}${rest}`;
const dataOf = ({ body }: Received) => JSON.parse(body.toString()).data;
const move = async (cell: string, by = node) => {
  const { status, body } = await by.call('POST', path('/move'), { cell });
  expect([status, body.to]).toEqual([202, cell]);
  return eventually(
    async () => (await by.call('GET', path('/move'))).body,
    ({ state, error }) => state === 'finished' || error !== null,
    60_000,
  );
};
const rowsIn = async (url: string, table: string) =>
  (
    await query<{ count: number }>(url, `SELECT count(*)::int AS count FROM ${table} WHERE account_id = $1`, [account])
  )[0]?.count;
const historyOf = async () => {
  const all: { id: string; status: string; attempt_count: number }[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: Awaited<ReturnType<TestNode['call']>> = await node.call(
      'GET',
      path(`/deliveries?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`),
    );
    all.push(...body.data);
    cursor = body.next_cursor;
  }
  return all;
};

test('everything comes along: settings, secrets, keys, history with every answer, numbers, charts', async () => {
  const { body: endpoint } = await node.call('POST', path('/endpoints'), {
    url: receiver.url(),
    subscriptions: [{ trigger: '*' }],
    headers: { 'x-own': 'kept' },
    auth: { type: 'bearer', token: 'token' },
  });
  const { body: key } = await node.call('POST', path('/keys'), { label: 'k', scopes: ['a'] });
  const { body: session } = await node.call('POST', path('/page-sessions'));
  const { body: bin } = await node.call('POST', path('/bins'));
  const sendToBin = async (by: TestNode) =>
    (await fetch(`${by.url}${new URL(bin.url).pathname}`, { method: 'POST', body: 'x' })).status;
  // Whose it is, is remembered from here on.
  expect(await sendToBin(node)).toBe(200);
  receiver.respond = (_, response) => void response.writeHead(200).end('thank you');
  for (let i = 0; i < 20; i++) await node.publish(account, 'a.b', { i });
  await receiver.received(20);
  await eventually(historyOf, (all) => all.length === 20 && all.every(({ status }) => status === 'succeeded'));
  const shown = async () => ({
    history: await historyOf(),
    detail: (await node.call('GET', path(`/deliveries/${(await historyOf())[7]?.id}`))).body,
    events: (await node.call('GET', path('/events?limit=50'))).body,
    endpoint: (await node.call('GET', path(`/endpoints/${endpoint.id}`))).body,
    secret: (await node.call('GET', path(`/endpoints/${endpoint.id}/secret`))).body,
    account: (await node.call('GET', path(''))).body,
  });
  const before = await shown();
  const counted = async () => (await node.call('GET', path('/stats'))).body.totals;
  const totals = await counted();
  const numbersIn = (url: string) => query(url, 'SELECT id, number FROM accounts WHERE id = $1', [account]);
  const [number] = await numbersIn(urls.two);

  expect(await move('first')).toMatchObject({ state: 'finished', from: 'two', to: 'first', error: null });
  expect(await shown()).toEqual(before);
  expect(await counted()).toEqual(totals);
  expect(await numbersIn(urls.first)).toEqual([number]);
  expect((await node.call('POST', '/v1/keys/verify', { key: key.key })).body.account).toBe(account);
  const page = await nodes[1].call('GET', '/v1/page', undefined, { authorization: `Bearer ${session.token}` });
  expect(page.body.account?.id).toBe(account);
  expect(await Promise.all(nodes.map(sendToBin))).toEqual([200, 200]);
  await node.publish(account, 'a.b', { i: 20 });
  const requests = await receiver.received(21);
  expect(requests.at(-1)?.headers).toMatchObject({ 'x-own': 'kept', authorization: 'Bearer token' });
  await eventually(
    async () => [
      await rowsIn(urls.two, 'events'),
      await rowsIn(urls.two, 'deliveries'),
      await rowsIn(urls.two, 'endpoints'),
    ],
    (left) => left.every((count) => count === 0),
  );
  // And back.
  await eventually(
    () => numbersIn(urls.two),
    (rows) => rows.length === 0,
    30_000,
  );
  expect(await move('two', nodes[1])).toMatchObject({ state: 'finished', error: null });
  expect((await historyOf()).length).toBe(21);
  expect(await numbersIn(urls.two)).toEqual([number]);
});

describe('while it is published to through every node', () => {
  test('nothing is lost, and the order of keys is kept', { timeout: 120_000 }, async () => {
    await node.call('POST', path('/endpoints'), {
      url: receiver.url(),
      subscriptions: [{ trigger: '*', ordered_by: '/key' }],
    });
    await node.call('POST', path('/endpoints'), { url: receiver.url('/fast'), subscriptions: [{ trigger: '*' }] });
    const seen = new Map<string, number[]>();
    const fast = new Map<number, number>();
    receiver.respond = (request, response) => {
      const { key, n } = dataOf(request);
      if (request.path === '/fast') fast.set(n, (fast.get(n) ?? 0) + 1);
      else seen.set(key, [...(seen.get(key) ?? []), n]);
      response.writeHead(200).end();
    };
    const accepted: number[] = [];
    let isOver = false;
    let n = 0;
    const work = async (key: string) => {
      for (let i = 0; !isOver; i++) {
        const number = ++n;
        // Whoever is answered 503 tries again, as publishers do.
        await eventually(
          () => (nodes[i % 2] as TestNode).publish(account, 'a.b', { key, n: number }),
          ({ status, body }) => {
            if (status !== 202) expect(body.code).toBe('account_moving');
            return status === 202;
          },
          60_000,
        );
        accepted.push(number);
      }
    };
    const workers = ['a', 'b', 'c', 'd'].map(work);
    await receiver.received(100);
    for (const cell of ['first', 'two']) {
      expect(await move(cell)).toMatchObject({ state: 'finished', error: null });
      // The rest of it goes before it may come back.
      await eventually(
        () => query(cell === 'first' ? urls.two : urls.first, 'SELECT FROM accounts WHERE id = $1', [account]),
        (rows) => rows.length === 0,
        60_000,
      );
    }
    isOver = true;
    await Promise.all(workers);
    const inOrder = new Set<number>();
    for (const numbers of seen.values()) for (const number of numbers) inOrder.add(number);
    await eventually(
      async () => accepted.length - fast.size,
      (missing) => missing === 0,
      60_000,
    );
    for (const numbers of seen.values()) {
      const first = numbers.filter((number, i) => numbers.indexOf(number) === i);
      expect(first).toEqual(first.toSorted((a, b) => a - b));
    }
    const twice = [...fast.values()].filter((count) => count > 1).length;
    expect(twice).toBeLessThan(100);
    expect(new Set((await historyOf()).map(({ id }) => id)).size).toBe(accepted.length * 2);
  });

  test('what waits for its next try waits there, with the tries it has had', async () => {
    await node.call('POST', path('/endpoints'), { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
    receiver.respond = (_, response) => void response.writeHead(503, { 'retry-after': '3600' }).end('later');
    await node.publish(account, 'a.b', {});
    const [waiting] = await eventually(historyOf, (all) => all[0]?.attempt_count === 1);
    await move('first');
    const { body } = await node.call('GET', path(`/deliveries/${waiting?.id}`));
    expect([body.status, body.attempt_count, body.attempts[0].response.body]).toEqual(['failed', 1, 'later']);
    receiver.respond = (_, response) => void response.writeHead(200).end();
    expect((await node.call('POST', path(`/deliveries/${waiting?.id}/retry`))).status).toBe(202);
    await receiver.received(2);
    await eventually(historyOf, (all) => all[0]?.status === 'succeeded');
  });
});

describe('while a long hold', () => {
  /** As a search in the history does it, for `ms`. */
  const holdUp = async (url: string, ms: number) => {
    const client = new pg.Client({ connectionString: url, application_name: 'posthorn search' });
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
    return new Promise<void>((resolve) => {
      setTimeout(() => void client.end().then(() => resolve()), ms);
    });
  };

  test('lasts, what is scheduled, published in SQL or replayed is neither lost nor given up', {
    timeout: 60_000,
  }, async () => {
    await node.call('POST', path('/endpoints'), { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
    const seen = new Map<number, number>();
    receiver.respond = (request, response) => {
      const { n } = dataOf(request);
      seen.set(n, (seen.get(n) ?? 0) + 1);
      // Some is in flight, and some waits in memory, when the lanes go.
      setTimeout(() => response.writeHead(200).end(), 100);
    };
    let n = 0;
    const wanted = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const scheduled_for = new Date(Date.now() + 1_000 + i * 100).toISOString();
      const answer = await node.call('POST', path('/events'), { trigger: 'a.b', payload: { n: ++n }, scheduled_for });
      expect(answer.status).toBe(202);
      wanted.add(n);
    }
    for (let i = 0; i < 50; i++) {
      await node.publish(account, 'a.b', { n: ++n });
      wanted.add(n);
    }
    await receiver.received(40);
    const toMs = Date.now();
    await node.call('POST', path('/replay'), {
      from: new Date(toMs - 60_000).toISOString(),
      to: new Date(toMs).toISOString(),
    });
    const heldUp = holdUp(urls.two, 5_000);
    let isOver = false;
    const moved = move('first').finally(() => {
      isOver = true;
    });
    let refused = 0;
    while (!isOver) {
      const number = ++n;
      try {
        await query(urls.two, 'SELECT posthorn.publish($1, $2, $3::jsonb)', [
          account,
          'a.b',
          JSON.stringify({ n: number }),
        ]);
        wanted.add(number);
      } catch {
        refused++;
      }
    }
    await heldUp;
    expect(await moved).toMatchObject({ state: 'finished', error: null });
    await eventually(
      async () => [...wanted].filter((number) => !seen.has(number)),
      (missing) => missing.length === 0,
      30_000,
    );
    expect((await historyOf()).filter(({ status }) => status === 'discarded')).toEqual([]);
    expect(refused).toBeGreaterThan(0);
  });
});

test('what cannot be is refused', async () => {
  const ask = (cell: string) => node.call('POST', path('/move'), { cell });
  expect((await ask('nowhere')).body.code).toBe('cell_not_found');
  expect((await ask('two')).body.code).toBe('account_exists');
  expect((await node.call('GET', path('/move'))).status).toBe(404);
  account = 'nobody';
  expect((await ask('first')).body.code).toBe('account_not_found');
});

describe('a cell that dies on the way', () => {
  let databases: OwnPostgres[];
  let one: TestNode;
  beforeAll(async () => {
    databases = await Promise.all([startOwnPostgres(), startOwnPostgres()]);
    const [first, other] = databases.map(({ url }) => url);
    one = await startTestNode({ databaseUrl: first ?? '', environment: { POSTHORN_CELLS: `other=${other}` } });
  }, 60_000);
  afterAll(async () => {
    await one.stop();
    await Promise.all(databases.map((database) => database.remove()));
  });

  test.each([0, 1])(
    'is waited for: cell %i is killed in each state that is seen',
    { timeout: 240_000 },
    async (victim) => {
      account = `killed-${victim}`;
      await one.call('POST', '/v1/accounts', { id: account, name: 'k', contract: 'standard' });
      await one.call('POST', path('/endpoints'), { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
      const seen = new Set<number>();
      receiver.respond = (request, response) => {
        seen.add(dataOf(request).n);
        response.writeHead(200).end();
      };
      const accepted = new Set<number>();
      let isOver = false;
      let n = 0;
      const work = async () => {
        while (!isOver) {
          const number = ++n;
          const answer = await one.publish(account, 'a.b', { n: number, text: 'x'.repeat(1_000) });
          if (answer.status === 202) accepted.add(number);
        }
      };
      const workers = [work(), work(), work()];
      await receiver.received(300);
      expect((await one.call('POST', path('/move'), { cell: 'first' })).status).toBe(202);
      const killedIn = new Set<string>();
      await eventually(
        async () => (await one.call('GET', path('/move'))).body?.state,
        (state) => {
          if (state !== undefined && state !== 'finished' && !killedIn.has(state) && databases[victim]?.kill())
            killedIn.add(state);
          return state === 'finished';
        },
        180_000,
      );
      expect([...killedIn]).toEqual(expect.arrayContaining(['copying', 'held']));
      isOver = true;
      await Promise.all(workers);
      await eventually(
        async () => [...accepted].filter((number) => !seen.has(number)),
        (missing) => missing.length === 0,
        30_000,
      );
    },
  );
});
