import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classify, contains, parseAddress, parseNetwork } from './address.ts';
import { EgressGuard } from './guard.ts';

const kindOf = (text: string) => {
  const bytes = parseAddress(text);
  return bytes ? classify(bytes) : 'invalid';
};
const dotted = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.');

/** First and last address of every IPv4 range that is not public, written out independently of the code's table. */
const IPV4_RANGES: [number, number][] = [
  [0x00000000, 0x00ffffff],
  [0x0a000000, 0x0affffff],
  [0x64400000, 0x647fffff],
  [0x7f000000, 0x7fffffff],
  [0xa83f8110, 0xa83f8110],
  [0xa9fe0000, 0xa9feffff],
  [0xac100000, 0xac1fffff],
  [0xc0000000, 0xc00000ff],
  [0xc0000200, 0xc00002ff],
  [0xc0586300, 0xc05863ff],
  [0xc0a80000, 0xc0a8ffff],
  [0xc6120000, 0xc613ffff],
  [0xc6336400, 0xc63364ff],
  [0xcb007100, 0xcb0071ff],
  [0xe0000000, 0xffffffff],
];
const isPublicIpv4 = (n: number) => !IPV4_RANGES.some(([first, last]) => n >= first && n <= last);

describe('IPv4', () => {
  test('every boundary of every range, and its neighbours', () => {
    for (const edge of IPV4_RANGES.flat()) {
      for (const n of [edge - 1, edge, edge + 1]) {
        if (n < 0 || n > 0xffffffff) continue;
        expect(kindOf(dotted(n)) === 'public', dotted(n)).toBe(isPublicIpv4(n));
      }
    }
  });
  test('the whole space: any address', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => {
        expect(kindOf(dotted(n)) === 'public').toBe(isPublicIpv4(n));
      }),
      { numRuns: 5000 },
    );
  });
  test('an IPv6 form that carries an IPv4 address is never more open than the address itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => {
        const hex = n.toString(16).padStart(8, '0');
        const tail = `${hex.slice(0, 4)}:${hex.slice(4)}`;
        expect(kindOf(`::ffff:${tail}`) === 'public').toBe(isPublicIpv4(n));
        expect(kindOf(`::ffff:${dotted(n)}`) === 'public').toBe(isPublicIpv4(n));
        expect(kindOf(`64:ff9b::${tail}`) === 'public').toBe(isPublicIpv4(n));
        for (const tunnel of [
          `::${tail}`,
          `2002:${tail}::1`,
          `2001:0:${tail}::1`,
          `2001:0:1:2:3:4:${tail}`,
          `64:ff9b:1::${tail}`,
          `2a00:1450::5efe:${tail}`,
          `2a00:1450::200:5efe:${tail}`,
        ]) {
          expect(kindOf(tunnel), tunnel).not.toBe('public');
        }
      }),
    );
  });
});

describe('IPv6', () => {
  test.each([
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::2', 'tunnel'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:0:127.0.0.1', 'reserved'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['64:ff9b::808:808', 'public'],
    ['64:ff9b:1::808:808', 'tunnel'],
    ['100::1', 'reserved'],
    ['2001::1', 'tunnel'],
    ['2001:2::1', 'benchmarking'],
    ['2001:10::1', 'reserved'],
    ['2001:1ff:ffff::', 'reserved'],
    ['2001:200::1', 'public'],
    ['2001:db8::1', 'documentation'],
    ['2001:db9::1', 'public'],
    ['2002:7f00:1::', 'tunnel'],
    ['2606:4700::1111', 'public'],
    ['3ffe::1', 'public'],
    ['3fff::1', 'documentation'],
    ['3fff:1000::1', 'public'],
    ['4000::1', 'reserved'],
    ['5f00::1', 'reserved'],
    ['fc00::1', 'unique_local'],
    ['fd00:ec2::254', 'unique_local'],
    ['fe80::1', 'link_local'],
    ['fec0::1', 'private'],
    ['ff02::1', 'multicast'],
  ])('%s is %s', (address, kind) => expect(kindOf(address)).toBe(kind));

  test('zone ids, ports and other texts are no addresses', () => {
    for (const text of [
      'fe80::1%eth0',
      '2606:4700::1%25lo',
      '1.2.3',
      '0x7f.1',
      '017700000001',
      '1.2.3.4:80',
      '[::1]',
      '',
      'a',
    ]) {
      expect(parseAddress(text), text).toBeUndefined();
    }
  });
});

describe('allowed networks', () => {
  test('open what they name and nothing beside', () => {
    const guard = new EgressGuard([parseNetwork('127.0.0.0/8'), parseNetwork('fd00::/8'), parseNetwork('10.1.2.3')]);
    for (const open of ['127.0.0.1', '::ffff:127.9.9.9', 'fd12::1', '10.1.2.3', '8.8.8.8'])
      expect(guard.refusal(open)).toBeUndefined();
    for (const shut of ['10.1.2.4', '::1', 'fc00::1', '169.254.169.254', '2002:7f00:1::', 'fd12::1%eth0'])
      expect(guard.refusal(shut), shut).toBeDefined();
  });
  test('a prefix holds exactly the addresses that share its bits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.integer({ min: 0, max: 32 }),
        (a, b, bits) => {
          const shift = BigInt(32 - bits);
          const inside = BigInt(a) >> shift === BigInt(b) >> shift;
          expect(contains(parseNetwork(`${dotted(a)}/${bits}`), parseAddress(dotted(b)) ?? new Uint8Array())).toBe(
            inside,
          );
        },
      ),
    );
  });
  test.each(['', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', '10.0.0.0/8/1', '10.0.0.0/-1', 'example.com', '10.0.0.0/'])(
    '"%s" is refused',
    (text) => expect(() => parseNetwork(text)).toThrow('is not a network'),
  );
});
