/** Operator keys with names: what each role may, when they end, and whom the audit log names. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mayCall } from '../../../packages/server/src/http/roles.ts';
import { createDatabase, query } from '../../support/database.ts';
import { eventually, OPERATOR_KEY, shiftedClock, startTestNode, type TestNode } from '../../support/node.ts';

const DAY_MS = 86_400_000;

const clock = shiftedClock();
let databaseUrl: string;
let node: TestNode;
let other: TestNode;
let account: string;
let endpoint: string;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  node = await startTestNode({ databaseUrl, clock });
  other = await startTestNode({ databaseUrl, clock });
  ({ account, endpoint } = await node.createEndpoint('http://127.0.0.1:1/hook', {
    headers: { 'x-token': 'own-secret' },
  }));
});
afterAll(async () => {
  await node.stop();
  await other.stop();
});

const create = async (role: string, more: object = {}) =>
  (await node.call('POST', '/v1/operator-keys', { name: `The ${role}`, role, ...more })).body;
const as =
  (key: string) =>
  (method: string, path: string, body?: unknown, at: TestNode = node) =>
    at.call(method, path, body, { authorization: `Bearer ${key}` });

/** Written down here once more, on purpose: a change of the table has to be meant. */
const SUPPORT_MAY = `createEndpoint changeEndpoint deleteEndpoint activateEndpoint deactivateEndpoint setTestingMode
  generateSecret tryFilter tryTransformation checkUrl testNotices testEndpoint sendExample retryDelivery releaseParkedKey
  replay cancelReplay shareBin forwardBinRequest createBin changeBin deleteBin redriveDeadLetters`.split(/\s+/);
const PRODUCT_MAY_NOT =
  `getOverview getDatabase listCells moveAccount getAccountMove listAllAudit diffContracts listSources listDeadLetters getDeadLetter deleteDeadLetter redriveDeadLetters
  createOperatorKey listOperatorKeys getOperatorKey rotateOperatorKey deleteOperatorKey`.split(/\s+/);
const VIEWER_MAY_NOT_READ = ['getSecret', 'getNotices', 'listOperatorKeys', 'getOperatorKey'];

test('each role may what it says, for every operation there is', async () => {
  const { body } = await node.call('GET', '/openapi.json');
  const paths = body.paths as Record<string, Record<string, { operationId?: string }>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { operationId: id }]) =>
      id === undefined || !path.startsWith('/v1/') ? [] : [{ id, method: method.toUpperCase() }],
    ),
  );
  const allowed = (role: Parameters<typeof mayCall>[0]) =>
    operations.filter(({ id, method }) => mayCall(role, id, method)).map(({ id }) => id);
  const reads = operations.filter(({ id, method }) => method === 'GET' && !VIEWER_MAY_NOT_READ.includes(id));
  expect(allowed('viewer').sort()).toEqual(reads.map(({ id }) => id).sort());
  expect(allowed('support').sort()).toEqual([...reads.map(({ id }) => id), ...SUPPORT_MAY].sort());
  const forbidden = operations.map(({ id }) => id).filter((id) => !allowed('product').includes(id));
  expect(forbidden.sort()).toEqual(PRODUCT_MAY_NOT.sort());
  expect(allowed('admin')).toHaveLength(operations.length);
});

describe('over HTTP', () => {
  test('a viewer looks, sees no credentials, and changes nothing', async () => {
    const { key } = await create('viewer');
    const call = as(key);
    expect((await call('GET', '/v1/accounts')).status).toBe(200);
    const shown = await call('GET', `/v1/accounts/${account}/endpoints/${endpoint}`);
    expect(shown.body.headers).toEqual({ 'x-token': expect.not.stringContaining('own-secret') });
    for (const [method, path, body] of [
      ['GET', `/v1/accounts/${account}/endpoints/${endpoint}/secret`],
      ['DELETE', `/v1/accounts/${account}`],
      ['POST', `/v1/accounts/${account}/events`, { trigger: 'a.b', payload: {} }],
      ['GET', '/v1/operator-keys'],
      ['POST', '/v1/operator-keys', { name: 'More', role: 'admin' }],
    ] as const)
      expect((await call(method, path, body)).body).toMatchObject({
        status: 403,
        code: 'forbidden',
        detail: 'The role viewer does not allow this.',
      });
  });

  test('support helps, and sees no credentials, whatever it asks for', async () => {
    const { key } = await create('support');
    const call = as(key);
    const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
    const answers = [
      await call('GET', path),
      await call('PATCH', path, { description: 'helped' }),
      await call('POST', `${path}/deactivate`),
      await call('POST', `${path}/activate`),
      await call('POST', `${path}/test`),
      await call('GET', `/v1/accounts/${account}/endpoints`),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      expect(text).not.toContain('own-secret');
    }
    for (const [method, at] of [
      ['POST', `${path}/rotate-secret`],
      ['POST', `${path}/verify`],
      ['GET', `${path}/secret`],
      ['GET', `/v1/accounts/${account}/notices`],
    ] as const)
      expect((await call(method, at, method === 'GET' ? undefined : {})).status).toBe(403);
  });

  test('a live view ends with its key', async () => {
    const { key, id } = await create('viewer');
    const live = await fetch(`${node.url}/v1/accounts/${account}/deliveries/live`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect(live.status).toBe(200);
    await node.call('DELETE', `/v1/operator-keys/${id}`);
    clock.jump(10_000);
    // It is looked at again with what is sent.
    await node.publish(account, 'a.b', {});
    await live.text();
    expect((await as(key)('GET', '/v1/accounts')).status).toBe(401);
  }, 70_000);

  test('a product publishes, and the audit log names whose key made a change', async () => {
    const { key, id } = await create('product', { name: 'The shop’s backend' });
    const call = as(key);
    expect((await call('POST', `/v1/accounts/${account}/events`, { trigger: 'a.b', payload: {} })).status).toBe(202);
    expect((await call('PATCH', `/v1/accounts/${account}`, { name: 'Renamed' })).status).toBe(200);
    const [entry] = (await node.call('GET', `/v1/accounts/${account}/audit`)).body.data;
    expect(entry).toMatchObject({ actor: 'operator', user_name: 'The shop’s backend', action: 'changeAccount' });
    expect((await call('GET', '/v1/sources')).body.code).toBe('forbidden');
    const { last_used_at } = (
      await eventually(
        () => node.call('GET', `/v1/operator-keys/${id}`),
        ({ body }) => body.last_used_at !== null,
      )
    ).body;
    expect(Math.abs(Date.parse(last_used_at) - clock.now())).toBeLessThan(60_000);
  });

  test('one that was deleted, has expired, or was rotated without overlap opens nothing, on any node', async () => {
    const deleted = await create('admin');
    const expiring = await create('admin', { expires_at: new Date(clock.now() + DAY_MS).toISOString() });
    const rotated = await create('admin');
    const list = (key: string, at: TestNode) => as(key)('GET', '/v1/accounts', undefined, at);
    for (const { key } of [deleted, expiring, rotated])
      for (const at of [node, other]) expect((await list(key, at)).status).toBe(200);
    await node.call('DELETE', `/v1/operator-keys/${deleted.id}`);
    const overlapping = await node.call('POST', `/v1/operator-keys/${rotated.id}/rotate`, { overlap_seconds: 3_600 });
    expect((await list(rotated.key, node)).status).toBe(200);
    expect((await list(overlapping.body.key, node)).status).toBe(200);
    clock.jump(2 * DAY_MS);
    for (const { key } of [deleted, expiring, rotated])
      for (const at of [node, other]) expect((await list(key, at)).status).toBe(401);
    expect((await list(overlapping.body.key, other)).status).toBe(200);
    const again = await node.call('POST', `/v1/operator-keys/${rotated.id}/rotate`);
    expect((await list(overlapping.body.key, node)).status).toBe(401);
    expect((await list(again.body.key, node)).status).toBe(200);
  });

  test('what cannot be is refused', async () => {
    const { body: past } = await node.call('POST', '/v1/operator-keys', {
      name: 'x',
      role: 'viewer',
      expires_at: '2020-01-01T00:00:00Z',
    });
    expect(past.errors[0].pointer).toBe('#/expires_at');
    expect((await node.call('POST', '/v1/operator-keys', { name: 'x', role: 'root' })).status).toBe(400);
    expect((await node.call('GET', '/v1/operator-keys/opk_x')).body.code).toBe('key_not_found');
  });

  test('the text is stored nowhere', async () => {
    const { key, prefix } = await create('viewer');
    expect(key.startsWith(prefix)).toBe(true);
    const rows = await query<{ all: string }>(databaseUrl, 'SELECT k::text AS all FROM operator_keys k');
    for (const { all } of rows) expect(all).not.toContain(key);
    expect((await node.call('GET', '/v1/operator-keys')).text).not.toContain(key);
    expect((await node.call('GET', '/v1/audit')).text).not.toContain(key);
  });
});

describe('in the console', () => {
  const signIn = (key: string) =>
    fetch(`${node.url}/sign-in`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
    });
  const withCookie = (cookie: string, method: string, path: string) =>
    fetch(node.url + path, { method, headers: { cookie, 'x-posthorn-page': '1' } });
  const cookieOf = (response: Response) => (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';

  test('a session may what its key may, is noted by name, and ends with the key', async () => {
    const { key, id } = await create('viewer', { name: 'Jane' });
    const cookie = cookieOf(await signIn(key));
    const page = await (await withCookie(cookie, 'GET', '/v1/page')).json();
    expect(page).toMatchObject({ role: 'operator', operator: { name: 'Jane', role: 'viewer' }, permissions: ['read'] });
    expect((await withCookie(cookie, 'GET', '/v1/accounts')).status).toBe(200);
    expect((await withCookie(cookie, 'DELETE', `/v1/accounts/${account}`)).status).toBe(403);
    const shown = await (await withCookie(cookie, 'GET', `/v1/accounts/${account}/endpoints`)).text();
    expect(shown).not.toContain('own-secret');
    const [entry] = (await node.call('GET', '/v1/audit')).body.data;
    expect(entry).toMatchObject({ action: 'signIn', user_name: 'Jane' });
    await node.call('DELETE', `/v1/operator-keys/${id}`);
    expect((await withCookie(cookie, 'GET', '/v1/accounts')).status).toBe(401);
  });

  test('a session ends when its key gets another text', async () => {
    const { key, id } = await create('admin');
    const cookie = cookieOf(await signIn(key));
    expect((await withCookie(cookie, 'GET', '/v1/accounts')).status).toBe(200);
    await node.call('POST', `/v1/operator-keys/${id}/rotate`, { overlap_seconds: 60 });
    expect((await withCookie(cookie, 'GET', '/v1/accounts')).status).toBe(401);
  });

  test('a session is over when its key has expired', async () => {
    const { key } = await create('admin', { expires_at: new Date(clock.now() + 3_600_000).toISOString() });
    const cookie = cookieOf(await signIn(key));
    expect((await withCookie(cookie, 'GET', '/v1/operator-keys')).status).toBe(200);
    clock.jump(3_700_000);
    expect((await withCookie(cookie, 'GET', '/v1/operator-keys')).status).toBe(401);
  });

  test('a product’s key opens no console, and a wrong one neither', async () => {
    expect((await signIn((await create('product')).key)).status).toBe(403);
    expect((await signIn(`pho_${'x'.repeat(32)}`)).status).toBe(401);
    expect((await signIn(OPERATOR_KEY)).status).toBe(204);
  });
});
