/** The operator's way in: the link of the start, the operator key, and what happens to whoever guesses it. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request as open } from 'node:http';
import { Writable } from 'node:stream';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../../support/database.ts';
import { eventually, OPERATOR_KEY, shiftedClock, startTestNode, type TestNode } from '../../support/node.ts';

const MINUTE_MS = 60_000;
const TRIES = 10;

let node: TestNode;
let clock: ReturnType<typeof shiftedClock>;
let lines: { msg: string; ip?: string }[];

async function start(environment: Record<string, string> = {}, databaseUrl?: string): Promise<void> {
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  node = await startTestNode({
    clock,
    environment,
    ...(databaseUrl ? { databaseUrl } : {}),
    logger: pino({ level: 'warn', base: null }, sink),
  });
}

beforeEach(() => {
  lines = [];
  clock = shiftedClock();
});
afterEach(() => node.stop());

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
}

/** A request from an address of the loopback network: `127.0.0.2` is another sender than `127.0.0.3`. */
async function ask(
  method: string,
  path: string,
  from: string,
  headers: object,
  body?: string,
  agent: Agent | false = false,
): Promise<Answer> {
  const { hostname, port } = new URL(node.url);
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const sent = open({
    hostname,
    port,
    path,
    method,
    localAddress: from,
    headers: { ...type, ...headers },
    agent,
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode ?? 0, headers: response.headers };
}

const signIn = (key: string, from: string, headers: object = {}) =>
  ask('POST', '/sign-in', from, headers, JSON.stringify({ key }));
const list = (key: string, from: string, headers: object = {}) =>
  ask('GET', '/v1/accounts', from, { authorization: `Bearer ${key}`, ...headers });

async function repeat(count: number, one: (i: number) => Promise<Answer>): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < count; i++) statuses.push((await one(i)).status);
  return statuses;
}

describe('the sign-in link', () => {
  const follow = (headers: Record<string, string> = {}) =>
    fetch(`${node.url}/sign-in?token=test-sign-in-token`, { redirect: 'manual', headers });

  test('works for fifteen minutes', async () => {
    await start();
    clock.jump(15 * MINUTE_MS);
    const late = await follow();
    expect([late.headers.get('location'), late.headers.get('set-cookie')]).toEqual(['/console/?link=expired', null]);
    const wrong = await fetch(`${node.url}/sign-in?token=wrong`, { redirect: 'manual' });
    expect(wrong.headers.get('location')).toBe('/console/?link=used');
  });

  test('is not used up by who only looks ahead', async () => {
    await start();
    const head = await fetch(`${node.url}/sign-in?token=test-sign-in-token`, { method: 'HEAD', redirect: 'manual' });
    expect(head.headers.get('set-cookie')).toBeNull();
    const ahead = [{ 'sec-purpose': 'prefetch;prerender' }, { purpose: 'prefetch' }, { 'x-moz': 'prefetch' }];
    for (const headers of ahead) expect((await follow(headers)).headers.get('set-cookie')).toBeNull();
    expect((await follow()).headers.get('location')).toBe('/console/');
  });
});

describe('the cookie', () => {
  test('is bound to this host behind TLS, and no other name is taken for it', async () => {
    await start({ POSTHORN_PUBLIC_URL: 'https://hooks.example.com' });
    const { headers } = await signIn(OPERATOR_KEY, '127.0.0.1');
    const cookie = headers['set-cookie']?.[0] ?? '';
    expect(cookie).toMatch(/^__Host-posthorn_session=pst_\S+; Path=\/; .*Secure/);
    expect(cookie).not.toMatch(/domain/i);
    const [own = ''] = cookie.split(';');
    const status = async (text: string) => (await ask('GET', '/v1/page', '127.0.0.1', { cookie: text })).status;
    expect(await status(own)).toBe(200);
    // As another host of the same domain could plant it.
    expect(await status(own.replace('__Host-', ''))).toBe(401);
    expect(await status(`${own.replace(/=.*/, '=pst_planted').replace('__Host-', '')}; ${own}`)).toBe(200);
    const signedOut = await ask('POST', '/sign-out', '127.0.0.1', { cookie: own });
    expect(signedOut.headers['set-cookie']?.[0]).toMatch(/^__Host-posthorn_session=; Path=\/; Max-Age=0;.*Secure/);
    expect(await status(own)).toBe(401);
  });

  test('has its plain name without TLS', async () => {
    await start();
    const { headers } = await signIn(OPERATOR_KEY, '127.0.0.1');
    expect(headers['set-cookie']?.[0]).toMatch(/^posthorn_session=pst_/);
    expect(headers['set-cookie']?.[0]).not.toContain('Secure');
  });
});

describe('attack: guessing the operator key', () => {
  test.each([
    ['at the sign-in', signIn],
    ['at the API', list],
  ])('%s is slowed down, for that address alone', async (_, attempt) => {
    await start();
    expect(await repeat(TRIES, (i) => attempt(`guess-${i}`, '127.0.0.2'))).toEqual(Array(TRIES).fill(401));
    const refused = await attempt('one-more', '127.0.0.2');
    expect(refused.status).toBe(429);
    const waitS = Number(refused.headers['retry-after']);
    expect(waitS).toBeGreaterThan(0);
    expect(waitS).toBeLessThanOrEqual(60);
    // The right key is not told from the others, wherever it is tried from there.
    expect([(await signIn(OPERATOR_KEY, '127.0.0.2')).status, (await list(OPERATOR_KEY, '127.0.0.2')).status]).toEqual([
      429, 429,
    ]);
    expect((await list(OPERATOR_KEY, '127.0.0.3')).status).toBe(200);
    expect((await signIn(OPERATOR_KEY, '127.0.0.3')).status).toBe(204);
    clock.jump(waitS * 1000);
    expect((await attempt(OPERATOR_KEY, '127.0.0.2')).status).toBeLessThan(300);
  });

  test('does not stop publishers that came from the same address before, nor sessions', async () => {
    await start();
    expect((await list(OPERATOR_KEY, '127.0.0.2')).status).toBe(200);
    const account = await node.call('POST', '/v1/accounts', { name: 'A', contract: 'standard' });
    const { token } = (await node.call('POST', `/v1/accounts/${account.body.id}/page-sessions`)).body;
    const statuses = await repeat(TRIES + 5, (i) => list(`guess-${i}`, '127.0.0.2'));
    expect(statuses.slice(TRIES)).toEqual(Array(5).fill(429));
    expect((await list(OPERATOR_KEY, '127.0.0.2')).status).toBe(200);
    const page = () => ask('GET', '/v1/page', '127.0.0.4', { authorization: `Bearer ${token}` });
    await repeat(TRIES + 1, (i) => list(`guess-${i}`, '127.0.0.4'));
    expect((await page()).status).toBe(200);
  });

  test('from many addresses is slowed down for all who guess, and for nobody who knows it', async () => {
    await start();
    const statuses = await repeat(150, (i) => list(`guess-${i}`, `127.1.${i}.1`));
    expect(statuses.slice(0, 50)).toEqual(Array(50).fill(401));
    expect(statuses).toContain(429);
    expect((await list(OPERATOR_KEY, '127.2.0.1')).status).toBe(200);
    expect((await signIn(OPERATOR_KEY, '127.2.0.2')).status).toBe(204);
  });

  test('through a proxy is told apart by the address that the proxy adds', async () => {
    await start();
    const through = (key: string, forwarded: string) => list(key, '127.0.0.1', { 'x-forwarded-for': forwarded });
    // What stands before it was sent by the guesser.
    await repeat(TRIES, (i) => through(`guess-${i}`, `198.51.100.${i}, 203.0.113.9`));
    expect((await through(OPERATOR_KEY, '198.51.100.77, 203.0.113.9')).status).toBe(429);
    expect((await through(OPERATOR_KEY, '203.0.113.10')).status).toBe(200);
    // A network that one sender has whole.
    await repeat(TRIES, (i) => through(`guess-${i}`, `2001:db8:1:2::${i + 1}`));
    expect((await through(OPERATOR_KEY, '2001:db8:1:2:ffff::1')).status).toBe(429);
    expect((await through(OPERATOR_KEY, '2001:db8:1:3::1')).status).toBe(200);
  });

  test('through a proxy that keeps its connection does not stop the publisher who shares it', async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const through = (key: string, forwarded: string) =>
      ask(
        'GET',
        '/v1/accounts',
        '127.0.0.1',
        { authorization: `Bearer ${key}`, 'x-forwarded-for': forwarded },
        undefined,
        agent,
      );
    expect((await through(OPERATOR_KEY, '203.0.113.1')).status).toBe(200);
    expect((await through(OPERATOR_KEY, '203.0.113.2')).status).toBe(200);
    await repeat(TRIES + 2, (i) => through(`guess-${i}`, '203.0.113.2'));
    expect((await through(OPERATOR_KEY, '203.0.113.2')).status).toBe(200);
    agent.destroy();
  });

  test('does not stop a publisher that came from there before this node was started', async () => {
    await start();
    expect((await list(OPERATOR_KEY, '127.0.0.2')).status).toBe(200);
    await eventually(
      () => query(node.databaseUrl, "SELECT FROM settings WHERE name = 'trusted_networks' AND value ~ '127.0.0.2'"),
      (rows) => rows.length === 1,
    );
    const { databaseUrl } = node;
    await node.stop();
    await start({}, databaseUrl);
    await repeat(TRIES + 2, (i) => list(`guess-${i}`, '127.0.0.2'));
    expect((await list(OPERATOR_KEY, '127.0.0.2')).status).toBe(200);
    expect((await list('guess', '127.0.0.2')).status).toBe(429);
  });

  test('where no proxy stands before the server, addresses are those that connect', async () => {
    await start({ POSTHORN_TRUSTED_PROXIES: 'none' });
    await repeat(TRIES + 2, (i) => list(`guess-${i}`, '127.0.0.2', { 'x-forwarded-for': '203.0.113.9' }));
    expect((await list(OPERATOR_KEY, '127.0.0.3', { 'x-forwarded-for': '203.0.113.9' })).status).toBe(200);
    expect((await list(OPERATOR_KEY, '127.0.0.2')).status).toBe(429);
  });

  test('is logged with the address, and the log is not flooded', async () => {
    await start();
    await repeat(60, (i) => list(`guess-${i}`, `127.3.${i}.1`));
    await repeat(60, (i) => signIn(`guess-${i}`, '127.0.0.2'));
    const told = lines.filter(({ msg }) => /wrong operator key/.test(msg));
    expect(told.map(({ ip }) => ip)).toContain('127.3.0.1');
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThanOrEqual(30);
    expect(JSON.stringify(lines)).not.toContain('guess-');
  });
});
