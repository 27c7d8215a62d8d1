import { expect, test } from 'vitest';
import { type AttemptFacts, compileHeaderValue, UnknownField } from './fields.ts';

const facts = (name: string, metadata: Record<string, unknown> = {}): AttemptFacts => ({
  event: {
    id: 'evt_1',
    externalId: null,
    trigger: 'a.b',
    byTopic: false,
    payload: Buffer.from('1'),
    createdAtMs: 1_700_000_000_123,
  },
  topic: null,
  account: { id: 'a', name, metadata },
  deliveryId: () => 'dlv_1',
  retryCount: 2,
  version: null,
  nowMs: 1_700_000_001_999,
});

test.each([
  ['{event.unix}', '1700000000'],
  ['{event.time}', '2023-11-14T22:13:20.123Z'],
  ['{attempt.unix}', '1700000001'],
  ['try {retry.count} of {delivery.id}', 'try 2 of dlv_1'],
  ['{version}', ''],
  ['plain', 'plain'],
  ['{trigger}/{event.id}', 'a.b/evt_1'],
])('%s is written as %s', (template, value) => {
  expect(compileHeaderValue(template)(facts('Shop'))).toBe(value);
});

test("attack: nothing of an account's name or metadata ends a header, begins another, or cannot be sent", () => {
  const write = compileHeaderValue('{account.name}');
  expect(write(facts('a\r\nX-Evil: 1'))).toBe('a%0D%0AX-Evil: 1');
  expect(write(facts('Café 😀'))).toBe('Caf%C3%A9 %F0%9F%98%80');
  expect(write(facts('half \ud83d pair'))).toBe('half ? pair');
  const metadata = compileHeaderValue('{account.metadata.x}');
  expect(metadata(facts('', { x: { toString: 1 } }))).toBe('{"toString":1}');
  expect(metadata(facts('', {}))).toBe('');
});

test('a field that does not exist is named', () => {
  expect(() => compileHeaderValue('{event.name}')).toThrow(UnknownField);
});
