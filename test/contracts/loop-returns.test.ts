/** Each rule of docs/contracts/loop-returns.md; a test bears the numbers of the rules that it proves. */
import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeId } from '../../packages/server/src/domain/ids.ts';
import { query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import {
  createAccount,
  createKey,
  createWebhook,
  phpReencode,
  samplesOf,
  verifiesAsLoopReturns,
} from '../support/vendors.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SAMPLES = samplesOf('loop-returns');

let node: TestNode;
let clock: VirtualClock;
let receiver: Receiver;
let account: string;

beforeAll(async () => {
  clock = new VirtualClock();
  // The longest that jitter allows.
  node = await startTestNode({ clock, random: () => 0.999_999 });
});
afterAll(async () => {
  await node.stop();
  clock.stop();
});
beforeEach(async () => {
  receiver = await Receiver.start();
  account = await createAccount(node, 'loop-returns', { shop_id: 65432 });
});
afterEach(() => receiver.stop());

const webhook = (topic: string, trigger: string, more: object = { status: 'active' }) =>
  createWebhook(node, account, { url: receiver.url(), subscriptions: [{ topic, trigger }], ...more });
const events = (body: unknown) => node.call('POST', `/v1/accounts/${account}/events`, body);
const restock = (trigger = 'restock.requested') => events({ trigger, payload: { id: 1, restock_items: [] } });
const uuidOf = (id: string) => decodeId('ep', id)?.toString('hex');
const deliveries = async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
const delivery = (fits: (d: { status: string; attempt_count: number }) => boolean) =>
  eventually(deliveries, (list) => list.length > 0 && fits(list[0])).then((list) => list[0]);
const endpointOf = async ({ path }: { path: string }) => (await node.call('GET', path)).body;

describe('the request', () => {
  test.each(SAMPLES)('LR-1 LR-2 LR-4 LR-5 the sample of $topic and $trigger', async ({ topic, trigger, text }) => {
    const { secret } = await webhook(topic ?? '', trigger);
    const answer = await events(`{"trigger":"${trigger}","payloads":{"${topic}":${text}}}`);
    expect(answer).toMatchObject({ status: 202, body: { deliveries: 1 } });
    const [request] = await receiver.received(1);
    if (!request) throw new Error('nothing came');
    expect(request.method).toBe('POST');
    expect(request.headers['content-type']).toBe('application/json');
    expect(request.body.toString()).toBe(phpReencode(text));
    expect(JSON.parse(request.body.toString())).toEqual(JSON.parse(text));
    expect(verifiesAsLoopReturns(request, secret)).toBe(true);
    // A receiver that hashes what it has parsed and written again, as PHP does, comes to the same.
    const again = createHmac('sha256', secret).update(phpReencode(request.body.toString())).digest('base64');
    expect(request.headers['x-loop-signature']).toBe(again);
  });

  test('LR-3 LR-27 is written as PHP writes JSON, and numbers as they were published', async () => {
    await webhook('restock', 'restock.requested');
    await events(
      '{"trigger":"restock.requested","payload":{ "id": 9223372036854775807, "restock_items": [], "a": 5.0, "b": 20.20, "c": "é/\\u00fc 😀", "z": 1e3, "y": 2 }}',
    );
    const [request] = await receiver.received(1);
    expect(request?.body.toString()).toBe(
      '{"topic":"restock","trigger":"restock.requested","id":9223372036854775807,"restock_items":[],"a":5.0,"b":20.20,' +
        '"c":"\\u00e9\\/\\u00fc \\ud83d\\ude00","z":1e3,"y":2}',
    );
  });

  test('LR-27 the documented sample arrives with 5.0', async () => {
    const sample = SAMPLES.find((one) => one.trigger === 'label.request.created');
    expect(sample?.text).toContain('"height": 5.0,\n    "length": 20.2,');
    await webhook('label.request', 'label.request.created');
    await events(`{"trigger":"label.request.created","payload":${sample?.text}}`);
    const [request] = await receiver.received(1);
    expect(request?.body.toString()).toContain(
      '"parcel":{"height":5.0,"length":20.2,"width":10.9,"weight":65.9,"line_items":[100,101]},"shop_id":50,',
    );
    const { text } = await node.call('GET', '/v1/contracts/loop-returns');
    expect(text).toContain('"parcel":{"height":5.0,"length":20.2');
  });

  test.each([
    ['an integer beyond 64 bits', '9223372036854775808', '#/payload/a', 'is an integer beyond 64 bits'],
    ['a number beyond a double', '{"b":[0,-1e400]}', '#/payload/a/b/1', 'is a number beyond the range of a double'],
    ['half a surrogate pair', '"\\uD83D!"', '#/payload/a', 'has half a surrogate pair'],
    ['a half pair in a name', '{"\\udE00":1}', '#/payload/a/\ude00', 'has a name with half a surrogate pair'],
    ['a repeated name', '{"b/c":1,"b\\/c":2}', '#/payload/a/b~1c', 'stands there twice'],
    ['a name that begins with NUL', '{"\\u0000":1}', '#/payload/a/\0', 'has a name that begins with U+0000'],
    ['nesting', '['.repeat(513) + ']'.repeat(513), undefined, 'is nested more than 512 deep'],
  ])('LR-27 what PHP cannot carry is refused: %s', async (_, value, pointer, detail) => {
    const answer = await events(`{"trigger":"restock.requested","payload":{"id":1,"restock_items":[],"a":${value}}}`);
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_payload' } });
    expect(answer.body.errors[0].detail).toBe(detail);
    if (pointer !== undefined) expect(answer.body.errors[0].pointer).toBe(pointer);
    const batch = { events: [{ trigger: 'restock.requested', payload: { id: 1, restock_items: [] } }] };
    const text = JSON.stringify(batch).replace('[]', `[],"a":${value}`);
    const refused = await node.call('POST', `/v1/accounts/${account}/events/batch`, text);
    expect(refused.body.errors[0].pointer).toMatch(/^#\/events\/0\/payload\/a/);
  });

  test('LR-28 topic and trigger come first, in this order, wherever they were published', async () => {
    await webhook('restock', 'restock.requested');
    await events(
      '{"trigger":"restock.requested","payload":{"id":1,"trigger":"x","restock_items":[],"topic":"restock"}}',
    );
    const [request] = await receiver.received(1);
    expect(request?.body.toString()).toBe(
      '{"topic":"restock","trigger":"restock.requested","id":1,"restock_items":[]}',
    );
  });

  test.each(['created', 'updated', 'requested', 'closed', 'issued', 'cancelled'])(
    'LR-26 a label request can be %s, and has a sample',
    async (what) => {
      const trigger = `label.request.${what}`;
      expect(SAMPLES.map((sample) => sample.trigger)).toContain(trigger);
      const { path } = await webhook('label.request', trigger);
      expect((await node.call('POST', `${path}/test`)).body.succeeded).toBe(true);
      const [request] = await receiver.received(1);
      expect(JSON.parse(request?.body.toString() ?? '')).toMatchObject({ topic: 'label.request', trigger });
    },
  );

  test.each([
    ['addresses.origin.phone', '+1-678-999-8212'],
    ['addresses.destination.phone', '12 345'],
    ['addresses.origin.country_code', 'USA'],
    ['addresses.destination.country_code', 'us'],
    ['created_at', '2024-11-05 19:21:29'],
    ['created_at', '2024-02-30T19:21:29Z'],
  ])('LR-34 a label request with %s of "%s" is refused', async (field, value) => {
    const sample = SAMPLES.find((one) => one.trigger === 'label.request.created');
    const payload = JSON.parse(sample?.text ?? '');
    const names = field.split('.');
    const last = names.pop() ?? '';
    names.reduce((part, name) => part[name], payload)[last] = value;
    const answer = await events({ trigger: 'label.request.created', payload });
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_payload' } });
    expect(answer.body.errors[0].pointer).toBe(`#/payload/${field.replaceAll('.', '/')}`);
  });

  test.each([
    ['return', 'created_at', 'yesterday'],
    ['return', 'created_at', '2019-13-45'],
    ['return', 'edited_at', '2023-05-02 15:00'],
    ['return', 'address.country_code', 'Germany'],
    ['label', 'label_updated_at', 'N/A'],
  ])('LR-34 a %s with %s of "%s" is refused', async (topic, field, value) => {
    const sample = SAMPLES.find((one) => one.topic === topic);
    const payload = JSON.parse(sample?.text ?? '');
    const names = field.split('.');
    const last = names.pop() ?? '';
    names.reduce((part, name) => part[name], payload)[last] = value;
    const answer = await events({ trigger: sample?.trigger, payloads: { [topic]: payload } });
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_payload' } });
    expect(answer.body.errors[0].pointer).toBe(`#/payloads/${topic}/${field.replaceAll('.', '/')}`);
  });

  test('LR-4 is signed as the known vector says, over the bytes that are sent', async () => {
    const { secret } = await webhook('return', 'return.created', { status: 'active', secret: '0123456789abcdef' });
    expect(secret).toBe('0123456789abcdef');
    await events({
      trigger: 'return.created',
      payload: {
        topic: 'return',
        trigger: 'return.created',
        shop_id: 12345,
        id: '1673',
        state: 'open',
        created_at: '2023-05-01T12:00:00Z',
        status_page_url: 'https://example.loopreturns.com/#/return/b3e4764e-7adf-4b8c-802a-553305b6db49',
        customer: 'josé@example.com',
      },
    });
    const [request] = await receiver.received(1);
    if (!request) throw new Error('nothing came');
    expect(verifiesAsLoopReturns(request, secret)).toBe(true);
    expect(request.body.toString()).toContain('"customer":"jos\\u00e9@example.com"');
    const other = Buffer.from(JSON.stringify(JSON.parse(request.body.toString())));
    expect(verifiesAsLoopReturns({ ...request, body: other }, secret)).toBe(false);
  });

  test("LR-1 carries the payload of the webhook's topic, with the event's trigger", async () => {
    await webhook('return', 'label.updated');
    await webhook('label', 'label.updated');
    const returned = { id: '7', state: 'open', created_at: '2024-01-01' };
    await events({ trigger: 'label.updated', payloads: { return: returned, label: { id: '7' } } });
    const bodies = (await receiver.received(2)).map((r) => JSON.parse(r.body.toString()));
    expect(bodies).toHaveLength(2);
    expect(bodies).toContainEqual({ topic: 'return', trigger: 'label.updated', ...returned });
    expect(bodies).toContainEqual({ topic: 'label', trigger: 'label.updated', id: '7' });
  });

  test('LR-6 is signed with a secret of its own for each webhook', async () => {
    const a = await webhook('restock', 'restock.requested');
    const b = await webhook('restock', 'restock.requested');
    expect(a.secret).toMatch(/^[0-9a-f]{32}$/);
    expect(a.secret).not.toBe(b.secret);
  });
});

describe('pairs', () => {
  test('LR-7 label with return.created sends nothing, and the history says why', async () => {
    await webhook('label', 'return.created');
    const payload = { id: '7', state: 'open', created_at: '2024-01-01' };
    expect((await events({ trigger: 'return.created', payload })).body.deliveries).toBe(0);
    const [only] = await deliveries();
    expect(only).toMatchObject({ status: 'skipped', reason: 'no_payload', topic: 'label' });
    const given = { trigger: 'return.created', payloads: { return: payload, label: { id: '7' } } };
    expect(await events(given)).toMatchObject({ status: 422, body: { code: 'unknown_pair' } });
    expect(receiver.requests).toEqual([]);
  });

  test('LR-8 undocumented pairs send what the event carries', async () => {
    await webhook('return', 'restock.requested');
    await restock();
    expect((await delivery(() => true)).reason).toBe('no_payload');
    const returned = { id: '7', state: 'open', created_at: '2024-01-01' };
    await events({ trigger: 'restock.requested', payloads: { return: returned } });
    await receiver.received(1);
  });

  test('LR-9 payloads are checked against the schema of their topic', async () => {
    const answer = await events({ trigger: 'giftcard.requested', payload: { id: 'x', currency: 5 } });
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_payload' } });
    const places = answer.body.errors.map((e: { pointer: string }) => e.pointer);
    expect(places).toEqual(expect.arrayContaining(['#/payload/id', '#/payload/currency']));
    expect(places).toContain('#/payload/total_credit_issued');
  });
});

describe('a webhook', () => {
  test('LR-10 is created inactive, and gets nothing until it is activated', async () => {
    const hook = await webhook('restock', 'restock.requested', {});
    expect(await endpointOf(hook)).toMatchObject({ status: 'inactive', inactive_reason: 'new' });
    await restock();
    expect(await delivery(() => true)).toMatchObject({ status: 'skipped', reason: 'endpoint_inactive' });
    await node.call('POST', `${hook.path}/activate`);
    await restock();
    await receiver.received(1);
    await node.call('POST', `${hook.path}/deactivate`);
    expect(await endpointOf(hook)).toMatchObject({ status: 'inactive', inactive_reason: 'user' });
  });

  test('LR-11 Send test sends one sample, to an inactive webhook too, and answers its outcome', async () => {
    const hook = await webhook('label', 'label.updated', {});
    const answer = await node.call('POST', `${hook.path}/test`);
    expect(answer).toMatchObject({ status: 200, body: { succeeded: true, attempt: { response: { status: 200 } } } });
    const [request] = await receiver.received(1);
    expect(JSON.parse(request?.body.toString() ?? '')).toMatchObject({ topic: 'label', trigger: 'label.updated' });
    expect(request && verifiesAsLoopReturns(request, hook.secret)).toBe(true);
    expect(await delivery((d) => d.status === 'succeeded')).toMatchObject({ test: true });
    expect((await endpointOf(hook)).status).toBe('inactive');
  });
});

describe('errors and retries', () => {
  test('LR-12 six attempts with growing waits, then it is given up', async () => {
    receiver.respond = (_, response) => void response.writeHead(503).end();
    await webhook('restock', 'restock.requested');
    await restock();
    const times: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt++) {
      const { next_attempt_at } = await delivery((d) => d.attempt_count === attempt && d.status === 'failed');
      times.push(Date.parse(next_attempt_at) - clock.now());
      clock.jump(Date.parse(next_attempt_at) - clock.now());
    }
    expect(await delivery((d) => d.status === 'discarded')).toMatchObject({
      attempt_count: 6,
      reason: 'retries_exhausted',
    });
    [30_000, 120_000, 480_000, 1_800_000, 1_800_000].forEach((expected, i) => {
      expect(times[i]).toBeLessThanOrEqual(expected);
      expect(times[i]).toBeGreaterThan(expected * 0.5);
    });
    expect(receiver.requests).toHaveLength(6);
  });

  test.each([429, 500, 502, 503, 504, 507, 408, 425])('LR-13 %i is tried again', async (status) => {
    receiver.respond = (_, response) => void response.writeHead(status).end();
    await webhook('restock', 'restock.requested');
    await restock();
    expect(await delivery((d) => d.attempt_count === 1)).toMatchObject({ status: 'failed', last_status: status });
  });

  test('LR-13 no connection, the code "0", is tried again', async () => {
    await webhook('restock', 'restock.requested', { status: 'active', url: 'http://127.0.0.1:1/' });
    await restock();
    expect(await delivery((d) => d.attempt_count === 1)).toMatchObject({ status: 'failed', last_error: 'refused' });
  });

  test.each([400, 401, 403, 404, 405, 410, 422, 409, 301, 302])('LR-14 %i is final', async (status) => {
    receiver.respond = (_, response) => void response.writeHead(status, { location: '/other' }).end();
    const hook = await webhook('restock', 'restock.requested');
    await restock();
    expect(await delivery((d) => d.attempt_count === 1)).toMatchObject({
      status: 'discarded',
      reason: 'final_status',
      last_status: status,
    });
    expect(receiver.requests).toHaveLength(1);
    expect((await endpointOf(hook)).status).toBe('active');
  });

  test.each(['1800', 'date'])('LR-15 Retry-After of up to 30 minutes is obeyed exactly (%s)', async (value) => {
    const atMs = Math.ceil(clock.now() / 1000) * 1000 + 20 * MINUTE;
    const header = value === 'date' ? new Date(atMs).toUTCString() : value;
    receiver.respond = (_, response) => void response.writeHead(429, { 'retry-after': header }).end();
    await webhook('restock', 'restock.requested');
    await restock();
    const { next_attempt_at, id } = await delivery((d) => d.attempt_count === 1);
    const { attempts } = (await node.call('GET', `/v1/accounts/${account}/deliveries/${id}`)).body;
    const wait = Date.parse(next_attempt_at) - Date.parse(attempts[0].started_at);
    // The clock of these tests runs ten times as fast while the answer is on its way.
    if (value === 'date') expect(Math.abs(Date.parse(next_attempt_at) - atMs)).toBeLessThan(10_000);
    else expect(wait).toBeGreaterThanOrEqual(30 * MINUTE);
    expect(wait).toBeLessThan(30 * MINUTE + 10_000);
  });

  test('LR-16 a longer Retry-After fails the delivery at once', async () => {
    receiver.respond = (_, response) => void response.writeHead(429, { 'retry-after': '1801' }).end();
    await webhook('restock', 'restock.requested');
    await restock();
    expect(await delivery((d) => d.status === 'discarded')).toMatchObject({
      attempt_count: 1,
      reason: 'retry_after_too_long',
    });
  });

  test('LR-17 ten failed attempts in a row deactivate the webhook', async () => {
    receiver.respond = (_, response) => void response.writeHead(422).end();
    const hook = await webhook('restock', 'restock.requested');
    for (let i = 1; i <= 9; i++) {
      await restock();
      await receiver.received(i);
    }
    await eventually(
      deliveries,
      (list) => list.filter((d: { status: string }) => d.status === 'discarded').length === 9,
    );
    expect((await endpointOf(hook)).status).toBe('active');
    await restock();
    const off = await eventually(
      () => endpointOf(hook),
      (e) => e.status === 'inactive',
    );
    expect(off.inactive_reason).toBe('consecutive_failures');
    await restock();
    expect(await delivery((d) => d.status === 'skipped')).toBeDefined();
    // Activating begins to count anew.
    await node.call('POST', `${hook.path}/activate`);
    await restock();
    await receiver.received(11);
    await delivery((d) => d.status === 'discarded');
    expect((await endpointOf(hook)).status).toBe('active');
  });

  test('LR-17 a receiver that asks for a second does not spend all tries in seconds: the webhook stays active', async () => {
    receiver.respond = (_, response) => void response.writeHead(429, { 'retry-after': '1' }).end();
    const hook = await webhook('restock', 'restock.requested');
    for (let i = 0; i < 2; i++) await restock();
    const beganMs = clock.now();
    for (let tried = 1; tried <= 3; tried++) {
      const list = await eventually(deliveries, (all) =>
        all.every((d: { attempt_count: number; status: string }) => d.attempt_count === tried && d.status === 'failed'),
      );
      clock.jump(
        Math.max(...list.map((d: { next_attempt_at: string }) => Date.parse(d.next_attempt_at))) - clock.now(),
      );
    }
    // 30 s, 2 and 8 minutes, with what chance takes off.
    expect(clock.now() - beganMs).toBeGreaterThan(8 * MINUTE);
    await eventually(deliveries, (all) => all.every((d: { attempt_count: number }) => d.attempt_count === 4));
    expect((await endpointOf(hook)).status).toBe('active');
  });

  test('LR-18 a success resets the count, under concurrency too', async () => {
    let n = 0;
    receiver.respond = (_, response) => void response.writeHead(++n % 8 === 0 ? 200 : 422).end();
    const hook = await webhook('restock', 'restock.requested');
    // One after the other: seven failures and a success, five times over.
    for (let i = 1; i <= 40; i++) {
      await restock();
      await receiver.received(i);
    }
    const over = (list: { status: string }[]) =>
      list.every((d) => d.status === 'succeeded' || d.status === 'discarded');
    await eventually(deliveries, over);
    expect((await endpointOf(hook)).status).toBe('active');
    receiver.respond = (_, response) => void response.writeHead(422).end();
    await Promise.all(Array.from({ length: 30 }, () => restock()));
    await eventually(
      () => endpointOf(hook),
      (e) => e.status === 'inactive',
    );
  });
});

describe('Testing Mode', () => {
  test('LR-19 LR-20 sends samples for 72 hours, marked as tests, prevents deactivation, and ends by itself', async () => {
    receiver.respond = (_, response) => void response.writeHead(422).end();
    const hook = await webhook('label', 'label.created', {});
    const on = await node.call('POST', `${hook.path}/testing-mode`, { enabled: true });
    expect(on.status).toBe(200);
    expect(Date.parse(on.body.testing_until) - clock.now()).toBeGreaterThan(71 * HOUR);
    await receiver.received(1);
    clock.jump(MINUTE);
    await receiver.received(2);
    await node.call('POST', `${hook.path}/activate`);
    for (let i = 0; i < 15; i++) await events({ trigger: 'label.created', payload: { id: '7' } });
    await receiver.received(17);
    const list = await eventually(
      deliveries,
      (l) => l.filter((d: { status: string }) => d.status === 'discarded').length >= 17,
    );
    expect(list.filter((d: { test: boolean }) => d.test).length).toBeGreaterThanOrEqual(2);
    expect((await endpointOf(hook)).status).toBe('active');
    clock.jump(72 * HOUR);
    const ended = await endpointOf(hook);
    expect(ended.testing_until).toBeNull();
    const before = receiver.requests.length;
    clock.jump(10 * MINUTE);
    // The rule is back: ten failures switch it off.
    for (let i = 0; i < 10; i++) await events({ trigger: 'label.created', payload: { id: '7' } });
    await eventually(
      () => endpointOf(hook),
      (e) => e.status === 'inactive',
    );
    expect(receiver.requests.length - before).toBe(10);
  });

  test('LR-19 can be ended by hand', async () => {
    const hook = await webhook('label', 'label.created', {});
    await node.call('POST', `${hook.path}/testing-mode`, { enabled: true });
    await receiver.received(1);
    const off = await node.call('POST', `${hook.path}/testing-mode`, { enabled: false });
    expect(off.body.testing_until).toBeNull();
  });
});

describe('the Programmatic Webhooks API', () => {
  const api = (key: string | undefined, method: string, path: string, body?: unknown) =>
    node.call(method, `/api/v1${path}`, body, key === undefined ? {} : { 'x-authorization': key });

  test('LR-21 creates, lists, changes and deletes webhooks with the documented bodies', async () => {
    const key = await createKey(node, account, ['developer_tools']);
    const wish = { topic: 'return', trigger: 'return.created', url: 'https://example.com/webhook' };
    const created = await api(key, 'POST', '/webhooks', wish);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({ id: expect.any(Number), shop_id: 65432, ...wish, status: 'active' });
    const byPage = await webhook('label', 'label.created');
    const list = await api(key, 'GET', '/webhooks');
    expect(list.status).toBe(200);
    expect(list.body.webhooks).toHaveLength(2);
    expect(list.body.webhooks[0]).toEqual(created.body);
    expect(list.text).not.toContain(byPage.secret);
    const changed = await api(key, 'PUT', `/webhooks/${created.body.id}`, {
      ...wish,
      trigger: 'return.closed',
      status: 'inactive',
    });
    expect(changed).toMatchObject({ status: 204, text: '' });
    const after = (await api(key, 'GET', '/webhooks')).body.webhooks[0];
    expect(after).toEqual({ ...created.body, trigger: 'return.closed', status: 'inactive' });
    expect((await api(key, 'DELETE', `/webhooks/${created.body.id}`)).status).toBe(204);
    expect((await api(key, 'GET', '/webhooks')).body.webhooks).toHaveLength(1);
    const log = (await node.call('GET', `/v1/accounts/${account}/audit`)).body.data;
    const byKey = log.filter((entry: { actor: string }) => /^key key_/.test(entry.actor));
    expect(byKey.map((entry: { action: string }) => entry.action)).toEqual([
      'deleteEndpoint',
      'changeEndpoint',
      'createEndpoint',
    ]);
  });

  test('LR-22 answers errors in the documented forms', async () => {
    const key = await createKey(node, account, ['developer_tools']);
    const unauthorized = { error: { code: '401', http_code: 'GEN-UNAUTHORIZED', message: 'Unauthorized.' } };
    expect(await api(undefined, 'GET', '/webhooks')).toMatchObject({ status: 401, body: unauthorized });
    expect(await api('wrong', 'GET', '/webhooks')).toMatchObject({ status: 401, body: unauthorized });
    const missing = { errors: { code: 'NOT_FOUND' } };
    expect(await api(key, 'DELETE', '/webhooks/999999999')).toMatchObject({ status: 404, body: missing });
    expect(await api(key, 'GET', '/nothing')).toMatchObject({ status: 404, body: missing });
    const wrong = await api(key, 'POST', '/webhooks', {
      topic: 'x',
      trigger: 'return.created',
      url: 'https://a.example/',
    });
    expect(wrong.status).toBe(422);
    expect(wrong.body.message).toMatch(/^Must be one of the following values:return,label,restock/);
    expect(wrong.body.errors).toEqual({ topic: [wrong.body.message] });
    const empty = await api(key, 'POST', '/webhooks', {});
    expect(Object.keys(empty.body.errors)).toEqual(['topic', 'trigger', 'url']);
    const bad = await api(key, 'POST', '/webhooks', { topic: 'return', trigger: 'return.created', url: 'ftp://x/' });
    expect(bad).toMatchObject({ status: 422, body: { errors: { url: [expect.any(String)] } } });
    expect(await api(key, 'POST', '/webhooks', '{')).toMatchObject({ status: 400, body: { error: { code: '400' } } });
  });

  test('LR-22 attack: nothing is read of what somebody without a key sends, and little of what others send', async () => {
    const unauthorized = { error: { code: '401', http_code: 'GEN-UNAUTHORIZED', message: 'Unauthorized.' } };
    const large = `[${'[],'.repeat(80_000)}[]]`;
    for (const body of ['{', large]) {
      expect(await api(undefined, 'POST', '/webhooks', body)).toMatchObject({ status: 401, body: unauthorized });
    }
    const key = await createKey(node, account, ['developer_tools']);
    expect((await api(key, 'POST', '/webhooks', large)).status).toBe(400);
    expect((await api(undefined, 'POST', '/nothing', '{')).status).toBe(404);
  });

  test('LR-23 attack: needs the Developer Tools scope, and shows no other account', async () => {
    const other = await createKey(node, account, ['returns', 'orders']);
    expect((await api(other, 'GET', '/webhooks')).status).toBe(401);
    await webhook('label', 'label.created');
    const stranger = await createAccount(node, 'loop-returns');
    const key = await createKey(node, stranger, ['developer_tools']);
    expect((await api(key, 'GET', '/webhooks')).body).toEqual({ webhooks: [] });
    const mine = await createKey(node, account, ['developer_tools']);
    const [{ id }] = (await api(mine, 'GET', '/webhooks')).body.webhooks;
    expect((await api(key, 'DELETE', `/webhooks/${id}`)).status).toBe(404);
    const subscriptions = await createAccount(node, 'loop-subscriptions');
    const foreign = await createKey(node, subscriptions, ['webhooks:write']);
    expect((await api(foreign, 'GET', '/webhooks')).status).toBe(401);
  });

  test('LR-24 takes 300 calls a minute for each key', async () => {
    const key = await createKey(node, account, ['developer_tools']);
    const answers = await Promise.all(Array.from({ length: 310 }, () => api(key, 'GET', '/webhooks')));
    const refused = answers.filter((a) => a.status === 429);
    // A minute of this clock may end in between: then the count begins anew.
    if (refused.length === 0) {
      const again = await Promise.all(Array.from({ length: 310 }, () => api(key, 'GET', '/webhooks')));
      refused.push(...again.filter((a) => a.status === 429));
    }
    expect(refused[0]?.body.error.code).toBe('429');
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('LR-24 LR-31 every answer says how many calls are left', async () => {
    const key = await createKey(node, account, ['developer_tools']);
    const first = await api(key, 'GET', '/webhooks');
    const left = Number(first.headers.get('x-ratelimit-remaining'));
    expect(first.headers.get('x-ratelimit-limit')).toBe('300');
    expect(left).toBeGreaterThan(250);
    const [wrong, missing] = [await api(key, 'POST', '/webhooks', {}), await api(key, 'DELETE', '/webhooks/7')];
    expect([wrong.status, missing.status]).toEqual([422, 404]);
    const malformed = await api(key, 'POST', '/webhooks', '{');
    // Two keys of one account have a limit together, too.
    const other = await createKey(node, account, ['developer_tools']);
    const many = await Promise.all(
      Array.from({ length: 320 }, (_, i) => api(i % 2 ? key : other, 'POST', '/webhooks', {})),
    );
    const tooMany = many.filter(({ status }) => status === 429);
    expect(tooMany.length).toBeGreaterThan(0);
    for (const { headers } of [wrong, missing, malformed, ...tooMany]) {
      expect(headers.get('x-ratelimit-limit')).toBe('300');
      expect(Number(headers.get('x-ratelimit-remaining'))).toBeLessThan(300);
    }
  });

  test('LR-29 a webhook is one pair, whoever creates it', async () => {
    const wish = (...subscriptions: object[]) =>
      node.call('POST', `/v1/accounts/${account}/endpoints`, { url: receiver.url(), subscriptions });
    const pair = { topic: 'return', trigger: 'return.created' };
    expect(await wish(pair, { ...pair, trigger: 'return.closed' })).toMatchObject({
      status: 409,
      body: { code: 'limit_reached', detail: expect.stringContaining('one subscription') },
    });
    for (const trigger of ['*', 'return.*']) {
      expect(await wish({ ...pair, trigger })).toMatchObject({ status: 422, body: { code: 'unknown_trigger' } });
    }
    const { path } = await webhook('return', 'return.created');
    expect((await node.call('PATCH', path, { subscriptions: [{ ...pair, trigger: '*' }] })).status).toBe(422);
    expect((await node.call('PATCH', path, { subscriptions: [{ ...pair, trigger: 'return.closed' }] })).status).toBe(
      200,
    );
  });

  test('LR-29 of a webhook from before, GET shows one pair and PUT keeps the others', async () => {
    const key = await createKey(node, account, ['developer_tools']);
    const subscriptionsOf = async (path: string) => (await node.call('GET', path)).body.subscriptions;
    const older = async (subscriptions: object[]) => {
      const { path, id } = await webhook('return', 'return.created');
      await query(
        node.databaseUrl,
        `UPDATE endpoints SET subscriptions = '${JSON.stringify(subscriptions)}' WHERE id = '${uuidOf(id)}'`,
      );
      return path;
    };
    const several = await older([
      { topic: 'return', trigger: 'return.created' },
      { topic: 'label', trigger: 'label.created' },
    ]);
    const wild = await older([{ topic: 'return', trigger: 'return.*' }]);
    const list = (await api(key, 'GET', '/webhooks')).body.webhooks;
    expect(list.map((one: { trigger: string }) => one.trigger)).toEqual(['return.created', 'return.updated']);
    for (const { id, shop_id: _, ...shown } of list) {
      expect((await api(key, 'PUT', `/webhooks/${id}`, shown)).status).toBe(204);
    }
    expect(await subscriptionsOf(several)).toHaveLength(2);
    expect(await subscriptionsOf(wild)).toEqual([{ topic: 'return', trigger: 'return.*' }]);
    for (const { id, url } of list) {
      const wish = { topic: 'return', trigger: 'return.closed', url };
      expect((await api(key, 'PUT', `/webhooks/${id}`, wish)).status).toBe(204);
    }
    expect(await subscriptionsOf(several)).toEqual([
      { topic: 'return', trigger: 'return.closed' },
      { topic: 'label', trigger: 'label.created' },
    ]);
    // What the wildcard stood for stays, but for the one that was shown.
    expect(await subscriptionsOf(wild)).toEqual(
      ['return.closed', 'return.created', 'return.processing.failed'].map((trigger) => ({ topic: 'return', trigger })),
    );
    const shown = (await api(key, 'GET', '/webhooks')).body.webhooks;
    expect(shown.map((one: { trigger: string }) => one.trigger)).toEqual(['return.closed', 'return.closed']);
    // The page may save what is there, too, and take something away.
    const { status } = await node.call('PATCH', several, { subscriptions: await subscriptionsOf(several) });
    expect(status).toBe(200);
  });

  test('LR-30 without a status a webhook is active here', async () => {
    const key = await createKey(node, account, ['developer_tools']);
    const wish = { topic: 'restock', trigger: 'restock.requested', url: receiver.url() };
    expect((await api(key, 'POST', '/webhooks', wish)).body.status).toBe('active');
    expect((await api(key, 'POST', '/webhooks', { ...wish, status: 'inactive' })).body.status).toBe('inactive');
    await restock();
    await receiver.received(1);
  });

  test.each(['v1', '2026-10', '2026-07', 'unstable'])('LR-32 /api/%s is the same API', async (version) => {
    const key = await createKey(node, account, ['developer_tools']);
    const at = (method: string, path: string, body?: unknown) =>
      node.call(method, `/api/${version}${path}`, body, { 'x-authorization': key });
    const wish = { topic: 'return', trigger: 'return.created', url: 'https://example.com/webhook' };
    const { id } = (await at('POST', '/webhooks', wish)).body;
    expect((await at('PUT', `/webhooks/${id}`, { ...wish, status: 'inactive' })).status).toBe(204);
    expect((await at('GET', '/webhooks')).body.webhooks).toMatchObject([{ id, status: 'inactive' }]);
    expect((await at('DELETE', `/webhooks/${id}`)).status).toBe(204);
  });

  test.each(['v2', '2026-13', '26-10', 'stable', '2026-10-01'])('LR-32 /api/%s does not exist', async (version) => {
    const key = await createKey(node, account, ['developer_tools']);
    for (const path of ['/webhooks', '/nothing', '']) {
      expect(await node.call('GET', `/api/${version}${path}`, undefined, { 'x-authorization': key })).toMatchObject({
        status: 404,
        body: { errors: { code: 'NOT_FOUND' } },
      });
    }
  });

  test('LR-33 the contract asks for API keys below the webhooks', async () => {
    const { body } = await node.call('GET', '/v1/contracts/loop-returns');
    expect(body.page.keys).toBe('below-webhooks');
    expect(body.page.links.map((link: { url: string }) => link.url)).toContain('mailto:support@loopreturns.com');
    expect((await node.call('GET', '/v1/contracts/loop-subscriptions')).body.page.keys).toBe('section');
  });

  test('LR-25 keys have the documented scopes', async () => {
    const { body } = await node.call('GET', '/v1/contracts/loop-returns');
    expect(body.scopes.map((s: { value: string; label: string }) => [s.value, s.label])).toEqual([
      ['carts', 'Cart'],
      ['returns', 'Return'],
      ['orders', 'Order'],
      ['reports', 'Report'],
      ['developer_tools', 'Developer Tools'],
      ['destinations:read', 'Destinations (read)'],
      ['destinations:write', 'Destinations (write)'],
    ]);
  });
});
