import { describe, expect, test } from 'vitest';
import { parseNetwork } from './address.ts';
import { EgressGuard } from './guard.ts';

const guard = new EgressGuard([]);

describe('URLs that reach inside are refused when an endpoint is created', () => {
  test.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://0x7f.1/',
    'http://127.1/',
    'http://127.0.0.1./',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[64:ff9b::10.0.0.1]/',
    'http://[2002:7f00:1::]/',
    'http://[fe80::1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/',
    'http://168.63.129.16/',
    'http://localhost/',
    'http://LOCALHOST:8080/',
    'http://a.localhost/',
    'http://localhost./',
    'http://0/',
    'http://①②⑦.⓪.⓪.①/',
  ])('%s', (url) =>
    expect(() => guard.checkUrl(url, false)).toThrowError(expect.objectContaining({ code: 'blocked_address' })),
  );
});

describe('URLs of the wrong form', () => {
  test.each([
    'example.com',
    '/path',
    'ftp://example.com/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http://user@example.com/',
    'http://user:pass@example.com/',
    'http://exa mple.com/',
    'http://example.com/\r\nX-Evil: 1',
    'http://example.com\\@127.0.0.1/',
    '\thttp://example.com/',
    'http://[fe80::1%25eth0]/',
    'http://example.com:0/',
    'http://example.com:99999/',
    `http://example.com/${'a'.repeat(2048)}`,
    'http://999.1.1.1/',
    '',
  ])('%s', (url) =>
    expect(() => guard.checkUrl(url, false)).toThrowError(expect.objectContaining({ code: 'invalid_url' })),
  );
});

test('public URLs pass, and https only means https only', () => {
  expect(guard.checkUrl('http://example.com:8080/a?b=c', false).href).toBe('http://example.com:8080/a?b=c');
  expect(guard.checkUrl('https://[2606:4700::1111]/', true).hostname).toBe('[2606:4700::1111]');
  expect(() => guard.checkUrl('http://example.com/', true)).toThrowError(
    expect.objectContaining({ code: 'invalid_url' }),
  );
});

test('an allowed network opens its addresses in URLs too', () => {
  const local = new EgressGuard([parseNetwork('127.0.0.0/8')]);
  expect(local.checkUrl('http://127.0.0.1:9000/', false).port).toBe('9000');
  expect(local.checkUrl('http://localhost:9000/', false).port).toBe('9000');
  expect(() => local.checkUrl('http://10.0.0.1/', false)).toThrow();
  const v6 = new EgressGuard([parseNetwork('::1')]);
  expect(v6.checkUrl('http://localhost:9000/', false).port).toBe('9000');
  expect(() => v6.checkUrl('http://127.0.0.1/', false)).toThrow();
  const other = new EgressGuard([parseNetwork('10.0.0.0/8'), parseNetwork('127.0.0.2')]);
  expect(() => other.checkUrl('http://localhost:9000/', false)).toThrowError(
    expect.objectContaining({ code: 'blocked_address' }),
  );
});
