/** What the page sends of subscriptions that have filters. */
import { describe, expect, test } from 'vitest';
import { draftOf, singleOf, wishOf } from '../../packages/page/src/webhooks/endpoint-draft.ts';

const A = { at: '/a', equals: 1 };
const B = { at: '/b', equals: 2 };
const CONTRACT = { free_triggers: true, versions: null, limits: { own_rate_limit: false } } as never;
const endpointWith = (subscriptions: object[]) =>
  ({ subscriptions, url: 'https://example.com/', headers: {} }) as never;

describe('the form of a webhook', () => {
  const sent = (before: object[], triggers?: string) => {
    const draft = draftOf(CONTRACT, endpointWith(before), { url: '', trigger: undefined });
    return (
      wishOf({ ...draft, ...(triggers === undefined ? {} : { triggers }) }, CONTRACT, false) as { subscriptions: [] }
    ).subscriptions;
  };

  test.each([
    [[{ trigger: 'a', filter: A }, { trigger: 'a' }]],
    [[{ trigger: 'a', filter: A }, { trigger: 'a', filter: B }, { trigger: 'b.*' }]],
  ])('sends what it has not changed as it was: %j', (before) => {
    expect(sent(before)).toEqual(before);
  });

  test('keeps the filter of what stays, and adds what is new without one', () => {
    expect(sent([{ trigger: 'a', filter: A }, { trigger: 'b' }], 'c, a, a')).toEqual([
      { trigger: 'c' },
      { trigger: 'a', filter: A },
    ]);
  });
});

describe('the toggles, which name single events', () => {
  test.each([
    ['a pattern', [{ trigger: 'order.*', filter: A }], A],
    [
      'several patterns',
      [
        { trigger: 'order.*', filter: A },
        { trigger: '*', filter: B },
      ],
      { or: [A, B] },
    ],
    ['one that takes everything', [{ trigger: 'order.*', filter: A }, { trigger: '*' }], undefined],
    ['something else', [{ trigger: 'invoice.*', filter: A }], undefined],
  ])('keep the filter of %s', (_, before, filter) => {
    const expected = { trigger: 'order.created', ...(filter === undefined ? {} : { filter }) };
    expect(singleOf('order.created', before)).toEqual(expected);
  });
});
