/** Request bins over HTTP: what they keep, how they answer, and when they end. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OPERATOR_KEY, startTestNode, type TestNode } from '../../support/node.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const WEEK_MS = 7 * 86_400_000;
const clock = new VirtualClock();
let node: TestNode;
let account: string;

beforeAll(async () => {
  node = await startTestNode({ clock });
});
afterAll(async () => {
  await node.stop();
  clock.stop();
});
beforeEach(async () => {
  account = (await node.call('POST', '/v1/accounts', { name: 'Bins', contract: 'standard' })).body.id;
});

const bins = () => `/v1/accounts/${account}/bins`;
const send = (url: string, body: string, method = 'POST') =>
  fetch(url, { method, headers: { 'content-type': 'text/plain' }, ...(method === 'GET' ? {} : { body }) });

describe('a bin', () => {
  test('answers as it was told, and as it is told later', async () => {
    const { body: bin } = await node.call('POST', bins(), { status: 503, body: 'later' });
    const first = await send(bin.url, 'one');
    expect([first.status, await first.text()]).toEqual([503, 'later']);
    await node.call('PATCH', `${bins()}/${bin.id}`, { status: 204 });
    expect((await send(bin.url, 'two')).status).toBe(204);
  });

  test('keeps requests of any method, newest first, and tells only of those since a moment', async () => {
    const { body: bin } = await node.call('POST', bins());
    await send(bin.url, 'one', 'PUT');
    const before = clock.now();
    clock.jump(60_000);
    await send(`${bin.url}?a=b`, 'two');
    const read = async (query = '') => (await node.call('GET', `${bins()}/${bin.id}${query}`)).body.requests;
    expect(await read()).toMatchObject([
      { method: 'POST', body: 'two', path: expect.stringMatching(/\?a=b$/) },
      { method: 'PUT', body: 'one' },
    ]);
    expect(await read(`?from=${new Date(before + 30_000).toISOString()}`)).toMatchObject([{ body: 'two' }]);
    expect(await node.call('GET', `${bins()}/${bin.id}?from=yesterday`)).toMatchObject({ status: 400 });
  });

  test('keeps the newest hundred, and the first 64 KiB of each', async () => {
    const { body: bin } = await node.call('POST', bins(), {});
    await send(bin.url, 'x'.repeat(70_000));
    const [large] = (await node.call('GET', `${bins()}/${bin.id}`)).body.requests;
    expect(large).toMatchObject({ truncated: true });
    expect(large.body).toHaveLength(65_536);
    for (let i = 0; i < 100; i++) await send(bin.url, `${i}`);
    const { requests } = (await node.call('GET', `${bins()}/${bin.id}`)).body;
    expect(requests.map((request: { body: string }) => request.body)).toEqual(
      Array.from({ length: 100 }, (_, i) => `${99 - i}`),
    );
  });

  test('keeps a mebibyte of bodies in all: they are shown in one answer', async () => {
    const { body: bin } = await node.call('POST', bins(), {});
    for (let i = 0; i < 20; i++) await send(bin.url, `${i}`.padStart(65_536, '.'));
    const { requests } = (await node.call('GET', `${bins()}/${bin.id}`)).body;
    expect(requests).toHaveLength(16);
    expect(requests[0].body.endsWith('.19')).toBe(true);
  });

  test('shows a body that was cut inside a character as text, and headers of any name', async () => {
    const { body: bin } = await node.call('POST', bins(), {});
    // Not by fetch(), which does not send such a name.
    const sent = httpRequest(bin.url, { method: 'POST', headers: ['host', 'a', '__proto__', 'a'] });
    const [response] = await once(sent.end('€'.repeat(30_000)), 'response');
    response.resume();
    const [request] = (await node.call('GET', `${bins()}/${bin.id}`)).body.requests;
    expect(request).toMatchObject({ truncated: true, body_encoding: 'utf8', body: '€'.repeat(21_845) });
    expect(Object.entries(request.headers)).toContainEqual(['__proto__', 'a']);
  });

  test('says who signed: found out when it comes, whatever it is', async () => {
    const { body: bin } = await node.call('POST', bins(), {});
    const { body: endpoint } = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: bin.url,
      subscriptions: [{ trigger: '*' }],
    });
    await node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint.id}/test`);
    const headers = { 'webhook-id': 'a', 'webhook-timestamp': '1', 'webhook-signature': 'v1,AAAA' };
    // So deep that it can be parsed, and not be written again.
    await fetch(bin.url, { method: 'POST', headers, body: '['.repeat(30_000) + ']'.repeat(30_000) });
    const { status, body } = await node.call('GET', `${bins()}/${bin.id}`);
    expect(status).toBe(200);
    expect(body.requests.map((one: { verified_by: string | null }) => one.verified_by)).toEqual([null, endpoint.id]);
  });

  test('attack: the guard lets exactly an account’s own bins through to this server', async () => {
    const guarded = await startTestNode({ environment: { POSTHORN_ALLOW_NETWORKS: '' } });
    try {
      const make = async () =>
        (await guarded.call('POST', '/v1/accounts', { name: 'A', contract: 'standard' })).body.id as string;
      const [mine, other] = [await make(), await make()];
      const { body: bin } = await guarded.call('POST', `/v1/accounts/${mine}/bins`, {});
      const point = (of: string, url: string) =>
        guarded.call('POST', `/v1/accounts/${of}/endpoints`, { url, subscriptions: [{ trigger: '*' }] });
      const own = await point(mine, bin.url);
      const sent = await guarded.call('POST', `/v1/accounts/${mine}/endpoints/${own.body.id}/test`);
      expect(sent.body).toMatchObject({ succeeded: true, attempt: { response: { status: 200 } } });
      expect((await point(other, bin.url)).body.code).toBe('blocked_address');
      for (const url of [
        `${guarded.url}/v1/accounts`,
        `${bin.url}x`,
        `${bin.url}?x`,
        `${bin.url}/../../v1/accounts`,
        bin.url.replace('127.0.0.1', 'localhost'),
      ]) {
        expect(await point(mine, url), url).toMatchObject({ status: 422, body: { code: 'blocked_address' } });
      }
    } finally {
      await guarded.stop();
    }
  });

  test('attack: the session of somebody who opens its address in a browser is not kept, shown or forwarded', async () => {
    const { body: bin } = await node.call('POST', bins());
    const signIn = await node.call('POST', '/sign-in', { key: OPERATOR_KEY });
    const [cookie = ''] = (signIn.headers.get('set-cookie') ?? '').split(';');
    const token = cookie.split('=')[1] ?? '';
    expect(token).toMatch(/^pst_/);
    await fetch(bin.url, { headers: { cookie: `a=b; ${cookie}; c=d`, authorization: `Bearer ${token}` } });
    const { requests } = (await node.call('GET', `${bins()}/${bin.id}`)).body;
    expect(requests[0].headers.cookie).toBe(`a=b; ${cookie.split('=')[0]}=pst_***; c=d`);
    expect(JSON.stringify(requests)).not.toContain(token);
    const { body: other } = await node.call('POST', bins());
    await node.call('POST', `${bins()}/${bin.id}/requests/${requests[0].id}/forward`, { url: other.url });
    const [forwarded] = (await node.call('GET', `${bins()}/${other.id}`)).body.requests;
    expect(forwarded.headers).not.toHaveProperty('cookie');
  });

  test('attack: a console’s session is the browser’s alone: as a bearer it opens nothing', async () => {
    const signIn = await node.call('POST', '/sign-in', { key: OPERATOR_KEY });
    const token = (signIn.headers.get('set-cookie') ?? '').split(';')[0]?.split('=')[1];
    const stolen = await node.call('GET', '/v1/accounts', undefined, { authorization: `Bearer ${token}` });
    expect(stolen.status).toBe(401);
  });

  test('attack: its answer’s headers steer no proxy and no browser', async () => {
    for (const name of [
      'X-Accel-Redirect',
      'x-sendfile',
      'X-Lighttpd-Send-File',
      'X-Reproxy-URL',
      'X-Content-Type-Options',
    ]) {
      const refused = await node.call('POST', bins(), { headers: { [name]: 'x' } });
      expect(refused, name).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    const { body: bin } = await node.call('POST', bins(), { headers: { 'X-Trace': 'a', 'Retry-After': '5' } });
    const { headers } = await send(bin.url, 'one');
    expect([headers.get('x-trace'), headers.get('retry-after')]).toEqual(['a', '5']);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('is gone after a week, and when it is deleted', async () => {
    const { body: bin } = await node.call('POST', bins(), {});
    const { body: other } = await node.call('POST', bins(), {});
    await node.call('DELETE', `${bins()}/${other.id}`);
    expect((await send(other.url, 'x')).status).toBe(404);
    clock.jump(WEEK_MS);
    expect((await send(bin.url, 'x')).status).toBe(404);
    expect((await node.call('GET', bins())).body.data).toEqual([]);
  });

  test('an account has at most twenty', async () => {
    for (let i = 0; i < 20; i++) expect((await node.call('POST', bins(), {})).status).toBe(201);
    expect(await node.call('POST', bins(), {})).toMatchObject({ status: 409, body: { code: 'limit_reached' } });
  });

  test('attack: another account can neither read nor change it', async () => {
    const { body: bin } = await node.call('POST', bins(), {});
    const stranger = (await node.call('POST', '/v1/accounts', { name: 'Other', contract: 'standard' })).body.id;
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const answer = await node.call(
        method,
        `/v1/accounts/${stranger}/bins/${bin.id}`,
        method === 'PATCH' ? {} : undefined,
      );
      expect(answer).toMatchObject({ status: 404, body: { code: 'bin_not_found' } });
    }
  });
});
