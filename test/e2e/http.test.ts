/** The HTTP API: every bad input has a clear answer and changes nothing; lists, idempotency, OpenAPI, the start page. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../packages/server/src/domain/errors.ts';
import { query } from '../support/database.ts';
import { eventually, OPERATOR_KEY, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;
let account: string;
let endpoint: string;

beforeAll(async () => {
  node = await startTestNode();
  receiver = await Receiver.start();
  ({ account, endpoint } = await node.createEndpoint(receiver.url()));
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

async function stored() {
  const [row] = await query<Record<string, number>>(
    node.databaseUrl,
    `SELECT (SELECT count(*) FROM accounts)::int AS accounts, (SELECT count(*) FROM endpoints)::int AS endpoints,
            (SELECT count(*) FROM events)::int AS events, (SELECT count(*) FROM idempotency)::int AS keys`,
  );
  return row;
}

describe('bad input gets a clear error and changes nothing', () => {
  const events = () => `/v1/accounts/${account}/events`;
  const endpoints = () => `/v1/accounts/${account}/endpoints`;
  const ok = { url: 'https://example.com/', subscriptions: [{ trigger: 'a' }] };
  const cases: [
    name: string,
    method: string,
    path: () => string,
    body: unknown,
    status: number,
    code: string,
    pointer?: string,
  ][] = [
    ['malformed JSON', 'POST', events, '{"trigger":', 400, 'malformed_json'],
    ['malformed JSON for an account', 'POST', () => '/v1/accounts', '{"name":', 400, 'malformed_json'],
    ['an empty body', 'POST', events, '', 400, 'malformed_json'],
    ['a missing field', 'POST', events, { payload: 1 }, 400, 'invalid_request', '#/trigger'],
    ['a missing payload', 'POST', events, { trigger: 'a' }, 400, 'invalid_request', '#/payload'],
    ['a wrong type', 'POST', events, { trigger: 5, payload: 1 }, 400, 'invalid_request', '#/trigger'],
    ['an unknown field', 'POST', events, { trigger: 'a', payload: 1, 'a/b': 1 }, 400, 'invalid_request', '#/a~1b'],
    ['a body that is a list', 'POST', events, [], 400, 'invalid_request', '#'],
    [
      'an unknown account',
      'POST',
      () => '/v1/accounts/nobody/events',
      { trigger: 'a', payload: 1 },
      404,
      'account_not_found',
    ],
    [
      'an unknown trigger',
      'POST',
      events,
      { trigger: 'not a trigger', payload: 1 },
      422,
      'unknown_trigger',
      '#/trigger',
    ],
    [
      'a payload over the limit',
      'POST',
      events,
      { trigger: 'a', payload: 'x'.repeat(1_048_577) },
      413,
      'payload_too_large',
      '#/payload',
    ],
    [
      'a body over the limit',
      'POST',
      events,
      { trigger: 'a', payload: 'x'.repeat(2_000_000) },
      413,
      'payload_too_large',
    ],
    [
      'one bad event in a batch',
      'POST',
      () => `${events()}/batch`,
      {
        events: [
          { trigger: 'a', payload: 1 },
          { trigger: '!', payload: 1 },
        ],
      },
      422,
      'unknown_trigger',
      '#/events/1/trigger',
    ],
    ['an empty batch', 'POST', () => `${events()}/batch`, { events: [] }, 400, 'invalid_request', '#/events'],
    [
      'a batch of 1,001',
      'POST',
      () => `${events()}/batch`,
      { events: Array(1001).fill({ trigger: 'a', payload: 1 }) },
      400,
      'invalid_request',
      '#/events',
    ],
    ['a URL that is none', 'POST', endpoints, { ...ok, url: 'nowhere' }, 422, 'invalid_url'],
    ['a URL with credentials', 'POST', endpoints, { ...ok, url: 'https://a:b@example.com/' }, 422, 'invalid_url'],
    ['a URL that leads inside', 'POST', endpoints, { ...ok, url: 'http://[::1]/' }, 422, 'blocked_address'],
    [
      'a subscription to nothing',
      'POST',
      endpoints,
      { ...ok, subscriptions: [] },
      400,
      'invalid_request',
      '#/subscriptions',
    ],
    [
      'a subscription with a topic that does not exist',
      'POST',
      endpoints,
      { ...ok, subscriptions: [{ topic: 't', trigger: 'a' }] },
      422,
      'unknown_topic',
      '#/subscriptions/0/topic',
    ],
    [
      'a subscription to no trigger',
      'POST',
      endpoints,
      { ...ok, subscriptions: [{ trigger: '*.a' }] },
      422,
      'unknown_trigger',
      '#/subscriptions/0/trigger',
    ],
    [
      'a header that breaks lines',
      'POST',
      endpoints,
      { ...ok, headers: { 'x-a': 'a\r\nb: c' } },
      400,
      'invalid_request',
      '#/headers/x-a',
    ],
    [
      'a header that is ours',
      'POST',
      endpoints,
      { ...ok, headers: { 'Webhook-Id': 'x' } },
      400,
      'invalid_request',
      '#/headers/Webhook-Id',
    ],
    ['a secret of the wrong form', 'POST', endpoints, { ...ok, secret: 'whsec_short' }, 422, 'invalid_secret'],
    [
      'a contract that is not loaded',
      'POST',
      () => '/v1/accounts',
      { name: 'n', contract: 'nope' },
      404,
      'contract_not_found',
    ],
    [
      'an account id that is taken',
      'POST',
      () => '/v1/accounts',
      () => ({ id: account, name: 'n', contract: 'standard' }),
      409,
      'account_exists',
    ],
    ['a bad cursor', 'GET', () => '/v1/accounts?cursor=abc', undefined, 400, 'invalid_cursor'],
    ['a bad limit', 'GET', () => '/v1/accounts?limit=0', undefined, 400, 'invalid_request', 'limit'],
    [
      'an unknown filter',
      'GET',
      () => `/v1/accounts/${account}/deliveries?colour=red`,
      undefined,
      400,
      'invalid_request',
      'colour',
    ],
    [
      'an unknown status',
      'GET',
      () => `/v1/accounts/${account}/deliveries?status=lost`,
      undefined,
      400,
      'invalid_request',
      'status',
    ],
    [
      'a time that is none',
      'GET',
      () => `/v1/accounts/${account}/deliveries?from=yesterday`,
      undefined,
      400,
      'invalid_request',
      'from',
    ],
    ['an unknown endpoint', 'GET', () => `${endpoints()}/ep_nope`, undefined, 404, 'endpoint_not_found'],
    [
      'an unknown delivery',
      'GET',
      () => `/v1/accounts/${account}/deliveries/dlv_nope`,
      undefined,
      404,
      'delivery_not_found',
    ],
    ['an unknown event', 'GET', () => `${events()}/evt_nope`, undefined, 404, 'event_not_found'],
    ['an unknown contract', 'GET', () => '/v1/contracts/nope', undefined, 404, 'contract_not_found'],
    ['an unknown address', 'GET', () => '/v1/nothing', undefined, 404, 'route_not_found'],
    ['a wrong method', 'PUT', () => '/v1/accounts', {}, 405, 'method_not_allowed'],
    [
      'an overlap that is too long',
      'POST',
      () => `${endpoints()}/${endpoint}/rotate-secret`,
      { overlap_seconds: 604_801 },
      400,
      'invalid_request',
      '#/overlap_seconds',
    ],
  ];
  test.each(cases)('%s', async (_, method, path, body, status, code, pointer) => {
    const before = await stored();
    const answer = await node.call(method, path(), typeof body === 'function' ? (body as () => unknown)() : body);
    expect(answer.body, answer.text).toMatchObject({ status, code, type: `/docs/errors#${code}` });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    if (pointer !== undefined) expect(answer.body.errors.map((e: { pointer: string }) => e.pointer)).toContain(pointer);
    expect(await stored()).toEqual(before);
  });

  test.each([undefined, 'Bearer wrong', `Bearer ${OPERATOR_KEY}x`, `Basic ${OPERATOR_KEY}`, 'Bearer'])(
    'a wrong key: %s',
    async (authorization) => {
      const before = await stored();
      const response = await fetch(`${node.url}${events()}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
        body: '{"trigger":"a","payload":1}',
      });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect(await stored()).toEqual(before);
    },
  );

  test('a body that is not JSON by its type', async () => {
    const answer = await node.call('POST', events(), 'a=b', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });

  test.each([
    ['a zero byte', { name: 'a\u0000b', contract: 'standard' }],
    ['half a surrogate pair', '{"name":"n","contract":"standard","metadata":{"a":"\\ud800"}}'],
  ])('text that cannot be stored: %s', async (_, body) => {
    expect(await node.call('POST', '/v1/accounts', body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
  });

  test('attack: a body with a million wrong elements is refused at its first', async () => {
    const answer = await node.call('POST', `${events()}/batch`, `{"events":[${Array(1_000_000).fill('0').join(',')}]}`);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.text.length).toBeLessThan(1_000);
  });

  test('attack: header names that the pattern does not match are refused too', async () => {
    for (const headers of [{ 'host ': 'x' }, { 'x\r\ny': 'x' }, { x: { a: 1 } }, { ['x'.repeat(101)]: 'x' }]) {
      expect((await node.call('POST', endpoints(), { ...ok, headers })).status).toBe(400);
    }
  });

  test('a signature that does not fit the secret', async () => {
    const answer = await node.call('POST', endpoints(), {
      ...ok,
      signature: 'v1a',
      secret: `whsec_${Buffer.alloc(32).toString('base64')}`,
    });
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_secret' } });
  });

  test('a path that cannot be decoded', async () => {
    const answer = await node.call('GET', '/v1/accounts/%zz');
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  test('a body that is not UTF-8', async () => {
    const response = await fetch(`${node.url}${events()}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
      body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'malformed_json', detail: 'The body is not UTF-8.' });
  });
});

describe('idempotency', () => {
  test('the same key with the same body answers the same event; with another body 409', async () => {
    const headers = { 'idempotency-key': 'order-1' };
    const first = await node.publish(account, 'a', { n: 1 }, headers);
    const again = await node.publish(account, 'a', { n: 1 }, headers);
    expect(again).toMatchObject({ status: 202, body: first.body });
    const other = await node.publish(account, 'a', { n: 2 }, headers);
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_conflict' } });
  });

  test('whitespace in the body makes no other event', async () => {
    const path = `/v1/accounts/${account}/events`;
    const first = await node.call('POST', path, '{"trigger":"a","payload":{"x":[1,2]}}', {
      'idempotency-key': 'space',
    });
    const again = await node.call('POST', path, '{ "payload": {"x": [1, 2]}, "trigger": "a" }', {
      'idempotency-key': 'space',
    });
    expect(again.body).toEqual(first.body);
  });

  test("the body's id works like a key, and is the event's id", async () => {
    const path = `/v1/accounts/${account}/events`;
    const event = { id: 'my-event-1', trigger: 'a', payload: 1 };
    const first = await node.call('POST', path, event);
    expect(first.body.id).toBe('my-event-1');
    expect((await node.call('POST', path, event)).body).toEqual(first.body);
    expect((await node.call('POST', path, { ...event, payload: 2 })).status).toBe(409);
    expect((await node.call('GET', `${path}/my-event-1`)).body).toMatchObject({ id: 'my-event-1', payload: 1 });
    await eventually(
      async () => receiver.requests.filter((r) => r.headers['webhook-id'] === 'my-event-1').length,
      (count) => count === 1,
    );
  });

  test('keys of different accounts are different keys', async () => {
    const other = await node.createEndpoint(receiver.url());
    const headers = { 'idempotency-key': 'shared' };
    const [a, b] = [await node.publish(account, 'a', 1, headers), await node.publish(other.account, 'a', 1, headers)];
    expect(a.body.id).not.toBe(b.body.id);
  });

  test('a batch under a key can be repeated as a whole', async () => {
    const path = `/v1/accounts/${account}/events/batch`;
    const body = { events: Array.from({ length: 5 }, (_, i) => ({ trigger: 'a', payload: i })) };
    const first = await node.call('POST', path, body, { 'idempotency-key': 'whole' });
    expect((await node.call('POST', path, body, { 'idempotency-key': 'whole' })).body).toEqual(first.body);
  });

  test('a thousand repeats of one id in a batch are one event, and quick', async () => {
    const path = `/v1/accounts/${account}/events/batch`;
    const { body } = await node.call('POST', path, {
      events: Array(1000).fill({ id: 'thousand', trigger: 'a', payload: 1 }),
    });
    expect(new Set(body.data.map((d: { id: string }) => d.id))).toEqual(new Set(['thousand']));
    expect(await query(node.databaseUrl, "SELECT FROM events WHERE external_id = 'thousand'")).toHaveLength(1);
  });

  test('a batch may repeat itself, and holds conflicts apart', async () => {
    const path = `/v1/accounts/${account}/events/batch`;
    const event = (id: string, payload: unknown) => ({ id, trigger: 'a', payload });
    const first = await node.call('POST', path, { events: [event('b-1', 1), event('b-1', 1), event('b-2', 2)] });
    expect(first.body.data.map((d: { id: string }) => d.id)).toEqual(['b-1', 'b-1', 'b-2']);
    const again = await node.call('POST', path, { events: [event('b-1', 9), event('b-2', 2), event('b-3', 3)] });
    expect(again.body.data).toMatchObject([{ error: { code: 'idempotency_conflict' } }, { id: 'b-2' }, { id: 'b-3' }]);
    const rows = await query(node.databaseUrl, "SELECT FROM events WHERE external_id LIKE 'b-_'");
    expect(rows).toHaveLength(3);
  });
});

describe('lists', () => {
  test('are paged without gaps or repeats', async () => {
    const { account: own } = await node.createEndpoint(receiver.url());
    for (let i = 0; i < 7; i++) await node.publish(own, 'a', i);
    await eventually(
      () => node.call('GET', `/v1/accounts/${own}/deliveries?status=succeeded`),
      (answer) => answer.body.data.length === 7,
    );
    for (const kind of ['events', 'deliveries']) {
      const seen: string[] = [];
      let path = `/v1/accounts/${own}/${kind}?limit=3`;
      for (let pages = 1; ; pages++) {
        const { body } = await node.call('GET', path);
        seen.push(...body.data.map((d: { id: string }) => d.id));
        if (body.next_cursor === null) {
          expect(pages).toBe(3);
          break;
        }
        path = `/v1/accounts/${own}/${kind}?limit=3&cursor=${body.next_cursor}`;
      }
      expect(new Set(seen).size).toBe(7);
      expect([...seen].sort().reverse()).toEqual(seen);
    }
  });

  test('filter by endpoint, status, trigger, event and time', async () => {
    const { account: own, endpoint: ep } = await node.createEndpoint(receiver.url());
    const { body: event } = await node.publish(own, 'order.created', 1);
    await node.publish(own, 'order.paid', 2);
    const path = `/v1/accounts/${own}/deliveries`;
    await eventually(
      () => node.call('GET', `${path}?status=succeeded`),
      (answer) => answer.body.data.length === 2,
    );
    const count = async (filter: string) => (await node.call('GET', `${path}?${filter}`)).body.data.length;
    expect(await count(`endpoint=${ep}`)).toBe(2);
    expect(await count(`endpoint=${endpoint}`)).toBe(0);
    expect(await count('trigger=order.paid')).toBe(1);
    expect(await count(`event=${event.id}`)).toBe(1);
    expect(await count('status=failed')).toBe(0);
    expect(await count(`from=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).toBe(0);
    expect(await count(`to=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).toBe(2);
  });

  test('attack: nothing of another account is shown', async () => {
    const other = await node.createEndpoint(receiver.url());
    const { body: event } = await node.publish(other.account, 'a', 1);
    const list = await eventually(
      () => node.call('GET', `/v1/accounts/${other.account}/deliveries`),
      (answer) => answer.body.data.length === 1,
    );
    const delivery = list.body.data[0].id;
    for (const path of [`endpoints/${other.endpoint}`, `events/${event.id}`, `deliveries/${delivery}`]) {
      expect((await node.call('GET', `/v1/accounts/${account}/${path}`)).status, path).toBe(404);
    }
    for (const path of [
      `endpoints/${other.endpoint}/deactivate`,
      `endpoints/${other.endpoint}/rotate-secret`,
      `endpoints/${other.endpoint}/test`,
      `deliveries/${delivery}/retry`,
    ]) {
      expect((await node.call('POST', `/v1/accounts/${account}/${path}`)).status, path).toBe(404);
    }
    expect((await node.call('DELETE', `/v1/accounts/${account}/endpoints/${other.endpoint}`)).status).toBe(404);
  });
});

describe('accounts and endpoints', () => {
  test('live through create, read, change and delete', async () => {
    const made = await node.call('POST', '/v1/accounts', {
      name: 'One',
      contract: 'standard',
      metadata: { plan: 'pro' },
    });
    expect(made.body.id).toMatch(/^acc_/);
    const path = `/v1/accounts/${made.body.id}`;
    const changed = await node.call('PATCH', path, { name: 'Two' });
    expect(changed.body).toMatchObject({ name: 'Two', metadata: { plan: 'pro' } });
    const ep = await node.call('POST', `${path}/endpoints`, {
      url: 'https://example.com/a',
      subscriptions: [{ trigger: 'a' }],
      status: 'inactive',
      description: 'd',
      headers: { 'X-Key': 'v' },
    });
    expect(ep.body).toMatchObject({ status: 'inactive', inactive_reason: 'new', headers: { 'X-Key': 'v' } });
    const patched = await node.call('PATCH', `${path}/endpoints/${ep.body.id}`, {
      url: 'https://example.com/b',
      subscriptions: [{ trigger: 'order.*' }],
    });
    expect(patched.body).toMatchObject({
      url: 'https://example.com/b',
      subscriptions: [{ trigger: 'order.*' }],
      description: 'd',
    });
    expect((await node.call('POST', `${path}/endpoints/${ep.body.id}/activate`)).body).toMatchObject({
      status: 'active',
      inactive_reason: null,
    });
    expect((await node.call('POST', `${path}/endpoints/${ep.body.id}/deactivate`)).body).toMatchObject({
      inactive_reason: 'user',
    });
    expect((await node.call('GET', `${path}/endpoints/${ep.body.id}/stats`)).body).toMatchObject({
      succeeded: 0,
      waiting: 0,
    });
    expect((await node.call('DELETE', `${path}/endpoints/${ep.body.id}`)).status).toBe(204);
    expect((await node.call('GET', `${path}/endpoints/${ep.body.id}`)).status).toBe(404);
    expect((await node.call('DELETE', path)).status).toBe(204);
    expect((await node.call('GET', path)).status).toBe(404);
    expect((await node.call('POST', `${path}/events`, { trigger: 'a', payload: 1 })).status).toBe(404);
  });

  test('attack: an account made again under the id of a deleted one sees nothing of it', async () => {
    const { account: own } = await node.createEndpoint(receiver.url());
    await node.publish(own, 'a', 'old', { 'idempotency-key': 'k' });
    await eventually(
      () => node.call('GET', `/v1/accounts/${own}/deliveries?status=succeeded`),
      (answer) => answer.body.data.length === 1,
    );
    await node.call('DELETE', `/v1/accounts/${own}`);
    await node.createEndpoint(receiver.url(), {}, own);
    const again = await node.publish(own, 'a', 'old', { 'idempotency-key': 'k' });
    await eventually(
      () => node.call('GET', `/v1/accounts/${own}/events`),
      (answer) => answer.body.data.length === 1 && answer.body.data[0].id === again.body.id,
    );
  });

  test("only subscribed endpoints get an event, with the endpoint's own headers", async () => {
    const { account: own } = await node.createEndpoint(receiver.url('/all'), { headers: { 'X-Key': 'v' } });
    await node.call('POST', `/v1/accounts/${own}/endpoints`, {
      url: receiver.url('/orders'),
      subscriptions: [{ trigger: 'order.*' }],
    });
    await node.call('POST', `/v1/accounts/${own}/endpoints`, {
      url: receiver.url('/paid'),
      subscriptions: [{ trigger: 'order.paid' }, { trigger: 'order.*' }],
    });
    expect((await node.publish(own, 'invoice.sent', 1)).body.deliveries).toBe(1);
    expect((await node.publish(own, 'order.paid', 1)).body.deliveries).toBe(3);
    const requests = await eventually(
      async () => receiver.requests.filter((r) => ['/all', '/orders', '/paid'].includes(r.path)),
      (found) => found.length === 4,
    );
    expect(requests.filter((r) => r.path === '/all').every((r) => r.headers['x-key'] === 'v')).toBe(true);
  });

  test('have their limits', async () => {
    const { account: own } = await node.createEndpoint(receiver.url());
    const body = { url: receiver.url(), subscriptions: [{ trigger: 'a' }] };
    const answers = await Promise.all(
      Array.from({ length: 105 }, () => node.call('POST', `/v1/accounts/${own}/endpoints`, body)),
    );
    expect(answers.filter((a) => a.status === 201)).toHaveLength(99);
    expect(answers.find((a) => a.status === 409)?.body.code).toBe('limit_reached');
  });
});

describe('the OpenAPI document', () => {
  test('is 3.1, names every route, and each answer has its schema', async () => {
    const { body: document } = await node.call('GET', '/openapi.json');
    expect(document.openapi).toBe('3.1.0');
    const ids = new Set<string>();
    for (const [path, operations] of Object.entries<
      Record<string, { operationId: string; summary: string; responses: object }>
    >(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        expect(operation.summary, `${method} ${path}`).toBeTruthy();
        ids.add(operation.operationId);
      }
    }
    expect([...ids].sort()).toEqual(
      [
        'health',
        'readiness',
        'metrics',
        'listContracts',
        'getContract',
        'createAccount',
        'listAccounts',
        'getAccount',
        'changeAccount',
        'deleteAccount',
        'createEndpoint',
        'listEndpoints',
        'getEndpoint',
        'changeEndpoint',
        'deleteEndpoint',
        'activateEndpoint',
        'deactivateEndpoint',
        'rotateSecret',
        'testEndpoint',
        'getEndpointStats',
        'publishEvent',
        'publishEvents',
        'listEvents',
        'getEvent',
        'listDeliveries',
        'getDelivery',
        'retryDelivery',
        'getDatabase',
      ].sort(),
    );
  });

  test('tells the truth: real answers fit its schemas', async () => {
    const { body: document } = await node.call('GET', '/openapi.json');
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'openapi');
    const { body: list } = await node.call('GET', `/v1/accounts/${account}/deliveries`);
    const real: [method: string, template: string, path: string, body?: unknown][] = [
      ['get', '/v1/contracts/{contract}', '/v1/contracts/standard'],
      ['get', '/v1/accounts', '/v1/accounts'],
      ['get', '/v1/accounts/{account}', `/v1/accounts/${account}`],
      ['get', '/v1/accounts/{account}/endpoints', `/v1/accounts/${account}/endpoints`],
      ['get', '/v1/accounts/{account}/endpoints/{endpoint}', `/v1/accounts/${account}/endpoints/${endpoint}`],
      [
        'post',
        '/v1/accounts/{account}/endpoints/{endpoint}/test',
        `/v1/accounts/${account}/endpoints/${endpoint}/test`,
      ],
      [
        'post',
        '/v1/accounts/{account}/endpoints/{endpoint}/rotate-secret',
        `/v1/accounts/${account}/endpoints/${endpoint}/rotate-secret`,
      ],
      [
        'get',
        '/v1/accounts/{account}/endpoints/{endpoint}/stats',
        `/v1/accounts/${account}/endpoints/${endpoint}/stats`,
      ],
      ['post', '/v1/accounts/{account}/events', `/v1/accounts/${account}/events`, { trigger: 'a', payload: 1 }],
      [
        'post',
        '/v1/accounts/{account}/events/batch',
        `/v1/accounts/${account}/events/batch`,
        { events: [{ trigger: 'a', payload: 1 }] },
      ],
      ['get', '/v1/accounts/{account}/events', `/v1/accounts/${account}/events`],
      ['get', '/v1/accounts/{account}/deliveries', `/v1/accounts/${account}/deliveries`],
      ['get', '/v1/accounts/{account}/deliveries/{delivery}', `/v1/accounts/${account}/deliveries/${list.data[0].id}`],
      ['get', '/v1/database', '/v1/database'],
      ['get', '/v1/contracts/{contract}', '/v1/contracts/none'],
      ['post', '/v1/accounts', '/v1/accounts', { name: 5 }],
    ];
    for (const [method, template, path, body] of real) {
      const answer = await node.call(method.toUpperCase(), path, body);
      const described = document.paths[template][method].responses[String(answer.status)];
      expect(described, `${method} ${template} ${answer.status}`).toBeDefined();
      const pointer = `openapi#/paths/${template.replaceAll('/', '~1')}/${method}/responses/${answer.status}/content/application~1${answer.status < 400 ? 'json' : 'problem+json'}/schema`;
      const check = ajv.getSchema(encodeURI(pointer).replaceAll('%23', '#'));
      expect(check, pointer).toBeDefined();
      expect(check?.(answer.body), `${template}: ${JSON.stringify(check?.errors)}`).toBe(true);
    }
  });
});

test('the error catalogue and docs/errors.md agree', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^\| `([a-z_]+)` +\| (\d{3}) +\| ([^|]+) \|/gm)].map(
    ([, code, status, title]) => [code, Number(status), title?.trim()],
  );
  expect(documented).toEqual(Object.entries(CATALOGUE).map(([code, [status, title]]) => [code, status, title]));
});

describe('the start page', () => {
  const page = (path: string, init: RequestInit = {}) => fetch(`${node.url}${path}`, { redirect: 'manual', ...init });

  test('asks for the key, takes the sign-in link once, and sets a strict cookie', async () => {
    expect(await (await page('/')).text()).toContain('Operator key');
    const wrong = await page('/sign-in?token=wrong');
    expect(wrong.status).toBe(401);
    const right = await page('/sign-in?token=test-sign-in-token');
    expect(right.status).toBe(303);
    const cookie = right.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    expect((await page('/sign-in?token=test-sign-in-token')).status).toBe(401);
    const home = await page('/', { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(await home.text()).toContain('Deliveries that are not finished');
    expect(home.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(home.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('takes the operator key, and no other', async () => {
    const post = (key: string) =>
      page('/sign-in', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: `key=${key}`,
      });
    expect((await post('wrong')).status).toBe(401);
    expect((await post(OPERATOR_KEY)).status).toBe(303);
  });

  test('the reference and the metrics answer', async () => {
    expect((await page('/docs/')).status).toBe(200);
    expect(await (await page('/metrics')).text()).toContain('posthorn_events_accepted_total');
  });
});
