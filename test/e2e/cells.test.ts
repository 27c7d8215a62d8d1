/** Several databases beside each other: accounts live in one of them, and whoever asks need not know in which. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount } from '../support/vendors.ts';

let urls: { first: string; two: string; three: string };
let nodes: [TestNode, TestNode];
let node: TestNode;
let receiver: Receiver;
let old: string;

const cellsOf = (...names: ('two' | 'three')[]) => names.map((name) => `${name}=${urls[name]}`).join(' ');

beforeAll(async () => {
  urls = { first: await createDatabase(), two: await createDatabase(), three: await createDatabase() };
  receiver = await Receiver.start();
  // Accounts from before there were cells, and from when there was one fewer.
  const alone = await startTestNode({ databaseUrl: urls.first });
  old = await createAccount(alone, 'standard');
  await alone.stop();
  const environment = { POSTHORN_CELLS: cellsOf('two', 'three') };
  nodes = [
    await startTestNode({ databaseUrl: urls.first, environment }),
    await startTestNode({ databaseUrl: urls.first, environment }),
  ];
  [node] = nodes;
});
afterAll(async () => {
  await Promise.all(nodes.map((one) => one.stop()));
  await receiver.stop();
});
beforeEach(() => {
  receiver.requests.splice(0);
  receiver.respond = (_, response) => void response.writeHead(200).end();
});

const subscribe = (account: string, by = node) =>
  by.call('POST', `/v1/accounts/${account}/endpoints`, { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
const accountsIn = async (url: string) =>
  (await query<{ id: string }>(url, "SELECT id FROM accounts WHERE id NOT LIKE 'posthorn%'")).map(({ id }) => id);

describe('accounts', () => {
  test('that are new live in the newest cell; those that were there stay where they are', async () => {
    const fresh = await createAccount(node, 'standard');
    expect(await accountsIn(urls.three)).toContain(fresh);
    expect(await accountsIn(urls.first)).not.toContain(fresh);
    expect(await accountsIn(urls.two)).toEqual([]);
  });

  test('are the same through every node: endpoints, events, deliveries, history', async () => {
    for (const account of [old, await createAccount(node, 'standard')]) {
      receiver.requests.splice(0);
      const { body: endpoint } = await subscribe(account, nodes[1]);
      for (const by of nodes) expect((await by.publish(account, 'a.b', { n: 1 })).status).toBe(202);
      await receiver.received(2);
      const { body } = await eventually(
        () => node.call('GET', `/v1/accounts/${account}/deliveries?endpoint=${endpoint.id}&status=succeeded`),
        ({ body }) => body.data.length === 2,
      );
      expect(body.data[0].endpoint_id).toBe(endpoint.id);
      await node.call('DELETE', `/v1/accounts/${account}/endpoints/${endpoint.id}`);
    }
  });

  test('have ids that are nobody else’s, whatever the cell', async () => {
    const create = (id: string) => node.call('POST', '/v1/accounts', { id, name: 'x', contract: 'standard' });
    expect((await create(old)).body.code).toBe('account_exists');
    const both = await Promise.all(
      nodes.map((by) => by.call('POST', '/v1/accounts', { id: 'twice', name: 'x', contract: 'standard' })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  test('that are made anew while the rest of them is being removed wait for that, as ever', async () => {
    const id = await createAccount(node, 'standard');
    await node.call('DELETE', `/v1/accounts/${id}`);
    const again = await eventually(
      () => nodes[1].call('POST', '/v1/accounts', { id, name: 'x', contract: 'standard' }),
      ({ status }) => status === 201,
    );
    expect(again.body.id).toBe(id);
    expect(await accountsIn(urls.three)).toContain(id);
    expect(await accountsIn(urls.first)).not.toContain(id);
  });

  test('are not looked for in the first cell by a node that has not been told of the others', async () => {
    const there = await createAccount(node, 'standard');
    const untold = await startTestNode({ databaseUrl: urls.first });
    try {
      expect((await untold.publish(there, 'a.b', {})).body.code).toBe('cell_unavailable');
      const made = await untold.call('POST', '/v1/accounts', { id: there, name: 'x', contract: 'standard' });
      expect(made.body.code).toBe('account_exists');
      // While it runs, nothing new is made where it would not find it.
      const fresh = await createAccount(untold, 'standard');
      expect(await accountsIn(urls.first)).toContain(fresh);
      await subscribe(fresh, nodes[1]);
      expect((await nodes[1].publish(fresh, 'a.b', {})).status).toBe(202);
    } finally {
      await untold.stop();
    }
  });

  test('are made in a cell as soon as every node knows of it', async () => {
    await query(
      urls.first,
      "INSERT INTO nodes (host, pid, engine, name, watermark) VALUES ('another', 1, 4, 'another', gen_random_uuid())",
    );
    try {
      const meanwhile = await createAccount(node, 'standard');
      expect(await accountsIn(urls.first)).toContain(meanwhile);
    } finally {
      await query(urls.first, "DELETE FROM nodes WHERE host = 'another'");
    }
    const after = await createAccount(node, 'standard');
    expect(await accountsIn(urls.three)).toContain(after);
  });

  test('of any id that nobody knows are answered as ever', async () => {
    expect((await node.publish('nobody', 'a.b', {})).body.code).toBe('account_not_found');
    expect((await node.call('GET', '/v1/accounts/%E0%A4%A')).status).toBe(404);
  });

  test('stand in one list, page after page, and are found in it', async () => {
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push(await createAccount(node, 'standard'));
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body }: Awaited<ReturnType<TestNode['call']>> = await node.call(
        'GET',
        `/v1/accounts?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    }
    expect(seen.slice(0, 5)).toEqual(ids.toReversed());
    expect(seen.filter((id) => id === old)).toEqual([old]);
    expect(new Set(seen).size).toBe(seen.length);
    const { body } = await node.call('GET', `/v1/accounts?q=${old}`);
    expect(body.data).toMatchObject([{ id: old }]);
  });
});

describe('who comes without the name of an account', () => {
  test('a session of the page is led to its account', async () => {
    for (const account of [old, await createAccount(node, 'standard')]) {
      const { body } = await node.call('POST', `/v1/accounts/${account}/page-sessions`);
      for (const by of nodes) {
        const page = await by.call('GET', '/v1/page', undefined, { authorization: `Bearer ${body.token}` });
        expect([page.status, page.body.account.id]).toEqual([200, account]);
      }
    }
    const wrong = await node.call('GET', '/v1/page', undefined, { authorization: 'Bearer pst_nothing' });
    expect(wrong.status).toBe(401);
  });

  test('an API key is verified, and counted in its own cell', async () => {
    for (const account of [old, await createAccount(node, 'standard')]) {
      const { body: key } = await node.call('POST', `/v1/accounts/${account}/keys`, { label: 'k', scopes: ['a'] });
      const { body } = await nodes[1].call('POST', '/v1/keys/verify', { key: key.key, scopes: ['a'] });
      expect([body.valid, body.account]).toEqual([true, account]);
    }
    expect((await node.call('POST', '/v1/keys/verify', { key: 'sk_nothing' })).body.valid).toBe(false);
  });

  test('a vendor’s own client comes with its key', async () => {
    const account = await createAccount(node, 'loop-returns');
    const { body: key } = await node.call('POST', `/v1/accounts/${account}/keys`, {
      label: 'k',
      scopes: ['developer_tools'],
    });
    const answer = await fetch(`${node.url}/api/v1/webhooks`, { headers: { 'x-authorization': key.key } });
    expect([answer.status, await answer.json()]).toEqual([200, { webhooks: [] }]);
  });

  test('a bin takes what is sent to it', async () => {
    const account = await createAccount(node, 'standard');
    const { body: bin } = await node.call('POST', `/v1/accounts/${account}/bins`);
    expect(
      (await fetch(bin.url.replace(/^https?:\/\/[^/]+/, nodes[1].url), { method: 'POST', body: 'x' })).status,
    ).toBe(200);
    const { body } = await node.call('GET', `/v1/accounts/${account}/bins/${bin.id}`);
    expect(body.requests).toHaveLength(1);
  });
});

test('all of them are listed, with how they do', async () => {
  const { body } = await node.call('GET', '/v1/cells');
  expect(body.data).toMatchObject([
    { name: 'first', state: 'up', takes_new_accounts: false },
    { name: 'two', state: 'up', takes_new_accounts: false, accounts: 0 },
    { name: 'three', state: 'up', takes_new_accounts: true },
  ]);
  const counts = await Promise.all([urls.first, urls.two, urls.three].map(accountsIn));
  expect(body.data.map(({ accounts }: { accounts: number }) => accounts)).toEqual(counts.map(({ length }) => length));
  const metrics = await (await fetch(`${node.url}/metrics`)).text();
  expect(metrics).toContain('posthorn_cell_up{cell="three"} 1');
  expect((await node.call('GET', '/v1/overview')).body.accounts).toBe(counts.flat().length);
});

test('numbers that vendors’ APIs show are nobody else’s in any cell', async () => {
  await createAccount(node, 'standard');
  const numbers = await Promise.all(
    [urls.first, urls.three].map(
      async (url) => (await query<{ number: string }>(url, 'SELECT max(number) AS number FROM accounts'))[0]?.number,
    ),
  );
  expect(Number(numbers[0])).toBeLessThan(100_000_000);
  expect(Number(numbers[1])).toBeGreaterThan(100_000_000);
});

test('event types are those of all cells', async () => {
  const account = await createAccount(node, 'standard');
  await subscribe(account);
  const schema = { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } };
  const put = await node.call('PUT', '/v1/event-types', {
    check: 'reject',
    event_types: [{ name: 'typed.event', schema }],
  });
  expect(put.status).toBe(200);
  await eventually(
    () => nodes[1].publish(account, 'typed.event', { id: 'text' }),
    ({ body }) => body.code === 'invalid_payload',
  );
  expect((await node.publish(account, 'typed.event', { id: 1 })).status).toBe(202);
  await node.call('PUT', '/v1/event-types', { check: 'off', event_types: [] });
});

test('a URL that leads to another cell, or to the first one’s database, is refused', async () => {
  const start = (databaseUrl: string, cells: string) =>
    startTestNode({ databaseUrl, environment: { POSTHORN_CELLS: cells } });
  await expect(start(urls.first, `two=${urls.three}`)).rejects.toThrow(
    'POSTHORN_CELLS: two leads to the database of the cell three',
  );
  await expect(start(urls.first, `two=${urls.first}`)).rejects.toThrow('first cell');
  await expect(startTestNode({ databaseUrl: urls.two })).rejects.toThrow('DATABASE_URL: leads to the cell two');
});

test('a node delivers for the cells that it is told to, and accepts and shows for all', async () => {
  const [first, two] = [await createDatabase(), await createDatabase()];
  const alone = await startTestNode({ databaseUrl: first });
  const here = await createAccount(alone, 'standard');
  await alone.stop();
  const startFor = (delivered: string) =>
    startTestNode({
      databaseUrl: first,
      environment: { POSTHORN_CELLS: `two=${two}`, POSTHORN_CELLS_DELIVERED: delivered },
    });
  const some = await startFor('first');
  try {
    const there = await createAccount(some, 'standard');
    for (const account of [there, here]) {
      await subscribe(account, some);
      expect((await some.publish(account, 'a.b', { account })).status).toBe(202);
    }
    await receiver.received(1);
    expect(receiver.requests.map(({ body }) => JSON.parse(body.toString()).data.account)).toEqual([here]);
    const deliveriesThere = async (status: string) =>
      (await some.call('GET', `/v1/accounts/${there}/deliveries?status=${status}`)).body.data.length;
    expect(await deliveriesThere('pending')).toBe(1);
    const others = await startFor('two');
    try {
      await receiver.received(2);
      await eventually(
        () => deliveriesThere('succeeded'),
        (count) => count === 1,
      );
    } finally {
      await others.stop();
    }
  } finally {
    await some.stop();
  }
});

describe('a cell whose database', () => {
  let databases: OwnPostgres[];
  let one: TestNode;
  const inCell = new Map<string, string>();
  const sessionOf = new Map<string, string>();
  const binOf = new Map<string, string>();
  const environmentOf = () => ({ POSTHORN_CELLS: `b=${databases[1]?.url} c=${databases[2]?.url}` });
  const start = () => startTestNode({ databaseUrl: databases[0]?.url ?? '', environment: environmentOf() });

  beforeAll(async () => {
    databases = await Promise.all([startOwnPostgres(), startOwnPostgres(), startOwnPostgres()]);
    // One after the other: each has its accounts from when it was the newest.
    const [a, b, c] = databases.map(({ url }) => url);
    for (const [name, cells] of [
      ['a', ''],
      ['b', `b=${b}`],
      ['c', `b=${b} c=${c}`],
    ] as const) {
      one = await startTestNode({ databaseUrl: a ?? '', environment: { POSTHORN_CELLS: cells } });
      const account = await createAccount(one, 'standard');
      inCell.set(name, account);
      await subscribe(account, one);
      sessionOf.set(name, (await one.call('POST', `/v1/accounts/${account}/page-sessions`)).body.token);
      binOf.set(name, new URL((await one.call('POST', `/v1/accounts/${account}/bins`)).body.url).pathname);
      await one.stop();
    }
    one = await start();
  }, 120_000);
  afterAll(async () => {
    await one.stop();
    await Promise.all(databases.map((database) => database.remove()));
  });
  const publish = (cell: string) => one.publish(inCell.get(cell) ?? '', 'a.b', { cell });

  test('cannot be reached at the start is waited for: its accounts wait, the others do not', async () => {
    await one.stop();
    await databases[1]?.stop();
    one = await start();
    expect((await publish('b')).body.code).toBe('cell_unavailable');
    expect((await one.call('GET', '/readyz')).body).toMatchObject({
      status: 'ready',
      warnings: [expect.stringContaining('the cell b')],
    });
    for (const cell of ['a', 'c']) expect((await publish(cell)).status).toBe(202);
    await receiver.received(2);
    // What comes without an account's name is found in the others; of what may be in the one that is away nobody can say.
    const token = await fetch(`${one.url}${binOf.get('a')}`, { method: 'POST', body: 'x' });
    expect(token.status).toBe(200);
    const session = await one.call('GET', '/v1/page', undefined, { authorization: `Bearer ${sessionOf.get('b')}` });
    expect([session.status, session.body.code]).toEqual([503, 'cell_unavailable']);
    const other = await one.call('GET', '/v1/page', undefined, { authorization: `Bearer ${sessionOf.get('c')}` });
    expect(other.status).toBe(200);
    expect((await one.call('GET', '/v1/accounts')).body.data).toHaveLength(2);
    expect((await one.call('GET', '/v1/cells')).body.data[1]).toMatchObject({
      name: 'b',
      state: 'away',
      accounts: null,
    });
    await databases[1]?.start();
    await eventually(
      () => publish('b'),
      ({ status }) => status === 202,
    );
    await receiver.received(3);
  });

  test('is killed loses nothing, and stops nobody else’s accounts', { timeout: 120_000 }, async () => {
    const accepted = new Map<string, Set<string>>();
    const seen = new Map<string, number>();
    receiver.respond = (request, response) => {
      const { cell, n } = JSON.parse(request.body.toString()).data;
      seen.set(`${cell} ${n}`, (seen.get(`${cell} ${n}`) ?? 0) + 1);
      response.writeHead(200).end();
    };
    let n = 0;
    let isOver = false;
    const failedWhileAway = new Map<string, number>();
    let killed = '';
    const work = async (cell: string) => {
      while (!isOver) {
        const number = ++n;
        const { status } = await one.publish(inCell.get(cell) ?? '', 'a.b', { cell, n: number });
        if (status === 202) accepted.set(cell, (accepted.get(cell) ?? new Set()).add(String(number)));
        else if (killed !== cell) failedWhileAway.set(cell, (failedWhileAway.get(cell) ?? 0) + 1);
      }
    };
    const workers = ['a', 'b', 'c'].flatMap((cell) => [work(cell), work(cell)]);
    const count = (cell: string) => accepted.get(cell)?.size ?? 0;
    const more = (cell: string, by: number) => {
      const wanted = count(cell) + by;
      return eventually(
        async () => count(cell),
        (now) => now >= wanted,
        30_000,
      );
    };
    for (const [cell, at] of [
      ['b', 1],
      ['c', 2],
      ['a', 0],
      ['b', 1],
    ] as const) {
      await more(cell, 20);
      killed = cell;
      databases[at]?.kill();
      for (const other of ['a', 'b', 'c']) if (other !== cell) await more(other, 50);
      await more(cell, 20);
    }
    isOver = true;
    await Promise.all(workers);
    for (const [cell, numbers] of accepted) {
      await eventually(
        async () => [...numbers].filter((number) => !seen.has(`${cell} ${number}`)),
        (missing) => missing.length === 0,
        30_000,
      );
    }
    expect(failedWhileAway).toEqual(new Map());
  });
});
