import { createHash } from 'node:crypto';
import { compilePointer } from './json-pointer.ts';

/** Longer keys, and those that no column can hold, are known by their digest. */
const KEY_BYTES_MAX = 256;

/** What an event's payload says of its place: the ordering key, or null where there is none. */
export type OrderingKeyOf = (payload: unknown) => string | null;

/**
 * Reads ordering keys: of several places the first that holds one counts. Texts, numbers and booleans are keys; 7 and "7" are
 * the same. Done once for an endpoint in memory.
 * @param pointers JSON pointers into the payload
 */
export function compileOrdering(pointers: readonly string[]): OrderingKeyOf | undefined {
  if (pointers.length === 0) return undefined;
  const places = pointers.map(compilePointer);
  return (payload) => {
    for (const at of places) {
      const found = at(payload);
      if (typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean')
        return toKey(String(found));
    }
    return null;
  };
}

function toKey(text: string): string {
  if (Buffer.byteLength(text) <= KEY_BYTES_MAX && !text.includes('\u0000')) return text;
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
