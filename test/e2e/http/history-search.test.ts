/** Looking for something in the history, counting what is found, and taking it home as a file. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';
import { createAccount, createWebhook, samplesOf } from '../../support/vendors.ts';

let node: TestNode;
let receiver: Receiver;
let account: string;
let readOnly: { authorization: string };

/** The events whose deliveries are found, by the ids that they were published with. */
const found = async (q: string, as = {}) => {
  const answer = await node.call('GET', `/v1/accounts/${account}/deliveries?q=${encodeURIComponent(q)}`, undefined, as);
  const events = answer.body.data.map((one: { event_id: string }) =>
    node.call('GET', `/v1/accounts/${account}/events/${one.event_id}`),
  );
  return (await Promise.all(events)).map((event) => event.body.id).sort();
};

beforeAll(async () => {
  receiver = await Receiver.start();
  node = await startTestNode();
  ({ account } = await node.createEndpoint(receiver.url('/orders')));
  receiver.respond = ({ body }, response) =>
    void response
      .writeHead(200, { 'x-trace': 'Trace-77', 'set-cookie': 'sid=needle-cookie' })
      .end(body.toString().includes('"answered"') ? 'thanks, café' : 'ok');
  const publish = async (id: string, payload: string) => {
    const body = `{"id":"${id}","trigger":"order.paid","payload":${payload}}`;
    expect((await node.call('POST', `/v1/accounts/${account}/events`, body)).status).toBe(202);
  };
  await publish('plain', '{"name":"café","url":"https://a.example/x","id":1001}');
  await publish('escaped', '{"name":"caf\\u00e9","url":"https:\\/\\/a.example\\/x","id":"1001"}');
  await publish('nested', '{"items":[{"sku":"A-1","count":5.0},{"sku":"B-2"}],"zero":"\\u0000"}');
  await publish('deep', '{"order":{"id":1001,"total":5.0}}');
  await publish('answered', '{"answered":true}');
  await publish('null', '{"order":{"id":7},"odd":"\\u0000"}');
  await eventually(
    async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`)).body.data.length,
    (count) => count === 6,
  );
  const { body } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, { permissions: ['read'] });
  readOnly = { authorization: `Bearer ${body.token}` };
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

describe('search', () => {
  test('finds text however it was escaped when it was published, and in answers', async () => {
    expect(await found('café')).toEqual(['answered', 'escaped', 'plain']);
    expect(await found('caf\\u00e9')).toEqual(['answered', 'escaped', 'plain']);
    expect(await found('https://a.example/x')).toEqual(['escaped', 'plain']);
    expect(await found('thanks')).toEqual(['answered']);
    expect(await found('"sku": "B-2"')).toEqual(['nested']);
  });

  test('finds headers for those who may see credentials, and for nobody else', async () => {
    expect(await found('trace-77')).toHaveLength(6);
    expect(await found('needle-cookie')).toHaveLength(6);
    expect(await found('trace-77', readOnly)).toEqual([]);
    expect(await found('needle-cookie', readOnly)).toEqual([]);
    expect(await found('café', readOnly)).toEqual(['answered', 'escaped', 'plain']);
  });

  test('finds a value at a place, as the body has it: in the envelope, in arrays, as text or number', async () => {
    expect(await found('id = 1001')).toEqual(['escaped', 'plain']);
    expect(await found('data.id = 1001')).toEqual(['escaped', 'plain']);
    expect(await found('data.order.id = 1001')).toEqual(['deep']);
    expect(await found('order.total = 5.0')).toEqual(['deep']);
    expect(await found('order.total = 5')).toEqual([]);
    expect(await found('data.order.id = 7')).toEqual([]);
  });

  test('what holds a character that PostgreSQL cannot read as JSON fails nobody', async () => {
    expect(await found('items.sku = B-2')).toEqual([]);
    expect(await found('"sku":"B-2"')).toEqual(['nested']);
  });

  test('of events with a payload for each topic, it looks at what the topic gets', async () => {
    const returns = await createAccount(node, 'loop-returns');
    await createWebhook(node, returns, {
      url: receiver.url('/returns'),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      status: 'active',
    });
    const sample = samplesOf('loop-returns').find((one) => one.topic === 'return' && one.trigger === 'return.created');
    const event = `{"trigger":"return.created","payloads":{"return":${sample?.text}}}`;
    expect(await node.call('POST', `/v1/accounts/${returns}/events`, event)).toMatchObject({ status: 202 });
    const search = async (q: string) =>
      (await node.call('GET', `/v1/accounts/${returns}/deliveries?q=${encodeURIComponent(q)}`)).body.data.length;
    await eventually(
      () => search(String(JSON.parse(sample?.text ?? '{}').id)),
      (count) => count === 1,
    );
    const { id } = JSON.parse(sample?.text ?? '{}');
    expect(await search(`id = ${id}`)).toBe(1);
    expect(await search(`return.id = ${id}`)).toBe(0);
  });
});

describe('what is found', () => {
  test('is counted', async () => {
    const count = async (query: string) =>
      (await node.call('GET', `/v1/accounts/${account}/deliveries/count?${query}`)).body;
    expect(await count('')).toEqual({ count: 6, is_more: false });
    expect(await count('q=thanks')).toEqual({ count: 1, is_more: false });
    expect(await count('endpoint=ep_none')).toEqual({ count: 0, is_more: false });
  });

  test('can be downloaded: CSV and lines of JSON, as the list shows it, in pieces', async () => {
    const events = Array.from({ length: 600 }, (_, i) => ({ trigger: 'order.sent', payload: i }));
    await node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await eventually(
      async () => (await node.call('GET', `/v1/accounts/${account}/deliveries/count?status=succeeded`)).body.count,
      (count) => count === 606,
    );
    const csv = await node.call('GET', `/v1/accounts/${account}/deliveries/export?format=csv`);
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.headers.get('content-disposition')).toMatch(/^attachment; filename="messages-\d{4}-\d\d-\d\d\.csv"$/);
    const lines = csv.text.trimEnd().split('\r\n');
    expect(lines).toHaveLength(607);
    expect(lines[0]).toMatch(/^id,event_id,trigger,/);
    expect(lines[1]).toContain(',order.sent,,succeeded,');
    expect(lines.at(-1)).toContain(receiver.url('/orders'));
    const ndjson = await node.call('GET', `/v1/accounts/${account}/deliveries/export?format=ndjson&q=thanks`);
    const rows = ndjson.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ status: 'succeeded', last_status: 200, trigger: 'order.paid' });
    const none = await node.call('GET', `/v1/accounts/${account}/deliveries/export?format=ndjson&event=nothing`);
    expect([none.status, none.text]).toEqual([200, '']);
  });
});
