import { describe, expect, test } from 'vitest';
import { Problem } from './errors.ts';
import { checkFilter, compileFilter, type Filter } from './filter.ts';

const ORDER = {
  id: 1001,
  total: 19.9,
  paid: false,
  note: null,
  customer: { country: 'DE', tags: ['vip', 'b2b'], 'a/b~c': 1 },
  items: [{ sku: 'A-1' }],
};

const passes = (filter: unknown, payload: unknown = ORDER): boolean => {
  checkFilter(filter, '#/filter');
  return compileFilter(filter)(payload);
};

describe('what a filter asks', () => {
  test.each<[string, Filter, boolean]>([
    ['a value', { at: '/customer/country', equals: 'DE' }, true],
    ['another value', { at: '/customer/country', equals: 'FR' }, false],
    ['false is a value', { at: '/paid', equals: false }, true],
    ['so is null', { at: '/note', equals: null }, true],
    ['and what is not there is none', { at: '/nothing', equals: null }, false],
    ['one of several', { at: '/customer/country', in: ['AT', 'DE'] }, true],
    ['none of several', { at: '/customer/country', in: [] }, false],
    ['a list that holds it', { at: '/customer/tags', contains: 'vip' }, true],
    ['a list that does not', { at: '/customer/tags', contains: 'new' }, false],
    ['a text is no list', { at: '/customer/country', contains: 'D' }, false],
    ['the beginning of a text', { at: '/items/0/sku', prefix: 'A-' }, true],
    ['a number has none', { at: '/id', prefix: '1' }, false],
    ['it is there', { at: '/note', exists: true }, true],
    ['it is not there', { at: '/customer/vat', exists: false }, true],
    ['more than', { at: '/total', gt: 19.9 }, false],
    ['at least', { at: '/total', gte: 19.9 }, true],
    ['between', { at: '/total', gte: 10, lt: 20 }, true],
    ['at most', { at: '/total', lte: 10 }, false],
    ['a text is no number', { at: '/customer/country', gt: 0 }, false],
    ['a name with / and ~', { at: '/customer/a~1b~0c', equals: 1 }, true],
    ['not', { not: { at: '/paid', equals: true } }, true],
    [
      'all',
      {
        and: [
          { at: '/id', gt: 1 },
          { at: '/paid', equals: true },
        ],
      },
      false,
    ],
    [
      'any',
      {
        or: [
          { at: '/id', gt: 1 },
          { at: '/paid', equals: true },
        ],
      },
      true,
    ],
  ])('%s', (_, filter, expected) => {
    expect(passes(filter)).toBe(expected);
  });

  test('attack: what every object inherits is not there', () => {
    expect(passes({ at: '/constructor', exists: true })).toBe(false);
    expect(passes({ at: '/__proto__/x', exists: true }, JSON.parse('{"a":1}'))).toBe(false);
    expect(passes({ at: '/customer/tags/length', exists: true })).toBe(false);
  });

  test('the payload itself, whatever it is', () => {
    expect(passes({ at: '', equals: 5 }, 5)).toBe(true);
    expect(passes({ at: '/a', exists: false }, null)).toBe(true);
  });
});

describe('what is wrong with one is said with its place', () => {
  test.each<[unknown, string, string]>([
    ['x', '#/filter', 'is an object'],
    [{}, '#/filter/at', 'JSON pointer'],
    [{ at: 'customer' }, '#/filter/at', 'JSON pointer'],
    [{ at: '/a~2' }, '#/filter/at', 'JSON pointer'],
    [{ at: '/a' }, '#/filter', 'needs one of equals'],
    [{ at: '/a', is: 1 }, '#/filter/is', 'is none of equals'],
    [{ at: '/a', constructor: 1 }, '#/filter/constructor', 'is none of equals'],
    [{ at: '/a', equals: {} }, '#/filter/equals', 'is a text'],
    [{ at: '/a', in: 'x' }, '#/filter/in', 'is a list'],
    [{ at: '/a', gt: '5' }, '#/filter/gt', 'is a number'],
    [{ and: [] }, '#/filter/and', 'is a list'],
    [{ and: [{ at: '/a', equals: 1 }, 5] }, '#/filter/and/1', 'is an object'],
    [{ not: { or: 5 } }, '#/filter/not/or', 'is a list'],
    [{ and: [{ at: '/a', equals: 1 }], at: '/b' }, '#/filter/and', 'is none of'],
    [{ at: '/a', in: Array(101).fill(1) }, '#/filter/in', 'at most 100'],
    [{ at: '/a', prefix: 'x'.repeat(5000) }, '#/filter', 'at most 4096 bytes'],
    [{ or: Array(51).fill({ at: '/a', gt: 1 }) }, '#/filter', 'at most 50 conditions'],
    [nested(9), '#/filter/not/not/not/not/not/not/not/not', 'more than 8 deep'],
  ])('%j', (filter, pointer, detail) => {
    try {
      checkFilter(filter, '#/filter');
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      expect(error.places).toMatchObject([{ pointer, detail: expect.stringContaining(detail) }]);
    }
  });
});

function nested(depth: number): unknown {
  return depth === 1 ? { at: '/a', equals: 1 } : { not: nested(depth - 1) };
}
