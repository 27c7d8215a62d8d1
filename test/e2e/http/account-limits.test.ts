/** What the people of one account may ask of a node, through its page or a vendor's API, and that nobody else notices. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../../support/database.ts';
import { eventually, shiftedClock, startTestNode, type TestAnswer, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';
import { createAccount, createKey } from '../../support/vendors.ts';

const clock = shiftedClock();
let node: TestNode;
let receiver: Receiver;
let account: string;
let endpoint: string;

beforeAll(async () => {
  [node, receiver] = await Promise.all([startTestNode({ clock }), Receiver.start()]);
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});
beforeEach(async () => {
  ({ account, endpoint } = await node.createEndpoint(receiver.url()));
});

async function sessionOf(of: string, permissions = ['read', 'webhooks', 'keys']): Promise<Record<string, string>> {
  const { body } = await node.call('POST', `/v1/accounts/${of}/page-sessions`, { permissions });
  return { authorization: `Bearer ${body.token}` };
}

/** Asks, ten at a time, until one is refused; answers that refusal. On a slow machine it takes a few more than the limit. */
async function askUntilRefused(limit: number, one: () => Promise<TestAnswer>): Promise<TestAnswer> {
  for (let asked = 0; asked <= 3 * limit; asked += 10) {
    const answers = await Promise.all(Array.from({ length: 10 }, one));
    const refusal = answers.find(({ status }) => status === 429);
    if (refusal) {
      expect(asked + 10).toBeGreaterThan(limit);
      return refusal;
    }
  }
  throw new Error(`${3 * limit} calls were let through`);
}

function expectRefusal(answer: TestAnswer): number {
  expect(answer.body).toMatchObject({ status: 429, code: 'too_many_requests' });
  const waitS = Number(answer.headers.get('retry-after'));
  expect(waitS).toBeGreaterThan(0);
  return waitS;
}

describe('attack: a session asks too often', () => {
  test.each<[string, number, string, string, object | undefined]>([
    ['testing mode', 20, 'POST', '/endpoints/{endpoint}/testing-mode', { enabled: false }],
    ['secrets', 120, 'GET', '/endpoints/{endpoint}/secret', undefined],
    ['checks of signatures', 120, 'POST', '/endpoints/{endpoint}/verify', { headers: {}, body: 'x'.repeat(1_000) }],
    ['changes of webhooks', 300, 'PATCH', '/endpoints/{endpoint}', { description: 'again' }],
    ['keys', 60, 'POST', '/keys', { label: 'A', scopes: [] }],
    ['bins', 60, 'POST', '/bins', {}],
    ['resends', 120, 'POST', '/deliveries/dlv_01m8er61naer0v3yn8cpv9bbwe/retry', undefined],
    ['replays', 60, 'POST', '/replay', { dry_run: true, from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }],
  ])('%s', async (_, limit, method, path, body) => {
    const other = await node.createEndpoint(receiver.url());
    const session = await sessionOf(account);
    const addressOf = (of: string, id: string) => `/v1/accounts/${of}${path.replace('{endpoint}', id)}`;
    const refusal = await askUntilRefused(limit, () => node.call(method, addressOf(account, endpoint), body, session));
    const waitS = expectRefusal(refusal);
    // Other accounts, and the operator, go on.
    const others = await sessionOf(other.account);
    const elsewhere = await node.call(method, addressOf(other.account, other.endpoint), body, others);
    expect(elsewhere.status).not.toBe(429);
    expect((await node.call(method, addressOf(account, endpoint), body)).status).not.toBe(429);
    clock.jump(waitS * 1_000);
    expect((await node.call(method, addressOf(account, endpoint), body, session)).status).not.toBe(429);
  });

  test('tests, whoever asks: each is a request to somebody', async () => {
    const path = `/v1/accounts/${account}/endpoints/${endpoint}/test`;
    const refusal = await askUntilRefused(300, () => node.call('POST', path, {}));
    expectRefusal(refusal);
    // An example is a test of each webhook.
    await askUntilRefused(5, () => node.call('POST', `/v1/accounts/${account}/examples`, { trigger: 'a.b' }));
  });

  test('the audit log is not flooded', async () => {
    const session = await sessionOf(account);
    await askUntilRefused(120, () =>
      node.call('GET', `/v1/accounts/${account}/endpoints/${endpoint}/secret`, undefined, session),
    );
    const { body } = await node.call('GET', `/v1/accounts/${account}/audit?limit=200`);
    expect(body.data.length).toBeLessThanOrEqual(130);
  });

  test('live views: twenty of an account, and room for the others', async () => {
    const session = await sessionOf(account, ['read']);
    const ended = new AbortController();
    const watch = (of: string, headers: Record<string, string>) =>
      fetch(`${node.url}/v1/accounts/${of}/deliveries/live`, { headers, signal: ended.signal });
    const open = await Promise.all(Array.from({ length: 25 }, () => watch(account, session)));
    expect(open.filter(({ status }) => status === 200)).toHaveLength(20);
    const refused = open.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(5);
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    const other = await createAccount(node, 'standard');
    expect((await watch(other, await sessionOf(other))).status).toBe(200);
    ended.abort();
    // A place is free again when a page is closed.
    await eventually(
      async () => {
        const again = new AbortController();
        const answer = await fetch(`${node.url}/v1/accounts/${account}/deliveries/live`, {
          headers: session,
          signal: again.signal,
        });
        again.abort();
        return answer.status;
      },
      (status) => status === 200,
    );
  });
});

describe('attack: what needs no session', () => {
  test('answers that nobody reads: so many of an account at a time, and room for the others', async () => {
    const { body: bin } = await node.call('POST', `/v1/accounts/${account}/bins`);
    // Written as JSON, each of these bytes is six.
    for (let i = 0; i < 16; i++) await fetch(bin.url, { method: 'POST', body: '\u0001'.repeat(65_536) });
    const session = await sessionOf(account, ['read']);
    const { hostname, port } = new URL(node.url);
    const path = `/v1/accounts/${account}/bins/${bin.id}`;
    const lines = [`GET ${path} HTTP/1.1`, `Host: ${hostname}`, `Authorization: ${session.authorization}`, '', ''];
    /** Reads where an answer begins, and no more of it. */
    const beginning = async (socket: Socket) => {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      socket.pause();
      return chunk.toString('latin1', 9, 12);
    };
    const unread = Array.from({ length: 30 }, () => connect(Number(port), hostname));
    for (const socket of unread) socket.write(lines.join('\r\n'));
    const statuses = await Promise.all(unread.map(beginning));
    // 32 MiB are five of six megabytes each.
    const letThrough = statuses.filter((status) => status === '200').length;
    expect(statuses.filter((status) => status === '429')).toHaveLength(30 - letThrough);
    expect(letThrough).toBeGreaterThan(0);
    expect(letThrough).toBeLessThanOrEqual(6);
    const other = await node.createEndpoint(receiver.url());
    const others = await sessionOf(other.account, ['read']);
    expect((await node.call('GET', `/v1/accounts/${other.account}/endpoints`, undefined, others)).status).toBe(200);
    const mine = () => node.call('GET', path, undefined, session);
    expectRefusal(await mine());
    for (const socket of unread) socket.destroy();
    await eventually(mine, ({ status }) => status === 200);
  });

  test('requests into a bin', async () => {
    const [bin, other] = [account, await createAccount(node, 'standard')].map(
      async (of) => (await node.call('POST', `/v1/accounts/${of}/bins`, {})).body.url as string,
    );
    const send = async (url: string): Promise<TestAnswer> => {
      const answer = await fetch(url, { method: 'POST', body: 'x' });
      const body = (await answer.text()) as unknown;
      return { status: answer.status, headers: answer.headers, text: '', body };
    };
    const url = (await bin) ?? '';
    const refusal = await askUntilRefused(600, () => send(url));
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await send((await other) ?? '')).status).toBe(200);
  });

  test('sessions of the page, which the product makes for whoever asks', async () => {
    const make = (of: string) => node.call('POST', `/v1/accounts/${of}/page-sessions`, {});
    const refusal = await askUntilRefused(300, () => make(account));
    expectRefusal(refusal);
    expect((await make(await createAccount(node, 'standard'))).status).toBe(201);
  });

  test.each([
    ['loop-returns', 'developer_tools', '/api/v1/webhooks', 'x-authorization'],
    ['loop-subscriptions', 'webhooks:write', '/admin/2023-10/webhook', 'x-loop-token'],
  ])(
    'the API of %s refuses in the vendor’s own form, all keys of an account together',
    async (contract, scope, path, header) => {
      const shop = await createAccount(node, contract);
      const keys = [await createKey(node, shop, [scope]), await createKey(node, shop, [scope])];
      let calls = 0;
      const refusal = await askUntilRefused(300, () =>
        node.call('POST', path, {}, { [header]: keys[calls++ % 2] ?? '' }),
      );
      expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(refusal.body.code).toBeUndefined();
      const another = await createAccount(node, contract);
      const key = await createKey(node, another, [scope]);
      expect((await node.call('POST', path, {}, { [header]: key })).status).toBe(422);
    },
  );
});

test('an account has at most a thousand sessions at a time: those that end first make room', async () => {
  await query(
    node.databaseUrl,
    `INSERT INTO page_sessions (digest, account_id, permissions, theme, expires_at)
     SELECT sha256(n::text::bytea), $1, '["read"]', '{}', now() + make_interval(hours => n) FROM generate_series(2, 1500) n`,
    [account],
  );
  const other = await createAccount(node, 'standard');
  await sessionOf(other);
  const session = await sessionOf(account);
  const count = (of: string) =>
    query<{ n: number }>(node.databaseUrl, 'SELECT count(*)::int AS n FROM page_sessions WHERE account_id = $1', [of]);
  expect(await count(account)).toEqual([{ n: 1_000 }]);
  expect(await count(other)).toEqual([{ n: 1 }]);
  // The new one ends first of all, and is not the one that goes.
  expect((await node.call('GET', '/v1/page', undefined, session)).status).toBe(200);
});
