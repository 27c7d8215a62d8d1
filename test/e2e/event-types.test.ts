/** Event types that the product declares by the API: in the catalog, with samples, and checked when events are published. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { eventually, OPERATOR_KEY, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount } from '../support/vendors.ts';

let node: TestNode;
let other: TestNode;
let receiver: Receiver;
let account: string;

beforeAll(async () => {
  const databaseUrl = await createDatabase();
  node = await startTestNode({ databaseUrl });
  other = await startTestNode({ databaseUrl });
  receiver = await Receiver.start();
});
afterAll(async () => {
  await node.stop();
  await other.stop();
  await receiver.stop();
});
beforeEach(async () => {
  for (const { name } of (await node.call('GET', '/v1/event-types')).body.data)
    await node.call('DELETE', `/v1/event-types/${name}`);
  await put([], { check: 'off' });
  account = await createAccount(node, 'standard');
  receiver.requests.splice(0);
});

const put = (event_types: object[], more: object = {}) => node.call('PUT', '/v1/event-types', { event_types, ...more });
const contract = async (on = node) => (await on.call('GET', '/v1/contracts/standard')).body;
const PAID = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string' }, total: { type: 'number' } },
};

describe('declared', () => {
  test('a type stands in the catalog of every node, with its schema and its sample', async () => {
    const { status, body } = await put([
      {
        name: 'order.paid',
        label: 'Order paid',
        description: 'Money came',
        schema: PAID,
        sample: { id: '7', total: 5 },
      },
    ]);
    expect([status, body.data]).toEqual([200, [{ name: 'order.paid', version: 1, outcome: 'created', changes: [] }]]);
    for (const on of [node, other]) {
      const { triggers, pairs, schemas, free_triggers } = await eventually(
        () => contract(on),
        (one) => one.triggers.length === 1,
      );
      expect(triggers).toMatchObject([
        { value: 'order.paid', label: 'Order paid', description: 'Money came', version: 1 },
      ]);
      expect(pairs).toEqual([
        { topic: null, trigger: 'order.paid', schema: 'order.paid.json', sample: { id: '7', total: 5 } },
      ]);
      expect(schemas['order.paid.json']).toEqual(PAID);
      expect(free_triggers).toBe(true);
    }
  });

  test('a test sends its sample', async () => {
    await put([{ name: 'order.paid', sample: { id: '7' } }]);
    const wish = { url: receiver.url(), subscriptions: [{ trigger: 'order.*' }] };
    const { body } = await node.call('POST', `/v1/accounts/${account}/endpoints`, wish);
    expect((await node.call('POST', `/v1/accounts/${account}/endpoints/${body.id}/test`)).body.succeeded).toBe(true);
    expect(JSON.parse(receiver.requests[0]?.body.toString() ?? '')).toMatchObject({
      type: 'order.paid',
      data: { id: '7' },
    });
  });

  test('what is not declared is sent as before', async () => {
    await put([{ name: 'order.paid', schema: PAID }], { check: 'reject' });
    expect((await node.publish(account, 'anything.else', [1, 2])).status).toBe(202);
  });

  test('deprecated: it says so, and is sent all the same', async () => {
    await put([{ name: 'order.paid', deprecated: true }]);
    expect((await contract()).triggers[0].deprecated).toBe(true);
    expect((await node.publish(account, 'order.paid', {})).status).toBe(202);
  });

  test('one that is deleted is gone from the catalog', async () => {
    await put([{ name: 'order.paid' }]);
    expect((await node.call('DELETE', '/v1/event-types/order.paid')).status).toBe(204);
    expect((await contract()).triggers).toEqual([]);
    expect((await node.call('DELETE', '/v1/event-types/order.paid')).body.code).toBe('event_type_not_found');
  });

  test('it is there after a restart', async () => {
    await put([{ name: 'order.paid', schema: PAID }], { check: 'reject' });
    const late = await startTestNode({ databaseUrl: node.databaseUrl });
    expect((await contract(late)).triggers).toHaveLength(1);
    expect((await late.publish(account, 'order.paid', {})).body.code).toBe('invalid_payload');
    await late.stop();
  });
});

describe('what is published is checked', () => {
  const publish = () => node.publish(account, 'order.paid', { id: 7 });

  test('reject: it is refused with the place, on every node, also in a batch', async () => {
    await put([{ name: 'order.paid', schema: PAID }], { check: 'reject' });
    const { status, body } = await publish();
    expect([status, body.code, body.errors[0].pointer]).toEqual([422, 'invalid_payload', '#/payload/id']);
    await eventually(
      () => other.publish(account, 'order.paid', { id: 7 }),
      (answer) => answer.status === 422,
    );
    expect((await node.publish(account, 'order.paid', { id: '7' })).status).toBe(202);
  });

  test('warn: it is accepted, and the answer says what is wrong', async () => {
    await put([{ name: 'order.paid', schema: PAID }], { check: 'warn' });
    const { status, body } = await publish();
    expect([status, body.warnings[0].pointer]).toEqual([202, '/payload/id']);
  });

  test('off: nothing is said', async () => {
    await put([{ name: 'order.paid', schema: PAID }], { check: 'off' });
    const { status, body } = await publish();
    expect([status, body.warnings]).toEqual([202, undefined]);
  });
});

describe('versions', () => {
  const withTotal = { ...PAID, required: ['id', 'total'] };

  test('a change of the schema makes a new one, anything else does not', async () => {
    await put([{ name: 'order.paid', schema: PAID }]);
    expect((await put([{ name: 'order.paid', schema: PAID }])).body.data[0]).toMatchObject({
      version: 1,
      outcome: 'unchanged',
    });
    expect((await put([{ name: 'order.paid', description: 'x' }])).body.data[0]).toMatchObject({
      version: 1,
      outcome: 'changed',
    });
    expect((await put([{ name: 'order.paid', schema: withTotal }])).body.data[0]).toMatchObject({ version: 2 });
    const { body } = await node.call('GET', '/v1/event-types/order.paid');
    expect(body).toMatchObject({ version: 2, description: 'x', schema: withTotal });
    expect(body.versions.map(({ version, schema }: { version: number; schema: object }) => [version, schema])).toEqual([
      [2, withTotal],
      [1, PAID],
    ]);
  });

  test('a breaking change is refused, and named; allowed, it is made', async () => {
    await put([{ name: 'order.paid', schema: withTotal }, { name: 'order.sent' }]);
    const refused = await put([
      { name: 'order.sent', label: 'x' },
      { name: 'order.paid', schema: { ...PAID, properties: { id: { type: 'string' } } } },
    ]);
    expect([refused.status, refused.body.code]).toEqual([409, 'breaking_change']);
    expect(refused.body.errors[0]).toMatchObject({ pointer: expect.stringContaining('#/event_types/1/schema') });
    expect(refused.body.errors[0].detail).toContain('total');
    expect((await node.call('GET', '/v1/event-types/order.sent')).body.label).toBe('');
    const allowed = await put([{ name: 'order.paid', schema: PAID }], { allow_breaking: true });
    expect(allowed.body.data[0].changes).toMatchObject([{ kind: 'breaking' }]);
  });

  test('a dry run says what would be, and changes nothing', async () => {
    await put([{ name: 'order.paid', schema: PAID }], { dry_run: true, check: 'reject' });
    expect((await node.call('GET', '/v1/event-types')).body.data).toEqual([]);
    expect((await contract()).payload_check).toBe('off');
  });
});

describe('schemas from outside', () => {
  const publish = (name: string, payload: unknown) => node.publish(account, name, payload);
  const schemaOf = async (name: string) => (await node.call('GET', `/v1/event-types/${name}`)).body.schema;

  test('attack: one that answers later than it is asked is refused', async () => {
    for (const schema of [
      { $async: true, type: 'object', required: ['id'] },
      { $ref: '#/$defs/A', $defs: { A: { $async: true, type: 'object' } } },
    ])
      expect((await put([{ name: 'a', schema }], { check: 'warn' })).body.errors[0].pointer).toBe(
        '#/event_types/0/schema',
      );
  });

  test('each is by itself, whatever it calls itself', async () => {
    const named = (type: string) => ({
      properties: { x: { $ref: 'https://ex.com/a' } },
      $defs: { A: { $id: 'https://ex.com/a', type } },
    });
    await put(
      [
        { name: 'a.a', schema: named('string') },
        { name: 'b.b', schema: named('number') },
        { name: 'c.c', schema: { properties: { x: { $id: 'a.a.json', type: 'string' } } } },
      ],
      { check: 'reject' },
    );
    const answers = [
      await publish('a.a', { x: 's' }),
      await publish('b.b', { x: 5 }),
      await publish('c.c', { x: 's' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect((await publish('b.b', { x: 's' })).status).toBe(422);
  });

  test('attack: those that refer to themselves in many ways end the comparison, not the server', async () => {
    const tree = (more = {}) => ({
      type: 'object',
      properties: { left: { $ref: '#' }, right: { $ref: '#' }, ...more },
    });
    const branch = { anyOf: [{ $ref: '#' }, { type: 'null' }] };
    const maybe = (more = {}) => ({ type: 'object', properties: { left: branch, right: branch, ...more } });
    for (const schema of [tree, maybe]) {
      await put([{ name: 'tree', schema: schema() }], { allow_breaking: true });
      const { status } = await put([{ name: 'tree', schema: schema({ name: { type: 'string' } }) }], {
        allow_breaking: true,
      });
      expect(status).toBe(200);
    }
  });

  test.each([
    [{ type: 'array', items: { type: 'string' } }, { type: 'array' }],
    [{ properties: { s: { type: 'string', format: 'uuid' } } }, { properties: { s: { type: 'string' } } }],
    [
      { properties: { x: { $ref: '#/$defs/a~1b' } }, $defs: { 'a/b': { required: ['y'], properties: { y: {} } } } },
      { properties: { x: { $ref: '#/$defs/a~1b' } }, $defs: { 'a/b': { properties: { y: {} } } } },
    ],
    [{ properties: { y: false } }, { properties: { y: true } }],
  ])('what receivers may fail by is found: %j to %j', async (before, after) => {
    await put([{ name: 'a', schema: before }]);
    expect((await put([{ name: 'a', schema: after }])).body.code).toBe('breaking_change');
    expect(await schemaOf('a')).toEqual(before);
  });

  test('a sample is taken away with null, and by an import whose schema it does not fit', async () => {
    await put([{ name: 'a.b', schema: PAID, sample: { id: '1' } }]);
    const sample = async () => (await node.call('GET', '/v1/event-types/a.b')).body.sample;
    await put([{ name: 'a.b', sample: null }]);
    expect(await sample()).toBeNull();
    await put([{ name: 'a.b', sample: { id: '1' } }]);
    const content = { 'application/json': { schema: { type: 'array' } } };
    const document = { openapi: '3.1.0', webhooks: { 'a.b': { post: { requestBody: { content } } } } };
    const { status } = await node.call('POST', '/v1/event-types/import', { document, allow_breaking: true });
    expect([status, await sample()]).toEqual([200, null]);
  });

  test('to be warned refuses nothing that was accepted before', async () => {
    await put([], { check: 'warn' });
    const answer = await fetch(`${node.url}/v1/accounts/${account}/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
      body: '{"trigger":"a.b","payload":{"a":1,"a":2}}',
    });
    expect(answer.status).toBe(202);
  });
});

describe('what is refused changes nothing', () => {
  test.each([
    [[{ name: 'order paid' }], '#/event_types/0/name'],
    [[{ name: 'a' }, { name: 'a' }], '#/event_types/1/name'],
    [[{ name: 'a' }, { name: 'b', schema: { type: 'nothing' } }], '#/event_types/1/schema'],
    [[{ name: 'a', schema: PAID, sample: { id: 7 } }], '#/event_types/0/sample/id'],
    [[{ name: 'a', schema: { description: 'x'.repeat(70_000) } }], '#/event_types/0/schema'],
  ])('%#', async (types, pointer) => {
    const { status, body } = await put(types);
    expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
    expect((await node.call('GET', '/v1/event-types')).body.data).toEqual([]);
  });

  test.each(['loop-returns', 'loop-subscriptions', 'loops'])('%s has its types in its own files', async (name) => {
    expect((await put([{ name: 'a' }], { contract: name })).body.code).toBe('not_supported');
    expect((await node.call('GET', `/v1/event-types?contract=${name}`)).body.code).toBe('not_supported');
  });

  test('a contract that is not there', async () => {
    expect((await put([], { contract: 'none' })).body.code).toBe('contract_not_found');
  });

  test('the page of an account declares nothing', async () => {
    const { body: session } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, {
      permissions: ['read', 'webhooks', 'keys'],
    });
    const authorization = `Bearer ${session.token}`;
    expect((await node.call('PUT', '/v1/event-types', { event_types: [] }, { authorization })).status).toBe(403);
  });
});

test('the requests of docs/event-types.md do what is said', async () => {
  const page = readFileSync(new URL('../../docs/event-types.md', import.meta.url), 'utf8');
  const [declared, described] = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => JSON.parse(text));
  expect((await node.call('PUT', '/v1/event-types', declared)).body.data[0].outcome).toBe('created');
  const { body } = await node.call('POST', '/v1/event-types/import', { document: described });
  expect(body.data).toEqual([{ name: 'invoice.sent', version: 1, outcome: 'created', changes: [] }]);
  const { triggers, payload_check } = await contract();
  expect([triggers.length, payload_check]).toEqual([2, 'reject']);
});
