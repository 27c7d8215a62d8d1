import { describe, expect, test } from 'vitest';
import { BrokenApiDocument, readApiDocument } from './api-documents.ts';

const ORDER = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string' }, customer: { $ref: '#/components/schemas/Customer' } },
};
const CUSTOMER = {
  type: 'object',
  properties: { name: { type: 'string' }, orders: { type: 'array', items: { $ref: '#/components/schemas/Order' } } },
};
const ENVELOPE = { payload: 'data', others: ['type', 'timestamp'] };
const COMPONENTS = { schemas: { Order: ORDER, Customer: CUSTOMER } };

const openApi = (webhooks: object, more: object = {}) => ({
  openapi: '3.1.0',
  webhooks,
  components: COMPONENTS,
  ...more,
});
const post = (schema: object, more: object = {}) => ({
  post: { summary: 'An order was paid', requestBody: { content: { 'application/json': { schema, ...more } } } },
});

describe('OpenAPI 3.1', () => {
  test('each webhook is a type: its words, its schema with all that it refers to, its example', () => {
    const document = openApi({ 'order.paid': post({ $ref: '#/components/schemas/Order' }, { example: { id: '7' } }) });
    expect(readApiDocument(document, undefined)).toEqual([
      {
        name: 'order.paid',
        label: 'An order was paid',
        description: undefined,
        deprecated: undefined,
        sample: { id: '7' },
        schema: {
          $ref: '#/$defs/Order',
          $defs: {
            Order: { ...ORDER, properties: { id: { type: 'string' }, customer: { $ref: '#/$defs/Customer' } } },
            Customer: {
              ...CUSTOMER,
              properties: { name: { type: 'string' }, orders: { type: 'array', items: { $ref: '#/$defs/Order' } } },
            },
          },
        },
      },
    ]);
  });

  test('of a schema of the whole body, the payload is taken', () => {
    const body = { type: 'object', properties: { type: { const: 'order.paid' }, data: ORDER } };
    const [one] = readApiDocument(openApi({ a: post(body, { example: { type: 'a', data: { id: '1' } } }) }), ENVELOPE);
    expect(one?.schema).toMatchObject({ type: 'object', required: ['id'] });
    expect(one?.sample).toEqual({ id: '1' });
    const [payload] = readApiDocument(openApi({ a: post(ORDER) }), ENVELOPE);
    expect(payload?.schema).toMatchObject({ required: ['id'] });
  });

  test('the envelope may come by allOf; a payload that merely has such a member is a payload', () => {
    const envelope = { type: 'object', properties: { type: { type: 'string' } } };
    const body = { $defs: { Order: ORDER }, allOf: [envelope, { properties: { data: { $ref: '#/$defs/Order' } } }] };
    const [one] = readApiDocument(openApi({ a: post(body) }), ENVELOPE);
    expect(one?.schema).toMatchObject({ $ref: '#/$defs/Order', $defs: { Order: { required: ['id'] } } });
    const page = { type: 'object', properties: { data: { type: 'array' }, cursor: {} } };
    const [payload] = readApiDocument(openApi({ a: post(page) }), ENVELOPE);
    expect(payload?.schema).toEqual(page);
  });

  test('named examples, deprecation, a webhook among the components', () => {
    const item = { post: { ...post(ORDER, { examples: { one: { value: { id: '9' } } } }).post, deprecated: true } };
    const document = openApi(
      { a: { $ref: '#/components/pathItems/a' } },
      { components: { ...COMPONENTS, pathItems: { a: item } } },
    );
    expect(readApiDocument(document, undefined)).toMatchObject([{ name: 'a', deprecated: true, sample: { id: '9' } }]);
  });
});

describe('AsyncAPI', () => {
  test('2: messages of the channels, one of several, and those among the components', () => {
    const document = {
      asyncapi: '2.6.0',
      channels: {
        orders: {
          subscribe: {
            message: { oneOf: [{ $ref: '#/components/messages/order.paid' }, { name: 'order.sent', payload: ORDER }] },
          },
        },
        'user.created': { publish: { message: { payload: { type: 'object' }, examples: [{ payload: { id: 1 } }] } } },
      },
      components: {
        ...COMPONENTS,
        messages: { 'order.paid': { title: 'Paid', payload: { $ref: '#/components/schemas/Order' } } },
      },
    };
    const found = readApiDocument(document, undefined);
    expect(found.map(({ name, label, sample }) => [name, label, sample])).toEqual([
      ['order.paid', 'Paid', undefined],
      ['order.sent', undefined, undefined],
      ['user.created', undefined, { id: 1 }],
    ]);
    expect(found[0]?.schema).toMatchObject({ $ref: '#/$defs/Order' });
  });

  test('3: messages of the channels, with a schema in its own member', () => {
    const document = {
      asyncapi: '3.0.0',
      channels: {
        orders: { messages: { 'order.paid': { payload: { schemaFormat: 'application/schema+json', schema: ORDER } } } },
      },
      components: COMPONENTS,
    };
    expect(readApiDocument(document, undefined)).toMatchObject([{ name: 'order.paid', schema: { required: ['id'] } }]);
  });
});

describe('what cannot be read says where', () => {
  const cases: [document: unknown, pointer: string, reason: RegExp][] = [
    [[], '', /no OpenAPI or AsyncAPI/],
    [{}, '', /neither/],
    [{ openapi: '3.0.3', webhooks: {} }, '/openapi', /not 3.1/],
    [{ openapi: '3.1.0' }, '/webhooks', /missing/],
    [{ asyncapi: '3.0.0' }, '/channels', /no messages/],
    [openApi({ a: post({ $ref: '#/components/schemas/None' }) }), '/webhooks/a', /which is not there/],
    [openApi({ a: post({ $ref: 'other.json#/x' }) }), '/webhooks/a', /outside of the document/],
    [openApi({ 'a/b': { $ref: '#/webhooks/a~1b' } }), '/webhooks/a~1b', /leads back to itself/],
    [openApi({ a: post({ $ref: '#/components/schemas/%zz' }) }), '/webhooks/a', /which is not there/],
  ];
  test.each(cases)('%#', (document, pointer, reason) => {
    try {
      readApiDocument(document, undefined);
      expect.fail('it was read');
    } catch (error) {
      expect(error).toBeInstanceOf(BrokenApiDocument);
      expect((error as BrokenApiDocument).pointer).toBe(pointer);
      expect((error as Error).message).toMatch(reason);
    }
  });
});
