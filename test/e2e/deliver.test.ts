/** One event over HTTP, a signed request at a real receiver, and its history. */
import { createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;

beforeAll(async () => {
  // Full jitter of nothing: retries are due at once.
  node = await startTestNode({ random: () => 0 });
});
afterAll(() => node.stop());
beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(() => receiver.stop());

async function deliveryOf(account: string, fits: (delivery: { status: string; trigger: string }) => boolean) {
  const list = await eventually(
    () => node.call('GET', `/v1/accounts/${account}/deliveries`),
    (answer) => answer.body.data.length > 0 && fits(answer.body.data[0]),
  );
  return (await node.call('GET', `/v1/accounts/${account}/deliveries/${list.body.data[0].id}`)).body;
}

describe('a delivery', () => {
  test('reaches the receiver with the promised headers and body, and verifies with the npm package', async () => {
    const { account, secret } = await node.createEndpoint(receiver.url('/hook?x=1'));
    const published = await node.publish(account, 'order.created', { id: 7, name: 'Zoë' });
    expect(published).toMatchObject({ status: 202, body: { deliveries: 1 } });
    const [request] = await receiver.received(1);
    expect(request).toMatchObject({ method: 'POST', path: '/hook?x=1' });
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.headers['webhook-id']).toBe(published.body.id);
    const verified = new Webhook(secret).verify(request?.body ?? '', request?.headers as Record<string, string>);
    expect(verified).toMatchObject({ type: 'order.created', data: { id: 7, name: 'Zoë' } });
    expect(Object.keys(verified as object)).toEqual(['type', 'timestamp', 'data']);
  });

  test('carries numbers and key order as they were published', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    const payload = '{ "z": 5.0, "a": 123456789012345678901, "2": 1e400, "1": -0, "t": "a\\/b\\u00e9" }';
    await node.call('POST', `/v1/accounts/${account}/events`, `{"trigger":"a.b","payload":${payload}}`);
    const [request] = await receiver.received(1);
    const data = '{"z":5.0,"a":123456789012345678901,"2":1e400,"1":-0,"t":"a\\/b\\u00e9"}';
    expect(request?.body.toString()).toContain(`"data":${data}}`);
    const event = await node.call('GET', `/v1/accounts/${account}/events`);
    expect(event.text).toContain(`"payload":${data}`);
  });

  test('stands in the history with its request, response and timings', async () => {
    receiver.respond = (_, response) => void response.writeHead(201, { 'x-answer': ['a', 'b'] }).end('thanks');
    const { account, endpoint } = await node.createEndpoint(receiver.url());
    const { body: event } = await node.publish(account, 'order.created', { a: 1 });
    const delivery = await deliveryOf(account, (d) => d.status === 'succeeded');
    expect(delivery).toMatchObject({
      event_id: event.id,
      endpoint_id: endpoint,
      attempt_count: 1,
      last_status: 201,
      reason: null,
    });
    const [attempt] = delivery.attempts;
    expect(attempt.request.headers['webhook-id']).toBe(event.id);
    expect(attempt.request.body).toBe(receiver.requests[0]?.body.toString());
    expect(attempt.response).toMatchObject({ status: 201, body: 'thanks', truncated: false });
    expect(attempt.response.headers['x-answer']).toBe('a, b');
    expect(attempt.timings_ms.connect).toBeGreaterThan(0);
    expect(attempt.timings_ms.first_byte).toBeGreaterThan(0);
    expect(attempt.timings_ms.total).toBeGreaterThanOrEqual(attempt.timings_ms.first_byte);
  });

  test('keeps the first 64 KiB of a response, and bytes that are not text as base64', async () => {
    receiver.respond = (_, response) => void response.writeHead(200).end(Buffer.alloc(100_000, 0xff));
    const { account } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    const { attempts } = await deliveryOf(account, (d) => d.status === 'succeeded');
    expect(attempts[0].response).toMatchObject({ truncated: true, body_encoding: 'base64' });
    expect(Buffer.from(attempts[0].response.body, 'base64')).toHaveLength(65_536);
  });

  test('is retried with the same webhook-id, a fresh signature and the same bytes', async () => {
    receiver.respond = (_, response, i) => void response.writeHead(i < 2 ? 500 : 200).end();
    const { account, secret } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'order.created', { a: 1 });
    const requests = await receiver.received(3);
    expect(new Set(requests.map((r) => r.headers['webhook-id'])).size).toBe(1);
    expect(new Set(requests.map((r) => r.body.toString())).size).toBe(1);
    for (const { body, headers } of requests) new Webhook(secret).verify(body, headers as Record<string, string>);
    const delivery = await deliveryOf(account, (d) => d.status === 'succeeded');
    expect(delivery.attempts.map((a: { number: number; error: string | null }) => [a.number, a.error])).toEqual([
      [1, 'http_status'],
      [2, 'http_status'],
      [3, null],
    ]);
  });

  test('is given up after the last retry', async () => {
    receiver.respond = (_, response) => void response.writeHead(500).end();
    const { account } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    const delivery = await deliveryOf(account, (d) => d.status === 'discarded');
    expect(delivery).toMatchObject({ reason: 'retries_exhausted', attempt_count: 10, last_status: 500 });
    expect(receiver.requests).toHaveLength(10);
  });

  test('obeys Retry-After', async () => {
    receiver.respond = (_, response, i) => void response.writeHead(i === 0 ? 429 : 200, { 'retry-after': '1' }).end();
    const { account } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    const [first, second] = await receiver.received(2);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  test('a redirect is a failure and is not followed', async () => {
    const other = await Receiver.start();
    receiver.respond = (_, response, i) =>
      void response.writeHead(i === 0 ? 302 : 200, { location: other.url() }).end();
    const { account } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    await receiver.received(2);
    expect(other.requests).toHaveLength(0);
    await other.stop();
  });

  test('410 Gone switches the endpoint off, and new events are skipped', async () => {
    receiver.respond = (_, response) => void response.writeHead(410).end();
    const { account, endpoint } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    const off = await eventually(
      () => node.call('GET', `/v1/accounts/${account}/endpoints/${endpoint}`),
      (answer) => answer.body.status === 'inactive',
    );
    expect(off.body.inactive_reason).toBe('gone');
    expect((await node.publish(account, 'b', 1)).body.deliveries).toBe(0);
    const { data } = (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body;
    expect(data.map((d: { status: string; reason: string }) => [d.status, d.reason])).toEqual([
      ['skipped', 'endpoint_inactive'],
      ['discarded', 'gone'],
    ]);
  });

  test('goes out on connections that are kept alive, and never on those of another account', async () => {
    const first = await node.createEndpoint(receiver.url());
    const second = await node.createEndpoint(receiver.url());
    for (const { account } of [first, first, second, first, second]) {
      const count = receiver.requests.length + 1;
      await node.publish(account, 'a', account);
      await receiver.received(count);
      await eventually(
        () => node.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`),
        (answer) => answer.body.data.length === receiver.requests.filter((r) => r.body.includes(account)).length,
      );
    }
    const used = (account: string) =>
      new Set(receiver.requests.filter((r) => r.body.includes(account)).map((r) => r.connection));
    expect(used(first.account).size).toBe(1);
    expect(used(second.account).size).toBe(1);
    expect(used(first.account)).not.toEqual(used(second.account));
  });

  test('survives a receiver that closes idle connections, without a failed attempt', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    await deliveryOf(account, (d) => d.status === 'succeeded');
    receiver.dropConnections();
    await node.publish(account, 'b', 1);
    const delivery = await deliveryOf(account, (d) => d.trigger === 'b' && d.status === 'succeeded');
    expect(delivery).toMatchObject({ attempt_count: 1 });
  });
});

describe('secrets', () => {
  test('during a rotation both secrets verify; without overlap only the new one', async () => {
    const { account, endpoint, secret } = await node.createEndpoint(receiver.url());
    const rotated = await node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/rotate-secret`, {});
    await node.publish(account, 'a', 1);
    const [first] = await receiver.received(1);
    for (const s of [secret, rotated.body.secret])
      new Webhook(s).verify(first?.body ?? '', first?.headers as Record<string, string>);
    const again = await node.call('POST', `/v1/accounts/${account}/endpoints/${endpoint}/rotate-secret`, {
      overlap_seconds: 0,
    });
    await node.publish(account, 'b', 1);
    const [, second] = await receiver.received(2);
    new Webhook(again.body.secret).verify(second?.body ?? '', second?.headers as Record<string, string>);
    for (const s of [secret, rotated.body.secret]) {
      expect(() => new Webhook(s).verify(second?.body ?? '', second?.headers as Record<string, string>)).toThrow();
    }
  });

  test('v1a: the ed25519 signature verifies with the public key', async () => {
    const { account, endpoint, secret } = await node.createEndpoint(receiver.url(), { signature: 'v1a' });
    expect(secret).toMatch(/^whsk_/);
    const shown = await node.call('GET', `/v1/accounts/${account}/endpoints/${endpoint}`);
    await node.publish(account, 'a', 1);
    const [request] = await receiver.received(1);
    const spki = Buffer.concat([
      Buffer.from('302a300506032b6570032100', 'hex'),
      Buffer.from(shown.body.public_key.slice(5), 'base64'),
    ]);
    const [version, signature = ''] = String(request?.headers['webhook-signature']).split(',');
    const signed = `${request?.headers['webhook-id']}.${request?.headers['webhook-timestamp']}.${request?.body}`;
    expect(version).toBe('v1a');
    expect(
      verify(
        null,
        Buffer.from(signed),
        createPublicKey({ key: spki, format: 'der', type: 'spki' }),
        Buffer.from(signature, 'base64'),
      ),
    ).toBe(true);
  });

  test('are not in any other answer, and not in the database as they are', async () => {
    const { account, endpoint, secret } = await node.createEndpoint(receiver.url());
    for (const path of [`/v1/accounts/${account}/endpoints`, `/v1/accounts/${account}/endpoints/${endpoint}`]) {
      expect((await node.call('GET', path)).text).not.toContain(secret);
    }
    const { query } = await import('../support/database.ts');
    const rows = await query<{ ciphertext: Buffer }>(node.databaseUrl, 'SELECT ciphertext FROM endpoint_secrets');
    expect(rows.length).toBeGreaterThan(0);
    for (const { ciphertext } of rows) expect(ciphertext.includes(secret.slice(6, 20))).toBe(false);
  });

  test('a secret that receivers already have can be brought along', async () => {
    const brought = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
    const { account, secret } = await node.createEndpoint(receiver.url(), { secret: brought });
    expect(secret).toBe(brought);
    await node.publish(account, 'a', 1);
    const [request] = await receiver.received(1);
    new Webhook(brought).verify(request?.body ?? '', request?.headers as Record<string, string>);
  });
});

describe('an inactive endpoint', () => {
  test('holds what waits, skips what is new, and both can be sent later', async () => {
    receiver.respond = (_, response, i) =>
      void response.writeHead(i === 0 ? 503 : 200, { 'retry-after': '3600' }).end();
    const { account, endpoint } = await node.createEndpoint(receiver.url());
    const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
    await node.publish(account, 'first', 1);
    await deliveryOf(account, (d) => d.status === 'failed');
    await node.call('POST', `${path}/deactivate`);
    const held = await deliveryOf(account, (d) => d.status === 'held');
    expect(held.next_attempt_at).toBeNull();
    await node.publish(account, 'second', 2);
    const skipped = await deliveryOf(account, (d) => d.status === 'skipped');
    expect(skipped.reason).toBe('endpoint_inactive');

    const retried = await node.call('POST', `/v1/accounts/${account}/deliveries/${skipped.id}/retry`);
    expect(retried.status).toBe(202);
    await receiver.received(2);
    expect(receiver.requests[1]?.body.toString()).toContain('"second"');
    const sent = await eventually(
      () => node.call('GET', `/v1/accounts/${account}/deliveries/${skipped.id}`),
      (answer) => answer.body.status === 'succeeded',
    );
    expect(sent.body.attempt_count).toBe(1);
    await node.call('POST', `/v1/accounts/${account}/deliveries/${held.id}/retry`);
    await receiver.received(3);
  });

  test('gets its held deliveries when it is switched on again', async () => {
    receiver.respond = (_, response, i) => void response.writeHead(i === 0 ? 500 : 200).end();
    const { account, endpoint } = await node.createEndpoint(receiver.url(), { status: 'active' });
    const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
    receiver.respond = (_, response, i) => void response.writeHead(i === 0 ? 503 : 200, { 'retry-after': '2' }).end();
    await node.publish(account, 'first', 1);
    await deliveryOf(account, (d) => d.status === 'failed');
    await node.call('POST', `${path}/deactivate`);
    await deliveryOf(account, (d) => d.status === 'held');
    await node.call('POST', `${path}/activate`);
    await receiver.received(2);
  });
});

describe('a retry by hand', () => {
  test('works after success, after giving up, and begins a new round', async () => {
    receiver.respond = (_, response) => void response.writeHead(410).end();
    const { account, endpoint } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    const gone = await deliveryOf(account, (d) => d.status === 'discarded');
    receiver.respond = (_, response) => void response.writeHead(200).end();
    for (const attempts of [2, 3]) {
      expect((await node.call('POST', `/v1/accounts/${account}/deliveries/${gone.id}/retry`)).status).toBe(202);
      const done = await eventually(
        () => node.call('GET', `/v1/accounts/${account}/deliveries/${gone.id}`),
        (answer) => answer.body.status === 'succeeded' && answer.body.attempt_count === attempts,
      );
      expect(done.body.attempts).toHaveLength(attempts);
    }
    expect((await node.call('GET', `/v1/accounts/${account}/endpoints/${endpoint}`)).body.status).toBe('inactive');
  });

  test('of a deleted endpoint is refused with the reason', async () => {
    const { account, endpoint } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a', 1);
    const delivery = await deliveryOf(account, (d) => d.status === 'succeeded');
    await node.call('DELETE', `/v1/accounts/${account}/endpoints/${endpoint}`);
    const refused = await node.call('POST', `/v1/accounts/${account}/deliveries/${delivery.id}/retry`);
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'not_retryable', detail: 'Its endpoint has been deleted.' },
    });
  });
});

describe('a test', () => {
  test('answers its outcome, is marked, is tried once, and works while the endpoint is inactive', async () => {
    receiver.respond = (_, response, i) => void response.writeHead(i === 0 ? 200 : 503).end('seen');
    const { account, endpoint } = await node.createEndpoint(receiver.url(), { status: 'inactive' });
    const path = `/v1/accounts/${account}/endpoints/${endpoint}/test`;
    const good = await node.call('POST', path);
    expect(good.body).toMatchObject({ succeeded: true, attempt: { response: { status: 200, body: 'seen' } } });
    const bad = await node.call('POST', path, { trigger: 'order.created', payload: { n: 1 } });
    expect(bad.body).toMatchObject({ succeeded: false, attempt: { error: 'http_status', response: { status: 503 } } });
    const { body } = await node.call('GET', `/v1/accounts/${account}/deliveries/${bad.body.delivery_id}`);
    expect(body).toMatchObject({ status: 'discarded', reason: 'test', test: true, attempt_count: 1 });
    expect(receiver.requests).toHaveLength(2);
  });
});

test('attack: tests are no way to send many requests to somebody', async () => {
  const { account } = await node.createEndpoint(receiver.url());
  for (let i = 1; i < 30; i++) await node.createEndpoint(receiver.url(), {}, account);
  const example = () => node.call('POST', `/v1/accounts/${account}/examples`, { trigger: 'order.created' });
  const answers: number[] = [];
  // Two minutes may be touched.
  for (let i = 0; i < 21; i++) answers.push((await example()).status);
  expect(answers.slice(0, 10)).toEqual(Array(10).fill(200));
  expect(answers).toContain(429);
  expect(receiver.requests.length).toBeLessThanOrEqual(600);
  const other = await node.createEndpoint(receiver.url());
  expect((await node.call('POST', `/v1/accounts/${other.account}/endpoints/${other.endpoint}/test`)).status).toBe(200);
});

test('a test of an inactive endpoint is sent, although the endpoint is being changed at that moment', async () => {
  const { account, endpoint } = await node.createEndpoint(receiver.url(), { status: 'inactive' });
  const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
  for (let i = 0; i < 20; i++) {
    const changes = Array.from({ length: 3 }, (_, n) => node.call('PATCH', path, { description: `${i} ${n}` }));
    const tests = Array.from({ length: 3 }, () => node.call('POST', `${path}/test`));
    await Promise.all(changes);
    expect((await Promise.all(tests)).map((answer) => answer.status)).toEqual([200, 200, 200]);
  }
});

describe('the JSON samples of the vendors', () => {
  const folder = new URL('../samples/', import.meta.url);
  test.each(readdirSync(folder))('%s arrives token for token', async (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const { account } = await node.createEndpoint(receiver.url());
    await node.call('POST', `/v1/accounts/${account}/events`, `{"trigger":"sample","payload":${text}}`);
    const [request] = await receiver.received(1);
    const [, data] = /"data":(.*)\}$/s.exec(request?.body.toString() ?? '') ?? [];
    expect(JSON.parse(data ?? '')).toEqual(JSON.parse(text));
    expect(data).toBe(text.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (token) => (token.startsWith('"') ? token : '')));
  });
});
