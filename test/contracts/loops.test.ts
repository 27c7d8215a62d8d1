/** Each rule of docs/contracts/loops.md; a test bears the numbers of the rules that it proves. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, MASTER_KEY, OPERATOR_KEY, startTestNode, type TestNode } from '../support/node.ts';
import { startServer } from '../support/process.ts';
import { Receiver } from '../support/receiver.ts';
import { CONTRACTS, createAccount, createWebhook, samplesOf, verifiesAsLoops } from '../support/vendors.ts';
import { leapWithRetention, VirtualClock } from '../support/virtual-clock.ts';

const DAY = 86_400_000;
const SAMPLES = samplesOf('loops');
const IDENTITY = { id: 'c1', email: 'a@example.com', userId: null };
const EMAIL = { id: 'e1', emailMessageId: 'm1', subject: 'Hello' };

let node: TestNode;
let receiver: Receiver;
let account: string;

beforeAll(async () => {
  node = await startTestNode({ random: () => 0 });
});
afterAll(() => node.stop());
beforeEach(async () => {
  receiver = await Receiver.start();
  account = await createAccount(node, 'loops');
});
afterEach(() => receiver.stop());

const settings = (triggers: string[], more: object = {}) =>
  createWebhook(node, account, {
    url: receiver.url(),
    subscriptions: triggers.map((trigger) => ({ trigger })),
    ...more,
  });
const bodies = () => receiver.requests.map((r) => JSON.parse(r.body.toString()));
const deliveries = async () => (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;

describe('the request', () => {
  test.each(SAMPLES)('LO-1 LO-2 LO-3 the sample of $trigger', async ({ trigger, text }) => {
    const { secret } = await settings([trigger]);
    const answer = await node.call(
      'POST',
      `/v1/accounts/${account}/events`,
      `{"trigger":"${trigger}","payload":${text}}`,
    );
    expect(answer.status).toBe(202);
    const [request] = await receiver.received(1);
    if (!request) throw new Error('nothing came');
    // Byte for byte: the order of the sample is the documented one.
    expect(request.body.toString()).toBe(JSON.stringify(JSON.parse(text)));
    expect(request.headers['webhook-id']).toBe(answer.body.id);
    expect(Math.abs(Number(request.headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(30);
    expect(verifiesAsLoops(request, secret)).toBe(true);
    // Libraries of Standard Webhooks, with their tolerance of five minutes, agree.
    const verified = new StandardWebhook(secret).verify(request.body, request.headers as Record<string, string>);
    expect(verified).toEqual(JSON.parse(text));
  });

  test('LO-1 every body has name, time and schema version, whatever the publisher left out', async () => {
    await settings(['contact.unsubscribed']);
    await node.publish(account, 'contact.unsubscribed', { contactIdentity: IDENTITY });
    await receiver.received(1);
    const [body] = bodies();
    expect(Object.keys(body)).toEqual(['eventName', 'eventTime', 'webhookSchemaVersion', 'contactIdentity']);
    expect(body).toMatchObject({ eventName: 'contact.unsubscribed', webhookSchemaVersion: '1.0.0' });
    expect(Math.abs(body.eventTime - Date.now() / 1000)).toBeLessThan(30);
  });

  const identity = JSON.stringify(IDENTITY);

  test.each([
    ['1734425918', '1734425918'],
    ['1734425918.0', '1734425918'],
    ['1.734425918e9', '1734425918'],
    ['17344259180E-1', '1734425918'],
    ['0', '0'],
  ])('LO-15 eventTime published as %s is sent as %s', async (given, sent) => {
    await settings(['contact.deleted', 'contact.unsubscribed']);
    const payload = `{"contactIdentity":${identity},"eventTime":${given}}`;
    await node.call('POST', `/v1/accounts/${account}/events`, `{"trigger":"contact.deleted","payload":${payload}}`);
    const requests = await receiver.received(2);
    // The event that it implies has the same time.
    for (const { body } of requests) expect(body.toString()).toContain(`","eventTime":${sent},"webhookSchemaVersion"`);
  });

  test.each([
    ['1734425918.5', /integer/],
    ['1734425918000', /seconds, not in milliseconds/],
    ['1.734425918e12', /seconds, not in milliseconds/],
    ['1734425918000000', /seconds, not in milliseconds/],
    ['"1734425918"', /integer/],
    ['-1', /Unix time/],
    ['null', /integer/],
  ])('LO-15 eventTime %s is refused', async (given, detail) => {
    const payload = `{"contactIdentity":${identity},"eventTime":${given}}`;
    const body = `{"trigger":"contact.deleted","payload":${payload}}`;
    const answer = await node.call('POST', `/v1/accounts/${account}/events`, body);
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_payload' } });
    expect(answer.body.errors).toContainEqual({
      pointer: '#/payload/eventTime',
      detail: expect.stringMatching(detail),
    });
  });

  test('LO-3 name, time and version come first, in this order, wherever they were published', async () => {
    await settings(['contact.unsubscribed', 'testing.testEvent']);
    const common = { webhookSchemaVersion: '1.0.0', eventTime: 1734425918, eventName: 'x' };
    await node.publish(account, 'contact.unsubscribed', { contactIdentity: IDENTITY, ...common });
    await receiver.received(1);
    await node.publish(account, 'testing.testEvent', { ...common, more: 1, message: 'test' });
    const requests = await receiver.received(2);
    expect(requests.map((request) => request.body.toString())).toEqual([
      `{"eventName":"contact.unsubscribed","eventTime":1734425918,"webhookSchemaVersion":"1.0.0","contactIdentity":${identity}}`,
      '{"eventName":"testing.testEvent","eventTime":1734425918,"message":"test","webhookSchemaVersion":"1.0.0","more":1}',
    ]);
  });

  test.each([
    ['a repeated name', `"contactIdentity":${identity},"contactIdentity":1`, '#/payload/contactIdentity'],
    ['a number beyond a double', `"contactIdentity":${identity},"n":1e400`, '#/payload/n'],
    ['half a surrogate pair', `"contactIdentity":${identity},"s":"\\udc00"`, '#/payload/s'],
  ])('LO-16 a payload with %s is refused, with its place', async (_, members, pointer) => {
    const body = `{"trigger":"contact.unsubscribed","payload":{${members}}}`;
    const answer = await node.call('POST', `/v1/accounts/${account}/events`, body);
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_payload', errors: [{ pointer }] } });
  });

  test('LO-4 is the same on a retry, apart from a fresh timestamp and signature', async () => {
    receiver.respond = (_, response, index) => void response.writeHead(index === 0 ? 500 : 200).end();
    const { secret } = await settings(['contact.deleted']);
    await node.publish(account, 'contact.deleted', { contactIdentity: IDENTITY });
    const [first, second] = await receiver.received(2);
    if (!first || !second) throw new Error('nothing came');
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(second.body).toEqual(first.body);
    expect(verifiesAsLoops(second, secret)).toBe(true);
  });

  test('LO-5 custom contact properties arrive as they are', async () => {
    await settings(['contact.created']);
    const contact = {
      ...IDENTITY,
      firstName: null,
      subscribed: true,
      favouriteNumber: 42,
      'plan name': ['a', { b: 1 }],
    };
    await node.publish(account, 'contact.created', { contactIdentity: IDENTITY, contact });
    await receiver.received(1);
    expect(bodies()[0].contact).toEqual(contact);
  });
});

describe('settings', () => {
  test('LO-6 one endpoint per account', async () => {
    await settings(['contact.created']);
    const second = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: receiver.url('/other'),
      subscriptions: [{ trigger: 'contact.created' }],
    });
    expect(second).toMatchObject({ status: 409, body: { code: 'limit_reached' } });
    expect(second.body.detail).toContain('one endpoint');
  });

  test('LO-7 a toggle for each event, in the documented groups', async () => {
    const { path } = await settings(['contact.created', 'email.delivered']);
    const published = await node.publish(account, 'contact.deleted', { contactIdentity: IDENTITY });
    expect(published.body.deliveries).toBe(0);
    await node.call('PATCH', path, { subscriptions: [{ trigger: 'contact.deleted' }] });
    expect((await node.publish(account, 'contact.deleted', { contactIdentity: IDENTITY })).body.deliveries).toBe(1);
    const groups = CONTRACTS.get('loops')?.catalog.rules.groups.map((g) => [g.label, g.triggers.length]);
    expect(groups).toEqual([
      ['Contacts', 5],
      ['Email sending', 3],
      ['Email events', 8],
    ]);
    const unknown = await node.call('PATCH', path, { subscriptions: [{ trigger: 'contact.renamed' }] });
    expect(unknown).toMatchObject({ status: 422, body: { code: 'unknown_trigger' } });
  });

  test('LO-8 the test request is testing.testEvent, and its time is now', async () => {
    const { path, secret } = await settings(['contact.created'], { status: 'inactive' });
    const before = Math.floor(Date.now() / 1000);
    expect((await node.call('POST', `${path}/test`)).body.succeeded).toBe(true);
    const text = receiver.requests[0]?.body.toString() ?? '';
    const { eventTime } = JSON.parse(text);
    expect(text).toBe(
      `{"eventName":"testing.testEvent","eventTime":${eventTime},"message":"test","webhookSchemaVersion":"1.0.0"}`,
    );
    expect(eventTime).toBeGreaterThanOrEqual(before);
    expect(eventTime).toBeLessThanOrEqual(Math.floor(Date.now() / 1000));
    expect(receiver.requests[0] && verifiesAsLoops(receiver.requests[0], secret)).toBe(true);
  });

  test('LO-8 a test of any other event carries the time of the test; one with a payload of its own, that', async () => {
    const { path } = await settings(['contact.created']);
    const before = Math.floor(Date.now() / 1000);
    await node.call('POST', `${path}/test`, { trigger: 'contact.created' });
    const payload = { contactIdentity: IDENTITY, eventTime: 1734425918 };
    await node.call('POST', `${path}/test`, { trigger: 'contact.unsubscribed', payload });
    const [sample, own] = bodies();
    expect(sample.contact.email).toBe('test+5@loops.so');
    expect(Object.keys(sample).slice(0, 3)).toEqual(['eventName', 'eventTime', 'webhookSchemaVersion']);
    expect(sample.eventTime).toBeGreaterThanOrEqual(before);
    expect(own.eventTime).toBe(1734425918);
  });

  test.each([
    [{ contactIdentity: IDENTITY, eventTime: 1_734_425_918_000 }, '#/payload/eventTime'],
    [{ contactIdentity: IDENTITY, eventTime: 1.5 }, '#/payload/eventTime'],
    [{ contactIdentity: IDENTITY, webhookSchemaVersion: '9' }, '#/payload/webhookSchemaVersion'],
    [5.0, '#/payload'],
    ['text', '#/payload'],
  ])(
    'LO-8 a test with %j is refused: what every request has is in a test as it is documented',
    async (payload, pointer) => {
      const { path } = await settings(['contact.created']);
      const answer = await node.call('POST', `${path}/test`, { trigger: 'contact.created', payload });
      expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_payload', errors: [{ pointer }] } });
      expect(receiver.requests).toHaveLength(0);
    },
  );

  test('LO-9 410 switches the endpoint off', async () => {
    receiver.respond = (_, response) => void response.writeHead(410).end();
    const { path } = await settings(['contact.deleted']);
    await node.publish(account, 'contact.deleted', { contactIdentity: IDENTITY });
    const off = await eventually(
      () => node.call('GET', path),
      (answer) => answer.body.status === 'inactive',
    );
    expect(off.body.inactive_reason).toBe('gone');
  });
});

describe('events that imply others', () => {
  const email = { sourceType: 'campaign', campaignId: 'k', email: EMAIL, contactIdentity: IDENTITY };
  const mailingList = { id: 'l1', name: 'News', isPublic: true };

  test.each([
    ['contact.deleted', { contactIdentity: IDENTITY, eventTime: 1734425918 }, 'contact.unsubscribed'],
    ['email.hardBounced', email, 'contact.unsubscribed'],
    ['email.unsubscribed', email, 'contact.unsubscribed'],
    ['email.unsubscribed', { ...email, mailingList }, 'contact.mailingList.unsubscribed'],
  ])('LO-10 %s of %o also sends %s', async (trigger, payload, implied) => {
    await settings(['contact.*', 'email.*', 'contact.mailingList.unsubscribed']);
    expect((await node.publish(account, trigger, payload)).body.deliveries).toBe(2);
    await receiver.received(2);
    const [first, second] = bodies().sort((a, b) => (a.eventName === trigger ? -1 : b.eventName === trigger ? 1 : 0));
    expect(first.eventName).toBe(trigger);
    // Only rules read it: the documented body has none.
    expect(first).not.toHaveProperty('mailingList');
    expect(second).toMatchObject({ eventName: implied, contactIdentity: IDENTITY, webhookSchemaVersion: '1.0.0' });
    expect('mailingList' in second).toBe(implied === 'contact.mailingList.unsubscribed');
    if ('eventTime' in payload) expect(second.eventTime).toBe(payload.eventTime);
    expect(new Set(receiver.requests.map((r) => r.headers['webhook-id'])).size).toBe(2);
  });

  test('LO-10 a repeat of the same event implies nothing twice', async () => {
    await settings(['contact.deleted', 'contact.unsubscribed']);
    const body = { id: 'del-1', trigger: 'contact.deleted', payload: { contactIdentity: IDENTITY } };
    for (let i = 0; i < 3; i++) {
      const answer = await node.call('POST', `/v1/accounts/${account}/events`, body);
      expect(answer).toMatchObject({ status: 202, body: { id: 'del-1', deliveries: 2 } });
    }
    await receiver.received(2);
    const list = await deliveries();
    expect(list).toHaveLength(2);
  });

  test.each(['email.opened', 'email.clicked', 'email.unsubscribed'])(
    'LO-11 %s never tells of transactional emails',
    async (trigger) => {
      const payload = { ...email, sourceType: 'transactional', transactionalId: 't' };
      expect(await node.publish(account, trigger, payload)).toMatchObject({
        status: 422,
        body: { code: 'invalid_payload' },
      });
    },
  );

  test('LO-11 the id that belongs to the source type is needed', async () => {
    const { campaignId: _, ...rest } = email;
    const answer = await node.publish(account, 'email.delivered', rest);
    expect(answer.body.errors).toContainEqual({ pointer: '#/payload/campaignId', detail: 'is missing' });
  });
});

/** The most requests in any second, by the receiver's own clock. */
function busiestSecond(times: number[]): number {
  return Math.max(...times.map((from) => times.filter((t) => t >= from && t < from + 1000).length));
}

describe('rate limit', () => {
  test('LO-12 at most ten a second, the rest queued in order', async () => {
    await settings(['contact.deleted']);
    const events = Array.from({ length: 35 }, (_, i) => ({
      id: `n${i}`,
      trigger: 'contact.deleted',
      payload: { contactIdentity: IDENTITY },
    }));
    await node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    const requests = await receiver.received(35);
    expect(busiestSecond(requests.map((r) => r.atMs))).toBeLessThanOrEqual(10);
    expect(requests.map((r) => r.headers['webhook-id'])).toEqual(events.map((e) => e.id));
    const spent = (requests.at(-1)?.atMs ?? 0) - (requests[0]?.atMs ?? 0);
    expect(spent).toBeLessThan(8_000);
  });

  test('LO-12 a test and a resend count too, on whichever node they are asked for', async () => {
    const other = await startTestNode({ databaseUrl: node.databaseUrl, random: () => 0 });
    const { path } = await settings(['contact.deleted']);
    const events = Array.from({ length: 30 }, () => ({
      trigger: 'contact.deleted',
      payload: { contactIdentity: IDENTITY },
    }));
    await node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await receiver.received(3);
    const tests = await Promise.all([
      ...Array.from({ length: 3 }, () => other.call('POST', `${path}/test`)),
      ...Array.from({ length: 3 }, () => node.call('POST', `${path}/test`)),
    ]);
    expect(tests.map((t) => t.body.succeeded)).toEqual(tests.map(() => true));
    const requests = await receiver.received(36);
    expect(busiestSecond(requests.map((r) => r.atMs))).toBeLessThanOrEqual(10);
    await other.stop();
  });

  test.each(['alive', 'killed'])(
    'LO-13 two nodes, one of them %s: 300 events, ten a second, in order, nothing lost',
    async (fate) => {
      const databaseUrl = await createDatabase();
      const settingsOf = () => ({
        DATABASE_URL: databaseUrl,
        POSTHORN_MASTER_KEY: MASTER_KEY,
        POSTHORN_DATA_DIR: mkdtempSync(join(tmpdir(), 'posthorn-loops-')),
      });
      const servers = [startServer(settingsOf()), startServer(settingsOf())];
      const urls = await Promise.all(servers.map((server) => server.ready));
      const call = async (n: number, path: string, body: object) => {
        const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' };
        const answer = await fetch(`${urls[n]}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
        expect(answer.ok, await answer.clone().text()).toBe(true);
      };
      await call(0, '/v1/accounts', { id: 'shop', name: 'A shop', contract: 'loops' });
      await call(0, '/v1/accounts/shop/endpoints', {
        url: receiver.url(),
        subscriptions: [{ trigger: 'contact.deleted' }],
      });
      const ids: string[] = [];
      for (let batch = 0; batch < 30; batch++) {
        const events = Array.from({ length: 10 }, (_, i) => ({
          id: `n${batch * 10 + i}`,
          trigger: 'contact.deleted',
          payload: { contactIdentity: IDENTITY },
        }));
        await call(batch % 2, '/v1/accounts/shop/events/batch', { events });
        ids.push(...events.map((e) => e.id));
      }
      if (fate === 'killed') {
        await receiver.received(40);
        const [owner] = await query<{ pid: number }>(
          databaseUrl,
          'SELECT n.pid FROM lanes l JOIN nodes n ON n.id = l.node',
        );
        const victim = servers.find((server) => server.child.pid === owner?.pid);
        victim?.child.kill('SIGKILL');
        expect(await victim?.ended).toBe('SIGKILL');
      }
      await eventually(
        async () => new Set(receiver.requests.map((r) => r.headers['webhook-id'])).size,
        (size) => size === 300,
        90_000,
      );
      expect(busiestSecond(receiver.requests.map((r) => r.atMs))).toBeLessThanOrEqual(10);
      // A kill may repeat what was in flight; what is new comes in the order of publishing.
      // Up to ten are under way at once, each on a connection of its own: a busy machine may read those in another order.
      const arrived = [...new Set(receiver.requests.map((r) => String(r.headers['webhook-id'])))];
      expect(arrived.toSorted()).toEqual(ids.toSorted());
      const moved = arrived.map((id, at) => Math.abs(at - ids.indexOf(id)));
      expect(Math.max(...moved)).toBeLessThan(10);
      expect(receiver.requests.length - 300).toBeLessThanOrEqual(10);
      for (const server of servers) server.child.kill('SIGTERM');
      await Promise.all(servers.map((server) => server.ended));
    },
    150_000,
  );
});

describe('history', () => {
  test("LO-14 keeps every request with the endpoint's response for 30 days, then drops it", async () => {
    const clock = new VirtualClock();
    const slow = await startTestNode({ clock, hasMovableClock: true, random: () => 0 });
    receiver.respond = (_, response) => void response.writeHead(418, { 'x-why': 'teapot' }).end('short and stout');
    const shop = await createAccount(slow, 'loops');
    const { path } = await createWebhook(slow, shop, {
      url: receiver.url(),
      subscriptions: [{ trigger: 'contact.created' }],
    });
    const { delivery_id } = (await slow.call('POST', `${path}/test`)).body;
    const show = () => slow.call('GET', `/v1/accounts/${shop}/deliveries/${delivery_id}`);
    await leapWithRetention(slow, clock, 29 * DAY);
    const kept = await show();
    expect(kept.body.attempts[0].response).toMatchObject({ status: 418, body: 'short and stout' });
    await leapWithRetention(slow, clock, 3 * DAY);
    expect((await show()).status).toBe(404);
    const partitions = await query<{ relname: string }>(
      slow.databaseUrl,
      "SELECT relname FROM pg_class WHERE relname ~ '^deliveries_[0-9]{8}$' ORDER BY 1",
    );
    const oldest = new Date(clock.now() - 32 * DAY).toISOString().slice(0, 10).replaceAll('-', '');
    expect(String(partitions[0]?.relname) > `deliveries_${oldest}`).toBe(true);
    await slow.stop();
    clock.stop();
  });
});
