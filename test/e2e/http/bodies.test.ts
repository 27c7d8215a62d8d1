/** What a request's body may be: its encoding, its members, its numbers, its times. */

import * as zlib from 'node:zlib';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
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

const events = () => `/v1/accounts/${account}/events`;

async function countOf(table: 'events' | 'api_keys' | 'accounts' | 'endpoints'): Promise<number> {
  const [row] = await query<{ n: number }>(node.databaseUrl, `SELECT count(*)::int AS n FROM ${table}`);
  return row?.n ?? -1;
}

async function post(path: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(`${node.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json', ...headers },
    body: new Uint8Array(Buffer.from(body)),
  });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

/** The payload of an event as the API shows it: text, so that numbers stay as they are. */
async function payloadOf(id: string): Promise<string | undefined> {
  const { text } = await node.call('GET', `${events()}/${id}`);
  return /"payloads?":(.*)\}$/s.exec(text)?.[1];
}

describe('the encoding of a body', () => {
  const text = JSON.stringify({ trigger: 'a', payload: { text: 'x'.repeat(10_000) } });
  const compress: [name: string, encoded: Buffer][] = [
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity', Buffer.from(text)],
  ];

  test.each(compress)('%s is understood', async (encoding, encoded) => {
    for (const path of [events(), `${events()}/batch`]) {
      const isBatch = path.endsWith('batch');
      const body = isBatch && encoding.toLowerCase().includes('gzip') ? gzipSync(`{"events":[${text}]}`) : encoded;
      if (isBatch && body === encoded) continue;
      const answer = await post(path, body, { 'content-encoding': encoding });
      expect(answer).toMatchObject({ status: 202 });
      const id = isBatch ? answer.body.data[0].id : answer.body.id;
      expect(await payloadOf(id)).toBe(JSON.stringify({ text: 'x'.repeat(10_000) }));
    }
  });

  test('gzip is understood by every operation', async () => {
    const body = gzipSync(JSON.stringify({ name: 'N', contract: 'standard' }));
    expect(await post('/v1/accounts', body, { 'content-encoding': 'gzip' })).toMatchObject({ status: 201 });
  });

  test('zstd is understood where Node has it, and 415 where it has not', async () => {
    const { zstdCompressSync } = zlib as { zstdCompressSync?: (text: string) => Buffer };
    const body = zstdCompressSync?.(text) ?? Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
    const answer = await post(events(), body, { 'content-encoding': 'zstd' });
    expect(answer.status).toBe(zstdCompressSync ? 202 : 415);
  });

  test.each([['deflate'], ['compress'], ['gzip, br'], ['nonsense']])(
    '%s is 415, and the answer says what is understood',
    async (encoding) => {
      const answer = await post(events(), deflateSync(text), { 'content-encoding': encoding });
      expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_encoding' } });
      expect(answer.headers.get('accept-encoding')).toMatch(/^gzip, br/);
    },
  );

  test.each([
    ['no gzip', Buffer.from(text)],
    ['gzip that ends early', gzipSync(text).subarray(0, 40)],
  ])('%s is 400', async (_, body) => {
    const answer = await post(events(), body, { 'content-encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed_json', detail: 'The body is not gzip.' } });
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(200 * 1024 * 1024))],
    ['br', brotliCompressSync(Buffer.alloc(200 * 1024 * 1024))],
  ])(
    'attack: a %s body that unpacks to far more than the limit is 413, and takes no memory',
    async (encoding, bomb) => {
      const before = process.memoryUsage().rss;
      expect(bomb.length).toBeLessThan(256 * 1024);
      for (const path of [events(), '/v1/accounts']) {
        const answer = await post(path, bomb, { 'content-encoding': encoding });
        expect(answer).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    },
  );
});

describe('the character set of a body', () => {
  const text = '{"trigger":"a","payload":"é"}';
  test.each(['utf-16', 'iso-8859-1', 'utf-7', '"utf-16le"', "'utf-8'"])('charset=%s is 415', async (charset) => {
    const answer = await post(events(), text, { 'content-type': `application/json; charset=${charset}` });
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
    expect(answer.body.detail).toContain('UTF-8');
  });

  test.each(['utf-8', 'UTF-8', '"utf-8"', 'us-ascii', 'utf8'])('charset=%s is understood', async (charset) => {
    const answer = await post(events(), text, { 'content-type': `application/json; charset=${charset}` });
    expect(answer.status).toBe(202);
  });

  test('a byte order mark is ignored (RFC 8259, 8.1)', async () => {
    const answer = await post(events(), `\ufeff${text}`);
    expect(answer.status).toBe(202);
    expect(await payloadOf(answer.body.id)).toBe('"é"');
    expect((await post('/v1/accounts', '\ufeff{"name":"N","contract":"standard"}')).status).toBe(201);
  });
});

describe('a member that stands twice is refused, with its place', () => {
  const cases: [name: string, path: () => string, body: string, pointer: string][] = [
    ['payload', events, '{"trigger":"a","payload":1,"payload":2}', '#/payload'],
    ['payload, written differently', events, '{"trigger":"a","payload":1,"p\\u0061yload":1}', '#/payload'],
    ['trigger', events, '{"trigger":"a","trigger":"a","payload":1}', '#/trigger'],
    ['id', events, '{"id":"a","trigger":"a","payload":1,"id":"a"}', '#/id'],
    ['payloads', events, '{"trigger":"a","payloads":{},"payloads":{}}', '#/payloads'],
    ['a topic', events, '{"trigger":"a","payloads":{"t":1,"t":2}}', '#/payloads/t'],
    ['events', () => `${events()}/batch`, '{"events":[],"events":[{"trigger":"a","payload":1}]}', '#/events'],
    [
      "a batch's trigger",
      () => `${events()}/batch`,
      '{"events":[{"trigger":"a","payload":1},{"trigger":"a","payload":1,"trigger":"a"}]}',
      '#/events/1/trigger',
    ],
    [
      "a batch's topic",
      () => `${events()}/batch`,
      '{"events":[{"trigger":"a","payloads":{"a/b":1,"a/b":1}}]}',
      '#/events/0/payloads/a~1b',
    ],
    ['name', () => '/v1/accounts', '{"name":"a","name":"b","contract":"standard"}', '#/name'],
    [
      'of metadata',
      () => '/v1/accounts',
      '{"name":"a","contract":"standard","metadata":{"x":[{"a":1,"a":1}]}}',
      '#/metadata/x/0/a',
    ],
  ];
  test.each(cases)('%s', async (_, path, body, pointer) => {
    const before = [await countOf('events'), await countOf('accounts')];
    const answer = await post(path(), body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.body.errors).toEqual([{ pointer, detail: 'stands twice' }]);
    expect([await countOf('events'), await countOf('accounts')]).toEqual(before);
  });

  test("the payload's own members are not the envelope's", async () => {
    const answer = await post(events(), '{"trigger":"a","payload":{"trigger":"b","payload":{"id":1}}}');
    expect(answer.status).toBe(202);
  });
});

describe('names that mean something to JavaScript', () => {
  test.each([
    [
      'headers',
      () => `/v1/accounts/${account}/endpoints`,
      () => endpointWith('{"__proto__":"x"}'),
      '#/headers/__proto__',
    ],
    [
      'a name that is escaped',
      () => `/v1/accounts/${account}/endpoints`,
      () => endpointWith('{"_\\u005fproto__":"x"}'),
      '#/headers/__proto__',
    ],
    ['the body itself', () => '/v1/accounts', () => '{"name":"a","contract":"standard","__proto__":{}}', '#/__proto__'],
    [
      'headers to verify',
      () => `/v1/accounts/${account}/endpoints/${endpoint}/verify`,
      () => '{"headers":{"__proto__":"x"},"body":""}',
      '#/headers/__proto__',
    ],
  ])('__proto__ in %s is refused', async (_, path, body, pointer) => {
    const before = await countOf('endpoints');
    const answer = await post(path(), body());
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ pointer }] } });
    expect(await countOf('endpoints')).toBe(before);
  });

  test('a topic is looked up, whatever it is called', async () => {
    for (const topic of ['__proto__', 'constructor', 'toString']) {
      const answer = await post(events(), `{"trigger":"a","payloads":{"${topic}":1}}`);
      expect(answer).toMatchObject({ status: 422, body: { code: 'unknown_topic' } });
    }
  });

  test('__proto__ in a payload and in metadata is data', async () => {
    const { body } = await post(events(), '{"trigger":"a","payload":{"__proto__":{"a":1},"constructor":2}}');
    expect(await payloadOf(body.id)).toBe('{"__proto__":{"a":1},"constructor":2}');
    const id = `proto-${account}`;
    const made = await post(
      '/v1/accounts',
      `{"id":"${id}","name":"a","contract":"standard","metadata":{"__proto__":{"a":1}}}`,
    );
    expect(made.status).toBe(201);
    const { text } = await node.call('GET', `/v1/accounts/${id}`);
    expect(text).toContain('"metadata":{"__proto__":{"a":1}}');
  });

  test("a receiver's header __proto__ is shown in the history", async () => {
    const plain = receiver.respond;
    receiver.respond = (_, response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\n__proto__: shown\r\nx-a: 1\r\ncontent-length: 0\r\n\r\n');
    };
    const { text } = await node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/test`, {});
    receiver.respond = plain;
    expect(text).toContain('"__proto__":"shown"');
  });
});

const endpointWith = (headers: string) =>
  `{"url":"${receiver.url()}","subscriptions":[{"trigger":"a"}],"headers":${headers}}`;

test.each([
  ['{"Authorization":"a","authorization":"b"}', '#/headers/authorization'],
  ['{"x-a":"a","X-A":"a"}', '#/headers/X-A'],
])('header names that are equal ignoring case are refused: %s', async (headers, pointer) => {
  const before = await countOf('endpoints');
  const made = await post(`/v1/accounts/${account}/endpoints`, endpointWith(headers));
  expect(made).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ pointer }] } });
  const changed = await node.call('PATCH', `/v1/accounts/${account}/endpoints/${endpoint}`, `{"headers":${headers}}`);
  expect(changed.status).toBe(400);
  expect(await countOf('endpoints')).toBe(before);
});

describe('numbers', () => {
  test("a test's payload is sent as written", async () => {
    const payload = '{"total":5.0,"id":12345678901234567890,"e":1E+2,"b":[1.10,-0]}';
    const path = `/v1/accounts/${account}/endpoints/${endpoint}/test`;
    const answer = await post(path, `{ "trigger": "a", "payload": ${payload.replaceAll(',', ' , ')} }`);
    expect(answer.status).toBe(200);
    expect(answer.body.attempt.request.body).toContain(payload);
    expect(receiver.requests.at(-1)?.body.toString()).toContain(payload);
  });

  test.each([
    ['12345678901234567890', '#/metadata/a/0'],
    ['-9007199254740993', '#/metadata/a/0'],
    ['1e400', '#/metadata/a/0'],
    ['-1E+400', '#/metadata/a/0'],
    ['1e-400', '#/metadata/a/0'],
  ])('metadata with %s is refused: JavaScript cannot hold it', async (number, pointer) => {
    const before = await countOf('accounts');
    const answer = await post('/v1/accounts', `{"name":"a","contract":"standard","metadata":{"a":[${number}]}}`);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ pointer }] } });
    const changed = await node.call('PATCH', `/v1/accounts/${account}`, `{"metadata":{"a":[${number}]}}`);
    expect(changed.status).toBe(400);
    expect(await countOf('accounts')).toBe(before);
  });

  test.each(['9007199254740991', '-9007199254740991', '1e20', '1.5', '0', '-0.0', '5.0', '0e10', '1e308'])(
    'metadata with %s is kept',
    async (number) => {
      const answer = await node.call('PATCH', `/v1/accounts/${account}`, `{"metadata":{"a":${number}}}`);
      expect(answer).toMatchObject({ status: 200 });
      expect(answer.body.metadata.a + 0).toBe(Number(number) + 0);
    },
  );
});

describe('nesting', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  test.each([
    ['a payload', events, (v: string) => `{"trigger":"a","payload":${v}}`],
    ['a payload with spaces', events, (v: string) => `{"trigger":"a", "payload":${v}}`],
    ['a batch', () => `${events()}/batch`, (v: string) => `{"events":[{"trigger":"a","payload":${v}}]}`],
    ['payloads', events, (v: string) => `{"trigger":"a","payloads":{"t":${v}}}`],
    ['metadata', () => '/v1/accounts', (v: string) => `{"name":"a","contract":"standard","metadata":{"a":${v}}}`],
    ['a test', () => `/v1/accounts/${account}/endpoints/${endpoint}/test`, (v: string) => `{"payload":${v}}`],
  ])('%s that is nested too deeply is refused', async (_, path, bodyOf) => {
    for (const depth of [1_001, 10_000, 100_000]) {
      const answer = await post(path(), bodyOf(nested(depth)));
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      expect(answer.body.errors).toEqual([{ pointer: '#', detail: 'is nested more than 1000 deep' }]);
    }
    expect((await node.call('GET', '/healthz')).status).toBe(200);
  });

  test('1,000 levels are taken and delivered as they are', async () => {
    const payload = nested(990);
    const answer = await post(events(), `{"trigger":"deep","payload":${payload}}`);
    expect(answer.status).toBe(202);
    expect(await payloadOf(answer.body.id)).toBe(payload);
  });
});

describe('times', () => {
  const keys = () => `/v1/accounts/${account}/keys`;
  const wrong = [
    '9999-12-31T23:59:59-01:00',
    '0000-01-01T00:00:00Z',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00+01:00',
    '2099-02-30T00:00:00Z',
    '2099-13-01T00:00:00Z',
    '2099-04-31T12:00:00+02:00',
    '2099-01-01T24:00:00Z',
    '2099-01-01T00:60:00Z',
    '2099-01-01T00:00:00+24:00',
    '2099-01-01T00:00:00+01:60',
    '2099-01-01 00:00:00Z',
    '2099-01-01T00:00:00',
  ];
  test.each(wrong)('%s is no time, in a body and in a query', async (time) => {
    const before = await countOf('api_keys');
    const made = await node.call('POST', keys(), { label: 'k', scopes: [], expires_at: time });
    expect(made).toMatchObject({
      status: 400,
      body: { errors: expect.arrayContaining([expect.objectContaining({ pointer: '#/expires_at' })]) },
    });
    expect(await countOf('api_keys')).toBe(before);
    expect((await node.call('GET', keys())).status).toBe(200);
    const from = encodeURIComponent(time);
    for (const path of ['deliveries', 'events', 'stats']) {
      const listed = await node.call('GET', `/v1/accounts/${account}/${path}?from=${from}`);
      expect(listed).toMatchObject({ status: 400, body: { errors: [{ pointer: 'from' }] } });
    }
    const replay = await node.call('POST', `/v1/accounts/${account}/replay`, {
      from: '2020-01-01T00:00:00Z',
      to: time,
      dry_run: true,
    });
    expect(replay).toMatchObject({ status: 400, body: { errors: [{ pointer: '#/to' }] } });
  });

  test.each([
    '9999-12-31T23:59:59.999Z',
    '9999-12-31T23:59:59+01:00',
    '2096-02-29T00:00:00Z',
    '2099-01-01T00:00Z',
    '2099-01-01T00:00:00.123456789+14:00',
  ])('%s is one', async (time) => {
    const made = await node.call('POST', keys(), { label: 'k', scopes: [], expires_at: time });
    expect(made.status).toBe(201);
    expect((await node.call('GET', keys())).status).toBe(200);
    const stats = await node.call('GET', `/v1/accounts/${account}/stats?to=${encodeURIComponent(time)}`);
    expect(stats).toMatchObject({ status: 200, body: { to: expect.stringMatching(/^\d{4}-/) } });
  });
});

describe("an event's own id", () => {
  test('cannot have the form of ours: it would stand for another event', async () => {
    const ours = (await node.publish(account, 'a', 1)).body.id as string;
    const before = await countOf('events');
    for (const id of [ours, 'evt_00000000000000000000000000']) {
      const answer = await node.call('POST', events(), { id, trigger: 'a', payload: 2 });
      expect(answer).toMatchObject({
        status: 409,
        body: { code: 'idempotency_conflict', errors: [{ pointer: '#/id' }] },
      });
      const batch = await node.call('POST', `${events()}/batch`, {
        events: [
          { id: 'fine', trigger: 'a', payload: 2 },
          { id, trigger: 'a', payload: 2 },
        ],
      });
      expect(batch).toMatchObject({ status: 409, body: { errors: [{ pointer: '#/events/1/id' }] } });
    }
    expect(await countOf('events')).toBe(before);
    expect((await node.call('POST', events(), { id: 'evt_1', trigger: 'a', payload: 2 })).status).toBe(202);
  });
});
