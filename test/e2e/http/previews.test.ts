/** "What will arrive" is what arrives. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../../support/node.ts';
import type { Receiver } from '../../support/receiver.ts';
import { createAccount, createWebhook, tlsReceiver, trustingEnvironment } from '../../support/vendors.ts';

let node: TestNode;
let receiver: Receiver;

beforeAll(async () => {
  node = await startTestNode({ environment: trustingEnvironment() });
});
beforeEach(async () => {
  receiver = await tlsReceiver();
  return () => receiver.stop();
});
afterAll(() => node.stop());

const url = () => receiver.url().replace('http:', 'https:');
const IDENTITY = { id: 'c1', email: 'a@b.example', userId: null };
const CASES: [contract: string, trigger: string, topic: string | null, payload: string][] = [
  ['standard', 'order.paid', null, '{"total":5.0,"url":"a/b"}'],
  ['loop-returns', 'restock.requested', 'restock', '{"id":1,"restock_items":[],"a":5.0,"b":"é/"}'],
  ['loop-subscriptions', 'flow/completed', 'flow/completed', '{"id":12,"name":"é/","price":5.0}'],
  ['loops', 'contact.deleted', null, `{"contactIdentity":${JSON.stringify(IDENTITY)}}`],
];
const preview = (account: string, query: Record<string, string | null>, headers?: Record<string, string>) => {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== null);
  return node.call('GET', `/v1/accounts/${account}/preview?${new URLSearchParams(given)}`, undefined, headers);
};

describe.each(CASES)('%s', (contract, trigger, topic, payload) => {
  async function subscribed(): Promise<{ account: string; path: string }> {
    const account = await createAccount(node, contract);
    const subscriptions = [{ trigger, ...(topic === null ? {} : { topic }) }];
    const { path } = await createWebhook(node, account, { url: url(), subscriptions, status: 'active' });
    return { account, path };
  }

  test('of an event: the very bytes, and the same headers', async () => {
    const { account } = await subscribed();
    const { body: event } = await node.call(
      'POST',
      `/v1/accounts/${account}/events`,
      `{"trigger":"${trigger}","payload":${payload}}`,
    );
    const [sent] = await receiver.received(1);
    const { status, body } = await preview(account, { event: event.id, topic });
    expect(status).toBe(200);
    expect(body.body).toBe(sent?.body.toString());
    const names = Object.keys(body.headers).map((name) => name.toLowerCase());
    const known = Object.keys(sent?.headers ?? {}).filter((name) => !/^(host|connection|content-length)$/.test(name));
    expect(names.sort()).toEqual(known.sort());
  });

  test('of a sample: what a test sends', async () => {
    const { account, path } = await subscribed();
    const { body } = await preview(account, { trigger, topic });
    await node.call('POST', `${path}/test`, { trigger, ...(topic === null ? {} : { topic }) });
    const [sent] = await receiver.received(1);
    // Ids and times are those of the moment.
    const still = (text = '') => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z|evt_\w+|\b17\d{8}\b/g, '·');
    expect(still(body.body)).toBe(still(sent?.body.toString()));
  });
});

test('what cannot be shown is said', async () => {
  const account = await createAccount(node, 'loop-returns');
  expect(await preview(account, { trigger: 'nothing' })).toMatchObject({
    status: 422,
    body: { code: 'unknown_trigger' },
  });
  expect(await preview(account, { trigger: 'return.created', topic: 'label' })).toMatchObject({
    status: 422,
    body: { code: 'unknown_pair' },
  });
  expect(await preview(account, { event: 'evt_nope' })).toMatchObject({
    status: 404,
    body: { code: 'event_not_found' },
  });
  expect(await preview('nobody', {})).toMatchObject({ status: 404, body: { code: 'account_not_found' } });
});

test("attack: a session sees its own account's events only, and no key signs what it sees", async () => {
  const mine = await createAccount(node, 'standard');
  const other = await createAccount(node, 'standard');
  const webhook = await createWebhook(node, mine, { url: url(), subscriptions: [{ trigger: '*' }] });
  const { body: event } = await node.publish(other, 'a.b', 'secret');
  const { body: session } = await node.call('POST', `/v1/accounts/${mine}/page-sessions`, { permissions: ['read'] });
  const headers = { authorization: `Bearer ${session.token}` };
  expect((await preview(other, { event: event.id }, headers)).status).toBe(404);
  expect((await preview(mine, { event: event.id }, headers)).status).toBe(404);
  const { body: shown } = await preview(mine, { trigger: 'a.b' }, headers);
  const verdict = await node.call('POST', `${webhook.path}/verify`, { headers: shown.headers, body: shown.body });
  expect(verdict.body.valid).toBe(false);
});
