/** API keys: made once, verified fast, refused everywhere within a second of being deleted. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { createAccount } from '../support/vendors.ts';

let node: TestNode;
let other: TestNode;
let account: string;

beforeAll(async () => {
  node = await startTestNode();
  other = await startTestNode({ databaseUrl: node.databaseUrl });
  account = await createAccount(node, 'loop-returns');
});
afterAll(async () => {
  await other.stop();
  await node.stop();
});

const keys = (path = '') => `/v1/accounts/${account}/keys${path}`;
const create = async (more: object = {}) =>
  (await node.call('POST', keys(), { label: 'Shop', scopes: ['returns'], ...more })).body;
const verify = async (key: string, scopes?: string[], at = node) =>
  (await at.call('POST', '/v1/keys/verify', { key, ...(scopes ? { scopes } : {}) })).body;

describe('a key', () => {
  test('is shown once, and only its digest is stored', async () => {
    const made = await create();
    expect(made.key).toMatch(/^loop_[0-9A-Za-z]{36}$/);
    expect(made).toMatchObject({
      label: 'Shop',
      scopes: ['returns'],
      prefix: made.key.slice(0, 9),
      last_used_at: null,
    });
    const shown = await node.call('GET', keys(`/${made.id}`));
    expect(shown.body).not.toHaveProperty('key');
    const rows = await query<{ all: string }>(
      node.databaseUrl,
      'SELECT (SELECT json_agg(k) FROM api_keys k)::text || (SELECT json_agg(d) FROM api_key_digests d)::text AS all',
    );
    expect(rows[0]?.all).toContain(made.prefix);
    expect(rows[0]?.all).not.toContain(made.key);
  });

  test('is verified with its account and scopes, on every node', async () => {
    const { key, id } = await create({ scopes: ['returns', 'orders'] });
    const valid = { valid: true, account, key_id: id, scopes: ['returns', 'orders'] };
    expect(await verify(key)).toEqual(valid);
    expect(await verify(key, ['orders'], other)).toEqual(valid);
    expect(await verify(key, ['orders', 'carts'])).toMatchObject({ valid: false, reason: 'missing_scope', account });
  });

  test('is switched off and on again, everywhere within a second', async () => {
    const { key, id } = await create();
    expect((await node.call('PATCH', keys(`/${id}`), { enabled: false })).body.enabled).toBe(false);
    for (const at of [node, other]) {
      await eventually(
        () => verify(key, undefined, at),
        (verdict) => verdict.reason === 'disabled' && verdict.key_id === null,
        1_000,
      );
    }
    await node.call('PATCH', keys(`/${id}`), { enabled: true });
    await eventually(
      () => verify(key, undefined, other),
      (verdict) => verdict.valid,
      1_000,
    );
  });

  test('that names networks is taken from these alone, and not from an unknown address', async () => {
    const { key } = await create({ networks: ['203.0.113.0/24', '2001:db8::/32', '198.51.100.7'] });
    const from = async (address?: string) =>
      (await node.call('POST', '/v1/keys/verify', { key, ...(address === undefined ? {} : { address }) })).body;
    for (const address of ['203.0.113.9', '2001:db8::1', '198.51.100.7', '::ffff:203.0.113.9']) {
      expect((await from(address)).valid, address).toBe(true);
    }
    for (const address of ['203.0.114.9', '2001:db9::1', '198.51.100.8', 'nonsense', undefined]) {
      expect(await from(address), address).toMatchObject({ valid: false, reason: 'address_not_allowed' });
    }
    const bad = await node.call('POST', keys(), { label: 'A', scopes: [], networks: ['10.0.0.0/99'] });
    expect(bad).toMatchObject({ status: 400, body: { errors: [{ pointer: '#/networks/0' }] } });
    // The vendor's own API sees who calls by itself.
    const tools = await create({ scopes: ['developer_tools'], networks: ['203.0.113.0/24'] });
    const facade = () => fetch(`${node.url}/api/v1/webhooks`, { headers: { 'x-authorization': tools.key } });
    expect((await facade()).status).toBe(401);
    await node.call('PATCH', keys(`/${tools.id}`), { networks: ['127.0.0.1'] });
    await eventually(
      async () => (await facade()).status,
      (status) => status === 200,
      2_000,
    );
  });

  test('tells how often it is used and refused, day by day, and why it was refused last', async () => {
    const { key, id } = await create();
    for (let i = 0; i < 3; i++) await verify(key);
    for (let i = 0; i < 2; i++) await verify(key, ['orders'], other);
    const shown = await eventually(
      async () => (await node.call('GET', keys(`/${id}`))).body,
      (one) => one.days[0]?.calls === 3 && one.days[0]?.refusals === 2,
      20_000,
    );
    expect(shown.days).toHaveLength(1);
    expect(shown.days[0].day).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(shown).toMatchObject({ last_refusal: 'missing_scope', last_refused_at: expect.any(String) });
  });

  test.each([
    ['', 'malformed'],
    ['nothing', 'malformed'],
    ['loop_00000000000000000000000000000000000A', 'malformed'],
  ])('%j is refused', async (key, reason) => {
    expect(await verify(key)).toEqual({ valid: false, account: null, key_id: null, scopes: [], reason });
  });

  test('that does not exist is unknown, and one that has expired is expired', async () => {
    const gone = await create();
    await node.call('DELETE', keys(`/${gone.id}`));
    expect(await verify(gone.key)).toMatchObject({ valid: false, reason: 'unknown' });
    const soon = await create({ expires_at: new Date(Date.now() + 400).toISOString() });
    expect((await verify(soon.key)).valid).toBe(true);
    await eventually(
      () => verify(soon.key),
      (verdict) => verdict.reason === 'expired',
      5_000,
    );
    const past = await node.call('POST', keys(), { label: 'A', scopes: [], expires_at: '2020-01-01T00:00:00Z' });
    expect(past).toMatchObject({ status: 400, body: { errors: [{ pointer: '#/expires_at' }] } });
  });

  test('that was deleted or lost a scope is refused by every node within a second', async () => {
    const { key, id } = await create({ scopes: ['returns', 'orders'] });
    for (const at of [node, other]) expect((await verify(key, ['orders'], at)).valid).toBe(true);
    await node.call('PATCH', keys(`/${id}`), { scopes: ['returns'] });
    const changedAt = Date.now();
    await eventually(
      () => verify(key, ['orders'], other),
      (verdict) => verdict.valid === false,
      1_000,
    );
    expect(Date.now() - changedAt).toBeLessThan(1_000);
    await node.call('DELETE', keys(`/${id}`));
    expect((await verify(key)).valid).toBe(false);
    await eventually(
      () => verify(key, [], other),
      (verdict) => verdict.valid === false,
      1_000,
    );
  });

  test('that is rotated keeps id and scopes, and its text before is valid until the overlap ends', async () => {
    const before = await create();
    const rotated = (await node.call('POST', keys(`/${before.id}/rotate`), { overlap_seconds: 1 })).body;
    expect(rotated).toMatchObject({ id: before.id, label: 'Shop', scopes: ['returns'] });
    expect(rotated.key).not.toBe(before.key);
    expect((await verify(before.key)).valid).toBe(true);
    expect((await verify(rotated.key)).valid).toBe(true);
    await eventually(
      () => verify(before.key),
      (verdict) => verdict.reason === 'expired',
      5_000,
    );
    const again = (await node.call('POST', keys(`/${before.id}/rotate`))).body;
    expect((await verify(rotated.key)).valid).toBe(false);
    expect((await verify(again.key)).valid).toBe(true);
  });

  test('that is rotated twice keeps the time that the first rotation promised; a third may end it at once', async () => {
    const first = await create();
    const rotate = async (overlap_seconds: number) =>
      (await node.call('POST', keys(`/${first.id}/rotate`), { overlap_seconds })).body;
    const second = await rotate(3600);
    const third = await rotate(3600);
    for (const { key } of [first, second, third]) expect((await verify(key)).valid).toBe(true);
    const { body: shown } = await node.call('GET', keys(`/${first.id}`));
    expect(Date.parse(shown.previous_until)).toBeGreaterThan(Date.now() + 3_000_000);
    const last = await rotate(0);
    for (const { key } of [first, second, third]) expect((await verify(key)).valid).toBe(false);
    expect((await verify(last.key)).valid).toBe(true);
    expect((await node.call('GET', keys(`/${first.id}`))).body.previous_until).toBeNull();
  });

  test('notes when it was last used', async () => {
    const { key, id } = await create();
    await verify(key);
    const used = await eventually(
      async () => (await node.call('GET', keys(`/${id}`))).body.last_used_at,
      (at) => at !== null,
    );
    expect(Math.abs(Date.parse(used) - Date.now())).toBeLessThan(60_000);
  });

  test('has scopes of the contract, and belongs to one account', async () => {
    const wrong = await node.call('POST', keys(), { label: 'A', scopes: ['returns', 'everything'] });
    expect(wrong).toMatchObject({ status: 422, body: { code: 'unknown_scope', errors: [{ pointer: '#/scopes/1' }] } });
    const { id } = await create();
    const stranger = await createAccount(node, 'loop-returns');
    for (const [method, path] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/rotate'],
    ] as const) {
      const answer = await node.call(
        method,
        `/v1/accounts/${stranger}/keys/${id}${path}`,
        method === 'GET' ? undefined : {},
      );
      expect(answer.status).toBe(404);
    }
    expect((await node.call('GET', `/v1/accounts/${stranger}/keys`)).body.data).toEqual([]);
  });
});

test('a list of keys is paged', async () => {
  const own = await createAccount(node, 'standard');
  for (let i = 0; i < 5; i++)
    await node.call('POST', `/v1/accounts/${own}/keys`, { label: `${i}`, scopes: ['any:scope'] });
  const first = await node.call('GET', `/v1/accounts/${own}/keys?limit=3`);
  const second = await node.call('GET', `/v1/accounts/${own}/keys?limit=3&cursor=${first.body.next_cursor}`);
  const labels = [...first.body.data, ...second.body.data].map((key: { label: string }) => key.label);
  expect(labels).toEqual(['4', '3', '2', '1', '0']);
  expect(second.body.next_cursor).toBeNull();
});
