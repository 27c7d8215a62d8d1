import { describe, expect, test } from 'vitest';
import { bothFamilies } from './resolve.ts';

const never = new Promise<string[]>(() => {});
const failed = (code: string) => Promise.reject(Object.assign(new Error(code), { code }));

describe('addresses of both families', () => {
  test('are all taken, IPv4 first, whichever is answered first', async () => {
    const v4 = new Promise<string[]>((resolve) => setTimeout(resolve, 10, ['192.0.2.1']));
    const { found } = await bothFamilies(v4, Promise.resolve(['2001:db8::1']));
    expect(found).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  test('one is enough when the name server never answers for the other (RFC 8305, 3)', async () => {
    expect(await bothFamilies(Promise.resolve(['192.0.2.1']), never)).toEqual({ found: ['192.0.2.1'], failures: [] });
    expect((await bothFamilies(never, Promise.resolve(['2001:db8::1']))).found).toEqual(['2001:db8::1']);
  });

  test('a family without addresses waits for the other one', async () => {
    const v6 = new Promise<string[]>((resolve) => setTimeout(resolve, 400, ['2001:db8::1']));
    expect((await bothFamilies(failed('ENODATA'), v6)).found).toEqual(['2001:db8::1']);
    expect(await bothFamilies(failed('ENODATA'), failed('ENOTFOUND'))).toEqual({
      found: [],
      failures: ['ENODATA', 'ENOTFOUND'],
    });
  });
});
