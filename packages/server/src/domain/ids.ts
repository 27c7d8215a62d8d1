/**
 * Ids: a prefix that names the kind, and a UUIDv7 (RFC 9562) written as 26 characters of Crockford base32.
 * They sort by time of creation, which history relies on: its partitions are ranges of ids.
 */
export type IdKind =
  | 'acc'
  | 'ep'
  | 'evt'
  | 'dlv'
  | 'key'
  | 'bin'
  | 'req'
  | 'rpl'
  | 'sch'
  | 'aud'
  | 'ntc'
  | 'ddl'
  | 'opk';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const ENCODED_LENGTH = 26;
const VALUE_OF = new Int8Array(128).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) VALUE_OF[ALPHABET.charCodeAt(i)] = i;

/** A clock that goes back further was wrong before: ids of a time that has not come yet must not go on. */
const BACKWARDS_MAX_MS = 10_000;

/** Fills `target` with random bytes; `node:crypto`'s `randomFillSync` in production. */
export type RandomBytes = (target: Uint8Array) => Uint8Array;

/**
 * Makes ids that do not go backwards within a process when the clock is set back a little: 48 bits of milliseconds, a
 * 12-bit counter in `rand_a` (RFC 9562 §6.2, method 1) that starts at random below half its range, 62 random bits.
 */
export class IdSource {
  private lastMs = 0;
  private counter = 0;
  private readonly pool = new Uint8Array(4096);
  private poolAt = this.pool.length;

  constructor(
    private readonly now: () => number,
    private readonly randomBytes: RandomBytes,
  ) {}

  next(kind: IdKind): string {
    return encodeId(kind, this.nextUuid());
  }

  /** The 16 bytes alone, for ids that are seldom shown. */
  nextUuid(): Uint8Array {
    const bytes = this.random16();
    const ms = this.now();
    if (ms > this.lastMs || ms < this.lastMs - BACKWARDS_MAX_MS) {
      this.lastMs = ms;
      this.counter = (((bytes[6] ?? 0) & 0x07) << 8) | (bytes[7] ?? 0);
    } else if (++this.counter > 0xfff) {
      // The counter ran out within one millisecond, or the clock went back a little: borrow from the future.
      this.lastMs++;
      this.counter = 0;
    }
    writeTime(bytes, this.lastMs);
    bytes[6] = 0x70 | (this.counter >> 8);
    bytes[7] = this.counter & 0xff;
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
    return bytes;
  }

  private random16(): Uint8Array {
    if (this.poolAt + 16 > this.pool.length) {
      this.randomBytes(this.pool);
      this.poolAt = 0;
    }
    this.poolAt += 16;
    return this.pool.slice(this.poolAt - 16, this.poolAt);
  }
}

function writeTime(bytes: Uint8Array, ms: number): void {
  const high = Math.floor(ms / 0x10000);
  bytes[0] = (high >>> 24) & 0xff;
  bytes[1] = (high >>> 16) & 0xff;
  bytes[2] = (high >>> 8) & 0xff;
  bytes[3] = high & 0xff;
  bytes[4] = (ms >>> 8) & 0xff;
  bytes[5] = ms & 0xff;
}

export function encodeId(kind: IdKind, uuid: Uint8Array): string {
  // 128 bits are 26 characters of 5 bits with 2 bits to spare, which stand first.
  let text = `${kind}_`;
  let held = 0;
  let heldBits = 2;
  for (let i = 0; i < 16; i++) {
    held = (held << 8) | (uuid[i] ?? 0);
    heldBits += 8;
    while (heldBits >= 5) {
      heldBits -= 5;
      text += ALPHABET[(held >>> heldBits) & 31];
    }
    held &= (1 << heldBits) - 1;
  }
  return text;
}

/** The 16 bytes of an id of this kind, or undefined when the text is not one. */
export function decodeId(kind: IdKind, id: string): Buffer | undefined {
  const start = kind.length + 1;
  if (id.length !== start + ENCODED_LENGTH || !id.startsWith(kind) || id[kind.length] !== '_') return undefined;
  const bytes = Buffer.allocUnsafe(16);
  let held = 0;
  let heldBits = -2;
  let at = 0;
  for (let i = start; i < id.length; i++) {
    const value = VALUE_OF[id.charCodeAt(i)] ?? -1;
    if (value < 0 || (i === start && value > 7)) return undefined;
    held = (held << 5) | value;
    heldBits += 5;
    if (heldBits >= 8) {
      heldBits -= 8;
      bytes[at++] = (held >>> heldBits) & 0xff;
      held &= (1 << heldBits) - 1;
    }
  }
  return bytes;
}

export function isId(kind: IdKind, id: string): boolean {
  return decodeId(kind, id) !== undefined;
}

/** When the id was made, in milliseconds since the epoch. */
export function timeOfId(uuid: Uint8Array): number {
  return (
    ((uuid[0] ?? 0) * 0x1000000 + ((uuid[1] ?? 0) << 16) + ((uuid[2] ?? 0) << 8) + (uuid[3] ?? 0)) * 0x10000 +
    ((uuid[4] ?? 0) << 8) +
    (uuid[5] ?? 0)
  );
}

/** The smallest UUIDv7 of a millisecond: where a range of time begins in a range of ids. */
export function firstUuidOf(ms: number): Buffer {
  const bytes = Buffer.alloc(16);
  writeTime(bytes, Math.max(0, ms));
  return bytes;
}

export function uuidText(uuid: Uint8Array): string {
  const hex = Buffer.from(uuid.buffer, uuid.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
