/** Each rule of docs/contracts/loop-subscriptions.md; a test bears the numbers of the rules that it proves. */
import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import type { Received, Receiver } from '../support/receiver.ts';
import {
  createAccount,
  createKey,
  createWebhook,
  samplesOf,
  tlsReceiver,
  trustingEnvironment,
} from '../support/vendors.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The clock of these tests runs ten times as fast as the machine, on which a try is under way. */
const LATE = 30_000;
const SHOP = 'aug26-v2release.myshopify.com';
const SAMPLES = samplesOf('loop-subscriptions');
const ISO_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let node: TestNode;
let clock: VirtualClock;
let receiver: Receiver;
let account: string;
let chance = () => 0.999_999;

beforeAll(async () => {
  clock = new VirtualClock();
  node = await startTestNode({ clock, random: () => chance(), environment: trustingEnvironment() });
});
afterAll(async () => {
  await node.stop();
  clock.stop();
});
beforeEach(async () => {
  receiver = await tlsReceiver();
  account = await createAccount(node, 'loop-subscriptions', { myshopifyDomain: SHOP });
  chance = () => 0.999_999;
});
afterEach(() => receiver.stop());

const address = () => receiver.url().replace('http:', 'https:');
const subscribe = (topic: string, more: object = {}) =>
  createWebhook(node, account, { url: address(), subscriptions: [{ trigger: topic }], ...more });
const publish = (topic: string, payload: unknown) => node.publish(account, topic, payload);
const deliveries = async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
const delivery = (fits: (d: { status: string; attempt_count: number }) => boolean) =>
  eventually(deliveries, (list) => list.length > 0 && fits(list[0])).then((list) => list[0]);
const header = (request: Received | undefined, name: string) => String(request?.headers[`x-loop-webhook-${name}`]);

describe('the request', () => {
  test.each(SAMPLES)('LS-1 LS-2 LS-4 the sample of $trigger', async ({ trigger, text }) => {
    const { secret } = await subscribe(trigger);
    const answer = await node.call(
      'POST',
      `/v1/accounts/${account}/events`,
      `{"trigger":"${trigger}","payload":${text}}`,
    );
    expect(answer).toMatchObject({ status: 202, body: { deliveries: 1 } });
    const [request] = await receiver.received(1);
    if (!request) throw new Error('nothing came');
    const inner = JSON.stringify(JSON.parse(text));
    expect(request.body.toString()).toBe(`{"payload":${inner},"metaData":{"myshopifyDomain":"${SHOP}"}}`);
    expect(header(request, 'topic')).toBe(trigger);
    expect(header(request, 'id')).toBe(answer.body.id);
    expect(header(request, 'api-version')).toBe('2023-10');
    expect(header(request, 'created-at')).toMatch(ISO_MS);
    expect(header(request, 'delivery-at')).toMatch(ISO_MS);
    expect(header(request, 'retry-count')).toBe('0');
    expect(request.headers['x-loop-signature']).toBe(
      createHmac('sha256', secret).update(request.body).digest('base64'),
    );
  });

  test('LS-3 keeps id and creation time over retries; delivery time and retry count go on', async () => {
    receiver.respond = (_, response, index) => void response.writeHead(index < 2 ? 500 : 200).end();
    await subscribe('order/processed');
    await publish('order/processed', { id: 1 });
    for (let attempt = 1; attempt <= 2; attempt++) {
      await delivery((d) => d.attempt_count === attempt);
      clock.jump(HOUR);
    }
    const requests = (await receiver.received(3)).slice(0, 3);
    const all = (name: string) => requests.map((request) => header(request, name));
    expect(new Set(all('id')).size).toBe(1);
    expect(new Set(all('created-at')).size).toBe(1);
    expect(new Set(all('delivery-at')).size).toBe(3);
    expect(all('retry-count')).toEqual(['0', '1', '2']);
    expect(new Set(requests.map((r) => r.body.toString())).size).toBe(1);
  });

  test('LS-5 carries the API version of the webhook', async () => {
    await subscribe('order/processed', { version: '2022-10' });
    await publish('order/processed', { id: 1 });
    expect(header((await receiver.received(1))[0], 'api-version')).toBe('2022-10');
    const wrong = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: address(),
      subscriptions: [{ trigger: 'order/processed' }],
      version: '1999-01',
    });
    expect(wrong).toMatchObject({ status: 422, body: { code: 'unknown_version' } });
  });

  test('LS-5 has one topic, without wildcards', async () => {
    const wish = (...triggers: string[]) =>
      node.call('POST', `/v1/accounts/${account}/endpoints`, {
        url: address(),
        subscriptions: triggers.map((trigger) => ({ trigger })),
      });
    expect(await wish('order/*')).toMatchObject({ status: 422, body: { code: 'unknown_trigger' } });
    expect(await wish('*')).toMatchObject({ status: 422, body: { code: 'unknown_trigger' } });
    expect(await wish('order/processed', 'order/skipped')).toMatchObject({
      status: 409,
      body: { code: 'limit_reached' },
    });
  });

  test('LS-6 goes over HTTPS only', async () => {
    const plain = { url: 'http://example.com/hook', subscriptions: [{ trigger: 'order/processed' }] };
    const answer = await node.call('POST', `/v1/accounts/${account}/endpoints`, plain);
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_url' } });
    expect(answer.body.detail).toMatch(/https/i);
  });
});

describe('errors and retries', () => {
  test.each([200, 201, 204, 299])('LS-7 %i confirms the receipt', async (status) => {
    receiver.respond = (_, response) => void response.writeHead(status).end();
    await subscribe('flow/completed');
    await publish('flow/completed', { id: 1 });
    await delivery((d) => d.status === 'succeeded');
  });

  test.each([301, 400, 401, 404, 410, 422, 429, 500])(
    'LS-8 %i is tried again, and switches nothing off',
    async (status) => {
      receiver.respond = (_, response) => void response.writeHead(status, { 'retry-after': '86400' }).end();
      const { path } = await subscribe('flow/completed');
      await publish('flow/completed', { id: 1 });
      const { next_attempt_at } = await delivery((d) => d.attempt_count === 1 && d.status === 'failed');
      // No Retry-After in this contract: the first retry comes after a minute.
      expect(Date.parse(next_attempt_at) - clock.now()).toBeLessThanOrEqual(66_000);
      expect((await node.call('GET', path)).body.status).toBe('active');
    },
  );

  test('LS-9 an answer after five seconds is too late', async () => {
    receiver.respond = () => {};
    await subscribe('flow/completed');
    await publish('flow/completed', { id: 1 });
    const failed = await delivery((d) => d.attempt_count === 1);
    expect(failed).toMatchObject({ status: 'failed', last_error: 'timeout' });
    const { attempts } = (await node.call('GET', `/v1/accounts/${account}/deliveries/${failed.id}`)).body;
    expect(attempts[0].duration_ms).toBeGreaterThan(4_900);
    expect(attempts[0].duration_ms).toBeLessThan(7_000);
  });

  test.each([
    ['0', () => 0],
    ['1', () => 0.999_999],
    ['a half', () => 0.5],
    ['now this, now that', (n: number) => (n % 2 === 0 ? 0 : 0.999_999)],
  ])('LS-10 is tried ten times over 48 hours, the last time in the last hour, with chance at %s', async (_, at) => {
    let n = 0;
    chance = () => at(n++);
    receiver.respond = (_, response) => void response.writeHead(500).end();
    await subscribe('flow/completed');
    await publish('flow/completed', { id: 1 });
    const times = await untilDropped();
    expect(times).toHaveLength(10);
    const since = times.map((time) => time - (times[0] ?? 0));
    let planned = 0;
    [1, 5, 30, 60, 120, 240, 480, 720, 1200].forEach((minutes, i) => {
      planned += minutes * MINUTE;
      expect(Math.abs((since[i + 1] ?? 0) - planned)).toBeLessThan(minutes * 6_000 + LATE);
    });
    expect(since.at(-1)).toBeGreaterThanOrEqual(47 * HOUR);
    expect(since.at(-1)).toBeLessThanOrEqual(48 * HOUR);
  });

  test('LS-10 a try that comes late moves no other; one sent again by hand has 48 hours of its own', async () => {
    receiver.respond = (_, response) => void response.writeHead(500).end();
    await subscribe('flow/completed');
    await publish('flow/completed', { id: 1 });
    await delivery((d) => d.attempt_count === 1 && d.status === 'failed');
    // Nothing could be sent for half a day: what was planned meanwhile is not made up for.
    clock.jump(12 * HOUR);
    const times = await untilDropped();
    expect(times).toHaveLength(5);
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThan(11 * HOUR);
    expect((times.at(-1) ?? 0) - first).toBeGreaterThanOrEqual(47 * HOUR);
    expect((times.at(-1) ?? 0) - first).toBeLessThanOrEqual(48 * HOUR);
    const [{ id }] = await deliveries();
    await node.call('POST', `/v1/accounts/${account}/deliveries/${id}/retry`);
    const again = (await untilDropped()).slice(times.length);
    expect(again).toHaveLength(10);
    expect((again.at(-1) ?? 0) - (again[0] ?? 0)).toBeGreaterThanOrEqual(47 * HOUR);
    expect((again.at(-1) ?? 0) - (again[0] ?? 0)).toBeLessThanOrEqual(48 * HOUR);
  });

  test('LS-11 then it is dropped; the history keeps it, and it can be sent again', async () => {
    receiver.respond = (_, response) => void response.writeHead(500).end();
    const { path } = await subscribe('flow/completed');
    await publish('flow/completed', { id: 1 });
    await untilDropped();
    const dropped = await delivery((d) => d.status === 'discarded');
    expect(dropped).toMatchObject({ attempt_count: 10, reason: 'retries_exhausted' });
    expect((await node.call('GET', path)).body.status).toBe('active');
    receiver.respond = (_, response) => void response.writeHead(200).end();
    await node.call('POST', `/v1/accounts/${account}/deliveries/${dropped.id}/retry`);
    await delivery((d) => d.status === 'succeeded');
    expect(header((await receiver.received(11))[10], 'retry-count')).toBe('10');
  });
});

/** Moves on from try to try until the delivery is given up; answers when its attempts began. */
async function untilDropped(): Promise<number[]> {
  for (let made = -1; ; ) {
    const { id, status, attempt_count, next_attempt_at } = await delivery(
      (d) => (d.status === 'failed' || d.status === 'discarded') && d.attempt_count !== made,
    );
    if (status === 'discarded') {
      const { attempts } = (await node.call('GET', `/v1/accounts/${account}/deliveries/${id}`)).body;
      return attempts.map((attempt: { started_at: string }) => Date.parse(attempt.started_at)).sort();
    }
    made = attempt_count;
    clock.jump(Math.max(0, Date.parse(next_attempt_at) - clock.now()));
  }
}

describe('the admin API', () => {
  const api = (token: string | undefined, method: string, path: string, body?: unknown) =>
    node.call(method, `/admin${path}`, body, token === undefined ? {} : { 'x-loop-token': token });
  const failed = (message: unknown) => ({ success: false, message, data: {} });

  test('LS-12 lists the topics', async () => {
    const token = await createKey(node, account, ['webhooks:read']);
    const answer = await api(token, 'GET', '/2023-10/webhook/topics');
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body)).toEqual(['success', 'message', 'data']);
    expect(answer.body).toMatchObject({ success: true, message: 'Fetched available topics' });
    expect(answer.body.data).toEqual(expect.arrayContaining(SAMPLES.map((s) => s.trigger)));
    expect(answer.body.data).toHaveLength(23);
  });

  test('LS-13 LS-14 subscribes, lists and unsubscribes by either id', async () => {
    const token = await createKey(node, account, ['webhooks:write']);
    const topic = 'subscription/cancelled';
    const subscribed = await api(token, 'POST', '/2022-10/webhook', { address: address(), topic });
    expect(subscribed.body).toEqual({
      success: true,
      message: 'Successfully subscribed to the topic',
      data: {
        uuid: expect.stringMatching(/^[0-9a-f]{32}$/),
        topic,
        status: 'ACTIVE',
        version: '2022-10',
        myshopifyDomain: SHOP,
      },
    });
    await publish(topic, { id: 1 });
    expect(header((await receiver.received(1))[0], 'api-version')).toBe('2022-10');
    await api(token, 'POST', '/2022-10/webhook', { address: address(), topic });
    const list = (await api(token, 'GET', '/2022-10/webhook')).body.data;
    expect(list).toHaveLength(2);
    expect(list[0]).toEqual({ id: expect.any(Number), address: address(), ...subscribed.body.data });
    expect(list[0].id).not.toBe(list[1].id);
    const gone = { success: true, message: 'Successfully unsubscribed from the topic', data: {} };
    expect((await api(token, 'DELETE', `/2022-10/webhook/${list[0].uuid}`)).body).toEqual(gone);
    expect((await api(token, 'DELETE', `/2022-10/webhook/${list[1].id}`)).body).toEqual(gone);
    expect((await api(token, 'GET', '/2022-10/webhook')).body.data).toEqual([]);
  });

  test('LS-15 answers errors in its envelope', async () => {
    const token = await createKey(node, account, ['webhooks:write']);
    expect(await api(undefined, 'GET', '/2023-10/webhook')).toMatchObject({
      status: 401,
      body: failed('invalid token'),
    });
    const topic = 'flow/completed';
    const cases: [body: unknown, message: unknown][] = [
      [{ topic }, 'address | Required'],
      [{ address: address() }, 'topic | Required'],
      [{ address: address(), topic: 'nothing/happened' }, expect.stringContaining('topic | ')],
      [{ address: 'http://example.com/', topic }, expect.stringMatching(/^address \| .*https/i)],
    ];
    for (const [body, message] of cases) {
      expect(await api(token, 'POST', '/2023-10/webhook', body)).toMatchObject({ status: 422, body: failed(message) });
    }
    expect(await api(token, 'DELETE', '/2023-10/webhook/7')).toMatchObject({
      status: 404,
      body: failed('Webhook not found'),
    });
    expect((await api(token, 'GET', '/1999-01/webhook')).status).toBe(404);
    expect(await api(token, 'POST', '/2023-10/webhook', '{')).toMatchObject({ status: 400, body: { success: false } });
  });

  test('LS-16 attack: needs a token with the scope, of this account', async () => {
    const reader = await createKey(node, account, ['webhooks:read']);
    const wish = { address: address(), topic: 'flow/completed' };
    expect((await api(reader, 'POST', '/2023-10/webhook', wish)).status).toBe(401);
    const { id } = await subscribe('flow/completed');
    const stranger = await createKey(node, await createAccount(node, 'loop-subscriptions'), ['webhooks:write']);
    expect((await api(stranger, 'GET', '/2023-10/webhook')).body.data).toEqual([]);
    const mine = (await api(reader, 'GET', '/2023-10/webhook')).body.data;
    expect((await api(stranger, 'DELETE', `/2023-10/webhook/${mine[0].uuid}`)).status).toBe(404);
    expect((await api(stranger, 'DELETE', `/2023-10/webhook/${mine[0].id}`)).status).toBe(404);
    expect((await node.call('GET', `/v1/accounts/${account}/endpoints/${id}`)).status).toBe(200);
  });
});
