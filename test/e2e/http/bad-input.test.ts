/** Every bad input has a clear answer and changes nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../support/database.ts';
import { OPERATOR_KEY, startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';

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
    [
      'an account id of dots, which no path could name',
      'POST',
      () => '/v1/accounts',
      { id: '..', name: 'n', contract: 'standard' },
      400,
      'invalid_request',
      '#/id',
    ],
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
    [
      'an event without a payload in a batch',
      'POST',
      () => `${events()}/batch`,
      { events: [{ trigger: 'a', payload: 1 }, { trigger: 'a' }] },
      400,
      'invalid_request',
      '#/events/1/payload',
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
