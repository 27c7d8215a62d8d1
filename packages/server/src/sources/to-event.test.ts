import { describe, expect, test } from 'vitest';
import type { Message } from './reader.ts';
import type { EventMapping } from './source-config.ts';
import { mappingOf, toEvent } from './to-event.ts';

const message = (body: string, headers: Record<string, string> = {}): Message => ({
  place: 'orders/0/1',
  headers,
  body: Buffer.from(body),
});
const asPublished = mappingOf({ type: 'kafka' });
const read = (body: string, mapping: EventMapping = asPublished, headers?: Record<string, string>) => {
  const { accountId, input, text } = toEvent(message(body, headers), mapping);
  return { accountId, id: input.id, trigger: input.trigger, payload: text.bytes.toString(), input, text };
};

describe('a message as the API takes it, with the account beside it', () => {
  test('is an event', () => {
    expect(read('{"account":"acme","trigger":"a.b","id":"o-1","payload":{"n":1}}')).toMatchObject({
      accountId: 'acme',
      trigger: 'a.b',
      id: 'o-1',
      payload: '{"n":1}',
      text: { isCanonical: true },
    });
  });

  test('keeps numbers as they are written, and drops whitespace between tokens only', () => {
    const { payload, text } = read(
      '{"account": "acme", "trigger": "a.b", "payload": {"n": 5.0, "big": 12345678901234567890 }}',
    );
    expect(payload).toBe('{"n":5.0,"big":12345678901234567890}');
    expect(text.isCanonical).toBe(false);
  });

  test('may have payloads by topic', () => {
    const { input, payload } = read('{"account":"acme","trigger":"a.b","payloads":{"order":{"n":1}}}');
    expect(input).toMatchObject({ payloads: { order: { n: 1 } } });
    expect(payload).toBe('{"order":{"n":1}}');
  });
});

describe('a mapping', () => {
  test('finds values by pointer, by header, or has them itself', () => {
    const mapping: EventMapping = {
      account: { pointer: '/shop/a~1b' },
      trigger: { header: 'ce_type' },
      id: { header: ':key' },
      payload: { pointer: '' },
    };
    expect(read('{"shop":{"a/b":7}}', mapping, { ce_type: 'a.b', ':key': 'k1' })).toMatchObject({
      accountId: '7',
      trigger: 'a.b',
      id: 'k1',
      payload: '{"shop":{"a/b":7}}',
    });
    expect(
      read('[1, {"n":2}]', { account: { value: 'acme' }, trigger: { value: 'x' }, payload: { pointer: '/1' } }),
    ).toMatchObject({
      accountId: 'acme',
      payload: '{"n":2}',
    });
  });

  test('takes a whole number for an id, with all its digits', () => {
    expect(read('{"account":12345678901234567890, "trigger":"a","payload":1}').accountId).toBe('12345678901234567890');
  });
});

describe('a message that is no event says where', () => {
  test.each([
    ['{"account"', 'malformed_json', ''],
    ['', 'malformed_json', ''],
    ['{}', 'invalid_request', '#/account: has no account'],
    ['{"account":"acme","payload":1}', 'invalid_request', '#/trigger: has no trigger'],
    ['{"account":"acme","trigger":"a"}', 'invalid_request', '#/payload: has no payload'],
    ['{"account":true,"trigger":"a","payload":1}', 'invalid_request', '#/account: is no text'],
    ['{"account":"a b","trigger":"a","payload":1}', 'invalid_request', '#/account: is no id of an account'],
    ['{"account":"a\\u0000","trigger":"a","payload":1}', 'invalid_request', '#/account: is no id of an account'],
    ['{"account":"acme","trigger":"a","id":"x.y","payload":1}', 'invalid_request', '#/id: is no id'],
    ['{"account":"acme","trigger":"a", "payload":1,"account":"other"}', 'invalid_request', 'stands twice'],
    ['{"account":"acme","trigger":"a","payloads":[1]}', 'invalid_request', '#/payloads: is no object'],
    [
      `{"account":"acme","trigger":"${'a'.repeat(257)}","payload":1}`,
      'invalid_request',
      '#/trigger: has more than 256',
    ],
  ])('%s', (body, code, detail) => {
    expect(() => read(body)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(detail) }));
  });
});
