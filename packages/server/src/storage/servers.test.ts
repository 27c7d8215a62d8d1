import { expect, test } from 'vitest';
import { splitUrl } from './servers.ts';

test.each([
  ['postgres://u:p@a:5432/db', ['postgres://u:p@a:5432/db']],
  ['postgresql://a,b/db', ['postgresql://a/db', 'postgresql://b/db']],
  [
    'postgres://u:p%2C@a:5432,b:5433,[::1]:5434/db?sslmode=verify-full&target_session_attrs=read-write',
    [
      'postgres://u:p%2C@a:5432/db?sslmode=verify-full',
      'postgres://u:p%2C@b:5433/db?sslmode=verify-full',
      'postgres://u:p%2C@[::1]:5434/db?sslmode=verify-full',
    ],
  ],
  ['postgres://u@a:5432,b:5432', ['postgres://u@a:5432', 'postgres://u@b:5432']],
  ['postgres:///db?host=/var/run/postgresql', ['postgres:///db?host=/var/run/postgresql']],
  ['postgres://a:x,b/db', undefined],
  ['postgres://a b/db', undefined],
  ['no url', undefined],
])('%s', (url, urls) => {
  expect(splitUrl(url)).toEqual(urls);
});
