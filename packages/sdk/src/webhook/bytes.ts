/** Bytes of their own buffer, as the Web Crypto API wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @returns undefined unless the text is exactly that */
export function decode(text: string, encoding: 'hex' | 'base64'): Bytes | undefined {
  return encoding === 'hex' ? fromHex(text) : fromBase64(text);
}

/** The padding of base64 may be left out of a secret. */
export function decodeSecret(text: string, encoding: 'hex' | 'base64'): Bytes | undefined {
  return decode(encoding === 'base64' ? text.padEnd(Math.ceil(text.length / 4) * 4, '=') : text, encoding);
}

function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(i * 2, i * 2 + 2), 16));
}

function fromBase64(text: string): Bytes | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    const binary = atob(text);
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
