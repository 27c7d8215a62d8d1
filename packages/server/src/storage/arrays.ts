/**
 * PostgreSQL's binary array format (src/backend/utils/adt/arrayfuncs.c, array_recv), for the parameters of batches.
 * `pg` sends a Buffer parameter in binary as it is; text arrays would have every payload escaped here and unescaped there.
 */
import type { Buffer as NodeBuffer } from 'node:buffer';

const OID = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const;
const HEADER_BYTES = 20;
/** 2000-01-01, where PostgreSQL's timestamps begin, in milliseconds of ours. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

function allocate(oid: number, count: number, dataBytes: number): NodeBuffer {
  const array = Buffer.allocUnsafe(HEADER_BYTES + 4 * count + dataBytes);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(1, 4);
  array.writeInt32BE(oid, 8);
  array.writeInt32BE(count, 12);
  array.writeInt32BE(1, 16);
  return array;
}

function fixed<T>(oid: number, size: number, write: (array: NodeBuffer, value: T, at: number) => void) {
  return (values: readonly (T | null)[]): NodeBuffer => {
    let filled = 0;
    for (const value of values) if (value !== null) filled++;
    const array = allocate(oid, values.length, filled * size);
    let at = HEADER_BYTES;
    for (const value of values) {
      if (value === null) {
        array.writeInt32BE(-1, at);
        at += 4;
      } else {
        array.writeInt32BE(size, at);
        write(array, value, at + 4);
        at += 4 + size;
      }
    }
    return array;
  };
}

export const bools = fixed<boolean>(OID.bool, 1, (array, value, at) => array.writeUInt8(value ? 1 : 0, at));
export const int4s = fixed<number>(OID.int4, 4, (array, value, at) => array.writeInt32BE(value, at));
export const int8s = fixed<string | number>(OID.int8, 8, (array, value, at) =>
  array.writeBigInt64BE(BigInt(value), at),
);
export const uuids = fixed<Uint8Array>(OID.uuid, 16, (array, value, at) => array.set(value, at));
/** From milliseconds since the Unix epoch. */
export const timestamps = fixed<number>(OID.timestamptz, 8, (array, value, at) => {
  array.writeBigInt64BE(BigInt(Math.round((value - POSTGRES_EPOCH_MS) * 1000)), at);
});

export function byteas(values: readonly (Uint8Array | null)[]): NodeBuffer {
  let bytes = 0;
  for (const value of values) bytes += value?.length ?? 0;
  const array = allocate(OID.bytea, values.length, bytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    array.writeInt32BE(value === null ? -1 : value.length, at);
    at += 4;
    if (value !== null) {
      array.set(value, at);
      at += value.length;
    }
  }
  return array;
}

/** Up to this length a loop beats a call into the runtime. */
const SHORT_TEXT = 40;

export function texts(values: readonly (string | null)[]): NodeBuffer {
  let bytesMax = 0;
  for (const value of values) if (value !== null) bytesMax += value.length * 3;
  const array = allocate(OID.text, values.length, bytesMax);
  let at = HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      array.writeInt32BE(-1, at);
      at += 4;
    } else {
      const length = writeText(array, value, at + 4);
      array.writeInt32BE(length, at);
      at += 4 + length;
    }
  }
  return array.subarray(0, at);
}

function writeText(array: NodeBuffer, value: string, at: number): number {
  const { length } = value;
  if (length > SHORT_TEXT) return array.write(value, at);
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0x7f) return array.write(value, at);
    array[at + i] = code;
  }
  return length;
}
