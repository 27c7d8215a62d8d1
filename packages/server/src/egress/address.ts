import ipaddr from 'ipaddr.js';

/** Why deliveries do not go to an address, or `public`. */
export type AddressKind =
  | 'public'
  | 'invalid'
  | 'unspecified'
  | 'private'
  | 'loopback'
  | 'link_local'
  | 'shared'
  | 'reserved'
  | 'documentation'
  | 'benchmarking'
  | 'multicast'
  | 'broadcast'
  | 'metadata'
  | 'tunnel'
  | 'unique_local';

/** A range of addresses: the first `bits` of `bytes` (4 or 16 of them) are fixed. */
export interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

function networkOf(cidr: string): Network {
  const [address, bits] = ipaddr.parseCIDR(cidr);
  return { bytes: Uint8Array.from(address.toByteArray()), bits };
}

/** IANA's IPv4 Special-Purpose Address Registry, class D and E, and a cloud's metadata address outside of them. */
const IPV4: readonly [string, AddressKind][] = [
  ['0.0.0.0/8', 'unspecified'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared'],
  ['127.0.0.0/8', 'loopback'],
  ['168.63.129.16/32', 'metadata'],
  ['169.254.0.0/16', 'link_local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', 'tunnel'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['255.255.255.255/32', 'broadcast'],
  ['240.0.0.0/4', 'reserved'],
];

/** Whatever is not global unicast (2000::/3) is refused anyway; these are the exceptions inside and their names outside. */
const IPV6: readonly [string, AddressKind][] = [
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['::/96', 'tunnel'],
  ['64:ff9b:1::/48', 'tunnel'],
  ['100::/64', 'reserved'],
  ['2001::/32', 'tunnel'],
  ['2001:2::/48', 'benchmarking'],
  ['2001:db8::/32', 'documentation'],
  ['2001::/23', 'reserved'],
  ['2002::/16', 'tunnel'],
  ['3fff::/20', 'documentation'],
  ['5f00::/16', 'reserved'],
  ['fc00::/7', 'unique_local'],
  ['fe80::/10', 'link_local'],
  ['fec0::/10', 'private'],
  ['ff00::/8', 'multicast'],
];

const compile = (list: readonly [string, AddressKind][]) =>
  list.map(([cidr, kind]) => ({ network: networkOf(cidr), kind }));
const BLOCKED_IPV4 = compile(IPV4);
const BLOCKED_IPV6 = compile(IPV6);
const GLOBAL_UNICAST = networkOf('2000::/3');
const IPV4_MAPPED = networkOf('::ffff:0:0/96');
/** RFC 6052: how an IPv6-only network reaches IPv4. The address behind it decides. */
const NAT64 = networkOf('64:ff9b::/96');

/**
 * The 4 or 16 bytes of an address in its usual text form; an IPv4-mapped IPv6 address is its IPv4 address. Undefined for
 * anything else, zone ids (`fe80::1%eth0`) included.
 */
export function parseAddress(text: string): Uint8Array | undefined {
  if (text.includes('%')) return undefined;
  const isUsualIpv4 = ipaddr.IPv4.isValidFourPartDecimal(text);
  if (!isUsualIpv4 && !ipaddr.IPv6.isValid(text)) return undefined;
  const bytes = Uint8Array.from(ipaddr.parse(text).toByteArray());
  return bytes.length === 16 && contains(IPV4_MAPPED, bytes) ? bytes.slice(12) : bytes;
}

export function contains({ bytes, bits }: Network, address: Uint8Array): boolean {
  if (bytes.length !== address.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== address[i]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  const mask = 0xff << (8 - rest);
  return (((bytes[whole] ?? 0) ^ (address[whole] ?? 0)) & mask & 0xff) === 0;
}

/** Classifies the bytes that parseAddress answers. */
export function classify(address: Uint8Array): AddressKind {
  if (address.length === 4) return BLOCKED_IPV4.find(({ network }) => contains(network, address))?.kind ?? 'public';
  if (address.length !== 16) return 'invalid';
  if (contains(NAT64, address)) return classify(address.slice(12));
  const named = BLOCKED_IPV6.find(({ network }) => contains(network, address));
  if (named) return named.kind;
  if (!contains(GLOBAL_UNICAST, address)) return 'reserved';
  return isIsatap(address) ? 'tunnel' : 'public';
}

/** RFC 5214: an interface identifier of 0000:5efe or 0200:5efe, and an IPv4 address. */
function isIsatap(address: Uint8Array): boolean {
  return ((address[8] ?? 0) & 0xfd) === 0 && address[9] === 0 && address[10] === 0x5e && address[11] === 0xfe;
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a single address. @throws with a sentence for the operator */
export function parseNetwork(text: string): Network {
  const [address = '', bits, ...rest] = text.split('/');
  const bytes = parseAddress(address);
  const size = bytes ? bytes.length * 8 : 0;
  const length = bits === undefined ? size : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (!bytes || rest.length > 0 || length < 0 || length > size) {
    throw new Error(`"${text}" is not a network: write it as 10.0.0.0/8 or fd00::/8`);
  }
  return { bytes, bits: length };
}
