import { expect, test } from 'vitest';
import { toSearch } from './delivery-filter.ts';

const placeOf = (q: string, member?: string) => toSearch(q, member, false).at;

test('a place in the payload and its value', () => {
  expect(placeOf('data.id = 1001')).toEqual({ path: ['data', 'id'], value: '1001' });
  expect(placeOf('items[0].sku=A-1')).toEqual({ path: ['items', 0, 'sku'], value: 'A-1' });
  expect(placeOf('items[].sku == "A 1"')).toEqual({ path: ['items', 'sku'], value: 'A 1' });
  expect(placeOf('größe = 5.0')).toEqual({ path: ['größe'], value: '5.0' });
});

test('the member of the envelope that holds the payload is left out; one that is called so in the payload is meant alone', () => {
  expect(placeOf('data.id = 1', 'data')).toEqual({ path: ['id'], value: '1' });
  expect(placeOf('data = 1', 'data')).toEqual({ path: ['data'], value: '1' });
});

test('anything else is text alone', () => {
  for (const q of ['1001', 'hello world', 'a b = c', '= 5', 'https://a.example/?x=1', '{"id":1}']) {
    expect(placeOf(q), q).toBeUndefined();
  }
});
