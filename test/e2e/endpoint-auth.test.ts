/** Authentication of requests to receivers, besides their signature: Basic, a token, OAuth 2. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, shiftedClock, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount } from '../support/vendors.ts';

interface Asked {
  authorization: string | undefined;
  form: URLSearchParams;
}

/** A token endpoint: each token is another one, and lives as long as it is told. */
async function startTokenServer() {
  const asked: Asked[] = [];
  const state = { lifeS: 3_600 as number | undefined, status: 200, delayMs: 0 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      asked.push({ authorization: request.headers.authorization, form });
      const number = asked.length;
      await new Promise((resolve) => setTimeout(resolve, state.delayMs));
      const body =
        state.status === 200
          ? { access_token: `token-${number}`, token_type: 'Bearer', expires_in: state.lifeS }
          : { error: 'invalid_client' };
      response.writeHead(state.status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return { asked, state, url, stop: () => new Promise((resolve) => server.close(resolve)) };
}

const clock = shiftedClock();
let databaseUrl: string;
let node: TestNode;
let other: TestNode;
let receiver: Receiver;
let tokens: Awaited<ReturnType<typeof startTokenServer>>;
let account: string;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  node = await startTestNode({ databaseUrl, clock, random: () => 0 });
  other = await startTestNode({ databaseUrl, clock, random: () => 0 });
  receiver = await Receiver.start();
});
afterAll(async () => {
  await node.stop();
  await other.stop();
  await receiver.stop();
});
beforeEach(async () => {
  tokens = await startTokenServer();
  account = await createAccount(node, 'standard');
  receiver.requests.splice(0);
  receiver.respond = (_, response) => void response.writeHead(200).end();
  return () => tokens.stop();
});

const create = (auth: object | null, more: object = {}) =>
  node.call('POST', `/v1/accounts/${account}/endpoints`, {
    url: receiver.url(),
    subscriptions: [{ trigger: '*' }],
    auth,
    ...more,
  });
const oauth = (more: object = {}) => ({
  type: 'oauth2',
  token_url: tokens.url,
  client_id: 'shop',
  client_secret: 's3cret&',
  ...more,
});
const sent = () => receiver.requests.map(({ headers }) => headers.authorization);
async function publish(count = 1, on = node): Promise<void> {
  const before = receiver.requests.length;
  for (let i = 0; i < count; i++) await on.publish(account, 'a.b', { i });
  await receiver.received(before + count);
}

describe('a password or a token', () => {
  test.each([
    [{ type: 'basic', username: 'shop', password: 'pass:word' }, `Basic ${btoa('shop:pass:word')}`],
    [{ type: 'bearer', token: 'abc.def' }, 'Bearer abc.def'],
  ])('is sent with every request: %j', async (auth, expected) => {
    await create(auth);
    await publish(2);
    expect(sent()).toEqual([expected, expected]);
  });

  test('attack: it is never shown again, not in an answer, not in the history, not in the audit log, not in the database', async () => {
    const { body } = await create({ type: 'basic', username: 'shop', password: 'hidden-password' });
    expect(body.auth).toEqual({ type: 'basic', username: 'shop' });
    await publish();
    const texts = [
      JSON.stringify(body),
      (await node.call('GET', `/v1/accounts/${account}/endpoints/${body.id}`)).text,
      (await node.call('GET', `/v1/accounts/${account}/audit`)).text,
    ];
    const [delivery] = await eventually(
      async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data,
      ([one]) => one?.status === 'succeeded',
    );
    texts.push((await node.call('GET', `/v1/accounts/${account}/deliveries/${delivery.id}`)).text);
    const rows = await query(databaseUrl, 'SELECT encode(ciphertext, $1) AS sealed FROM endpoint_auth', ['escape']);
    texts.push(JSON.stringify(rows));
    for (const text of texts) {
      expect(text).not.toContain('hidden-password');
      expect(text).not.toContain(btoa('shop:hidden-password'));
    }
  });

  test('is changed, kept when something else changes, and taken away', async () => {
    const { body } = await create({ type: 'bearer', token: 'one' });
    const change = (changes: object) => node.call('PATCH', `/v1/accounts/${account}/endpoints/${body.id}`, changes);
    await change({ description: 'x' });
    await publish();
    await change({ auth: { type: 'bearer', token: 'two' } });
    await publish();
    expect((await change({ auth: null })).body.auth).toBeNull();
    await publish();
    expect(sent()).toEqual(['Bearer one', 'Bearer two', undefined]);
  });

  test('attack: credentials do not go along to another address', async () => {
    const { body } = await create({ type: 'bearer', token: 'secret' });
    const move = (more: object) =>
      node.call('PATCH', `/v1/accounts/${account}/endpoints/${body.id}`, { url: 'http://127.0.0.1:9/x', ...more });
    expect((await move({})).body.errors).toMatchObject([{ pointer: '#/auth/token' }]);
    expect((await move({ url: receiver.url('/other-path') })).status).toBe(200);
    expect((await move({ auth: null })).status).toBe(200);
  });

  test('what is wrong is said with its place', async () => {
    const wrong = async (auth: object, more = {}) => (await create(auth, more)).body.errors?.[0]?.pointer;
    expect(await wrong({ type: 'basic', username: 'a:b', password: 'x' })).toBe('#/auth/username');
    expect(await wrong({ type: 'bearer', token: 'x' }, { headers: { Authorization: 'y' } })).toBe(
      '#/headers/Authorization',
    );
    expect(await wrong(oauth({ token_url: 'http://10.0.0.1/' }))).toBe('#/auth/token_url');
    expect(await wrong({ type: 'bearer', token: 'x\r\ny' })).toBe('#/auth/token');
    expect(await wrong({ type: 'basic', username: 'x' })).toBe('#/auth/password');
    expect(await wrong({ type: 'bearer', token: 'x', username: 'y' })).toBe('#/auth/username');
    account = await createAccount(node, 'loop-returns');
    const pair = { subscriptions: [{ topic: 'label', trigger: 'label.updated' }] };
    expect((await create({ type: 'bearer', token: 'x' }, pair)).body.code).toBe('not_supported');
  });
});

describe('OAuth 2', () => {
  test('a token is asked for with the credentials of the client, and used until it ends', async () => {
    await create(oauth({ scope: 'hooks', audience: 'https://api.example.com' }));
    await publish(3);
    expect(sent()).toEqual(Array(3).fill('Bearer token-1'));
    expect(tokens.asked).toHaveLength(1);
    const [first] = tokens.asked;
    expect(first?.authorization).toBe(`Basic ${btoa('shop:s3cret%26')}`);
    expect(Object.fromEntries(first?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      scope: 'hooks',
      audience: 'https://api.example.com',
    });
  });

  test('credentials go into the body where the endpoint wants them there', async () => {
    await create(oauth({ credentials_in: 'body' }));
    await publish();
    expect(tokens.asked[0]?.authorization).toBeUndefined();
    expect(tokens.asked[0]?.form.get('client_secret')).toBe('s3cret&');
  });

  test('nodes share it, and one asks at a time, however many deliveries wait', async () => {
    tokens.state.delayMs = 500;
    await create(oauth());
    const before = receiver.requests.length;
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? node : other).publish(account, 'a.b', { i })));
    await receiver.received(before + 20);
    expect(new Set(sent())).toEqual(new Set(['Bearer token-1']));
    expect(tokens.asked).toHaveLength(1);
  });

  test('it is renewed before it ends, and no delivery waits for that', async () => {
    tokens.state.lifeS = 600;
    tokens.state.delayMs = 300;
    await create(oauth());
    await publish();
    clock.jump(545_000);
    await publish();
    expect(sent()).toEqual(['Bearer token-1', 'Bearer token-1']);
    const last = async () => {
      await publish();
      return sent().at(-1);
    };
    await eventually(last, (one) => one === 'Bearer token-2');
    expect(tokens.asked).toHaveLength(2);
  });

  test('one that has ended is not used', async () => {
    tokens.state.lifeS = 60;
    await create(oauth());
    await publish();
    clock.jump(61_000);
    await publish();
    expect(sent()).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('one that the receiver refuses is replaced for the next try', async () => {
    receiver.respond = ({ headers }, response) =>
      void response.writeHead(headers.authorization === 'Bearer token-1' ? 401 : 200).end();
    const { body } = await create(oauth());
    await node.publish(account, 'a.b', {});
    await receiver.received(1);
    const [delivery] = await eventually(
      async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?endpoint=${body.id}`)).body.data,
      ([one]) => one?.status === 'failed',
    );
    const again = () => node.call('POST', `/v1/accounts/${account}/deliveries/${delivery.id}/retry`);
    // Not for each refusal: a receiver may refuse every token.
    await again();
    await receiver.received(2);
    clock.jump(31_000);
    await eventually(
      async () => (await again()) && sent(),
      (all) => all.includes('Bearer token-2'),
    );
    expect(tokens.asked).toHaveLength(2);
  });

  test('without a token nothing is sent: the attempt says why, and is tried again when there is one', async () => {
    tokens.state.status = 401;
    await create(oauth());
    await node.publish(account, 'a.b', {});
    const list = async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
    const [delivery] = await eventually(list, ([one]) => one?.status === 'failed');
    const path = `/v1/accounts/${account}/deliveries/${delivery.id}`;
    const [attempt] = (await node.call('GET', path)).body.attempts;
    expect(attempt).toMatchObject({
      error: 'auth_failed',
      error_detail: 'The token endpoint answers 401 and says invalid_client.',
    });
    expect(receiver.requests).toEqual([]);
    tokens.state.status = 200;
    clock.jump(6_000);
    await node.call('POST', `${path}/retry`);
    await receiver.received(1);
    expect(sent()).toEqual([`Bearer token-${tokens.asked.length}`]);
  });

  test('a token endpoint that fails is not asked by every delivery that waits', async () => {
    tokens.state.status = 500;
    await create(oauth());
    for (let i = 0; i < 20; i++) await node.publish(account, 'a.b', { i });
    const list = async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
    await eventually(list, (all) => all.filter(({ status }: { status: string }) => status === 'failed').length >= 10);
    expect(tokens.asked.length).toBeLessThan(5);
  });

  test.each([1e15, 0.001, -1, 'soon', null])('a life of %j does no harm', async (life) => {
    tokens.state.lifeS = life as number;
    await create(oauth());
    await publish(2);
    expect(new Set(sent())).toEqual(new Set(['Bearer token-1']));
  });

  test('right credentials help at once after wrong ones', async () => {
    tokens.state.status = 401;
    const { body } = await create(oauth());
    await node.publish(account, 'a.b', {});
    await eventually(
      async () => tokens.asked.length,
      (count) => count > 0,
    );
    tokens.state.status = 200;
    await node.call('PATCH', `/v1/accounts/${account}/endpoints/${body.id}`, {
      auth: oauth({ client_secret: 'right' }),
    });
    await publish();
    expect(sent().at(-1)).toMatch(/^Bearer token-/);
  });

  test('what a slow token endpoint takes is the time of the attempt', async () => {
    tokens.state.delayMs = 700;
    await create(oauth());
    await publish();
    const list = async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
    const [delivery] = await eventually(list, ([one]) => one?.status === 'succeeded');
    const [attempt] = (await node.call('GET', `/v1/accounts/${account}/deliveries/${delivery.id}`)).body.attempts;
    expect(attempt.duration_ms).toBeGreaterThanOrEqual(700);
  });

  test('another client gets another token at once', async () => {
    const { body } = await create(oauth());
    await publish();
    await node.call('PATCH', `/v1/accounts/${account}/endpoints/${body.id}`, { auth: oauth({ client_id: 'other' }) });
    await publish();
    expect(sent()).toEqual(['Bearer token-1', 'Bearer token-2']);
    expect(atob(tokens.asked[1]?.authorization?.slice(6) ?? '')).toMatch(/^other:/);
  });
});

test('the endpoint of docs/authentication.md can be created', async () => {
  const page = readFileSync(new URL('../../docs/authentication.md', import.meta.url), 'utf8');
  const [, json = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const answer = await node.call('POST', `/v1/accounts/${account}/endpoints`, json.replace('"…"', '"secret"'));
  expect(answer).toMatchObject({ status: 201, body: { auth: { type: 'oauth2', client_id: 'shop', scope: 'hooks' } } });
});
