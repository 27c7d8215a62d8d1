import { isUtf8 } from 'node:buffer';

/** Stands for a value that the caller may not see. */
export const HIDDEN = '…';

/** Headers with the values of those hidden that may not be seen. */
export function hideUnless(
  headers: readonly [string, string][],
  mayBeSeen: (name: string) => boolean,
): [string, string][] {
  return headers.map(([name, value]) => [name, mayBeSeen(name) ? value : HIDDEN]);
}

/** Bytes as JSON can carry them. */
export function presentBody(bytes: Buffer) {
  return isUtf8(bytes)
    ? { body: bytes.toString('utf8'), body_encoding: 'utf8' as const }
    : { body: bytes.toString('base64'), body_encoding: 'base64' as const };
}

/** Repeated headers stand in one value, separated by commas (RFC 9110 §5.3). */
export function toRecord(headers: readonly [string, string][]): Record<string, string> {
  const record: Record<string, string> = {};
  for (const [name, value] of headers) record[name] = Object.hasOwn(record, name) ? `${record[name]}, ${value}` : value;
  return record;
}
