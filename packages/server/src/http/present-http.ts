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

/**
 * Bytes as JSON can carry them.
 * @param isCut there was more of it: the last character may be there in part, and is left out
 */
export function presentBody(bytes: Buffer, isCut: boolean) {
  const text = isUtf8(bytes) ? bytes.toString('utf8') : isCut ? textOfCut(bytes) : undefined;
  return text === undefined
    ? { body: bytes.toString('base64'), body_encoding: 'base64' as const }
    : { body: text, body_encoding: 'utf8' as const };
}

function textOfCut(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

/** Repeated headers stand in one value, separated by commas (RFC 9110 §5.3). */
export function toRecord(headers: readonly [string, string][]): Record<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of headers) values.set(name, values.has(name) ? `${values.get(name)}, ${value}` : value);
  // Not one by one into an object: there `__proto__` is no name.
  return Object.fromEntries(values);
}
