import { isUtf8 } from 'node:buffer';

/** Stands for a value that the caller may not see. */
export const HIDDEN = '…';

/** Bytes as JSON can carry them. */
export function presentBody(bytes: Buffer) {
  return isUtf8(bytes)
    ? { body: bytes.toString('utf8'), body_encoding: 'utf8' as const }
    : { body: bytes.toString('base64'), body_encoding: 'base64' as const };
}

/** Repeated headers stand in one value, separated by commas (RFC 9110 §5.3). */
export function toRecord(headers: readonly [string, string][]): Record<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of headers) values.set(name, values.has(name) ? `${values.get(name)}, ${value}` : value);
  // Not one by one into an object: there `__proto__` is no name.
  return Object.fromEntries(values);
}
