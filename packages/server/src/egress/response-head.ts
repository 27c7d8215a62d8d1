/** The lines of a response's head and what they say about its body (RFC 9112). Lines come without their line end. */

export type Header = [name: string, value: string];

export interface StatusLine {
  status: number;
  /** The digit after `HTTP/1.`. */
  minor: number;
}

export interface Framing {
  /** Where the body ends. */
  body: 'none' | 'length' | 'chunked' | 'until-close';
  /** The bytes of a body with a length. */
  length: number;
  /** For how long the connection may be used again; 0: not at all. */
  keepAliveMs: number;
}

const STATUS_LINE = /^HTTP\/1\.(\d) (\d{3})(?: |$)/;
/** A header's name (RFC 9110 §5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const KEEP_ALIVE = /(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i;
const TIMEOUT = /\btimeout=(\d+)/i;
/** How long an idle connection is kept, unless the receiver names a shorter time. */
const KEEP_ALIVE_MS = 30_000;
/** The receiver closes at the time it names; the last request has to reach it before. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

/** @returns undefined when the line is not `HTTP/1.x NNN`; the reason may be missing */
export function readStatusLine(line: string): StatusLine | undefined {
  const match = STATUS_LINE.exec(line);
  return match ? { minor: Number(match[1]), status: Number(match[2]) } : undefined;
}

/** The name in lower case and the value without the space around it; undefined when the line is not a header. */
export function readHeader(line: string): Header | undefined {
  const colon = line.indexOf(':');
  const name = colon < 0 ? '' : line.slice(0, colon);
  if (!TOKEN.test(name)) return undefined;
  return [name.toLowerCase(), trimmed(line, colon + 1)];
}

/** Without spaces and tabs at both ends. Not by a regular expression: that takes quadratic time on long runs of them. */
export function trimmed(text: string, from = 0): string {
  let start = from;
  let end = text.length;
  while (start < end && isSpace(text, start)) start++;
  while (end > start && isSpace(text, end - 1)) end--;
  return text.slice(start, end);
}

export function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

/**
 * How the body is framed (RFC 9112 §6.3) and whether the connection lasts (§9.3). Framing that is understood but not
 * as it should be ends the connection. Undefined when the length is not one number: such an answer has no known end.
 */
export function framingOf({ status, minor }: StatusLine, headers: readonly Header[]): Framing | undefined {
  let lengths: string | undefined;
  let encodings: string | undefined;
  let connection = '';
  let keepAlive = '';
  for (const [name, value] of headers) {
    if (name === 'content-length') lengths = lengths === undefined ? value : `${lengths},${value}`;
    else if (name === 'transfer-encoding') encodings = encodings === undefined ? value : `${encodings},${value}`;
    else if (name === 'connection') connection += `,${value}`;
    else if (name === 'keep-alive') keepAlive += `,${value}`;
  }
  const keepAliveMs = lastingMs(minor, connection, keepAlive);
  if (status === 204 || status === 304) {
    const isUsual = encodings === undefined && (lengths === undefined || lengths === '0');
    return { body: 'none', length: 0, keepAliveMs: isUsual ? keepAliveMs : 0 };
  }
  // No coding at all (RFC 7230 had it still): the length counts.
  const isIdentity = encodings?.toLowerCase() === 'identity';
  if (encodings !== undefined && !isIdentity) {
    const isLast = /(?:^|,)[ \t]*chunked$/i.test(encodings);
    const isUsual = lengths === undefined && minor > 0 && encodings.toLowerCase() === 'chunked';
    return { body: isLast ? 'chunked' : 'until-close', length: 0, keepAliveMs: isLast && isUsual ? keepAliveMs : 0 };
  }
  if (lengths === undefined) return { body: 'until-close', length: 0, keepAliveMs: 0 };
  const length = readLength(lengths);
  return (
    length && {
      body: length.bytes === 0 ? 'none' : 'length',
      length: length.bytes,
      keepAliveMs: length.isOnce && !isIdentity ? keepAliveMs : 0,
    }
  );
}

/** RFC 9110 §8.6: the same number several times counts as one. */
function readLength(text: string): { bytes: number; isOnce: boolean } | undefined {
  if (/^\d+$/.test(text)) return { bytes: Number(text), isOnce: true };
  const numbers = text.split(',').map((part) => trimmed(part));
  if (!numbers.every((part) => /^\d+$/.test(part) && Number(part) === Number(numbers[0]))) return undefined;
  return { bytes: Number(numbers[0]), isOnce: false };
}

function lastingMs(minor: number, connection: string, keepAlive: string): number {
  if (CLOSE.test(connection) || (minor === 0 && !KEEP_ALIVE.test(connection))) return 0;
  const seconds = keepAlive === '' ? undefined : TIMEOUT.exec(keepAlive)?.[1];
  if (seconds === undefined) return KEEP_ALIVE_MS;
  return Math.max(0, Math.min(KEEP_ALIVE_MS, Number(seconds) * 1000 - KEEP_ALIVE_MARGIN_MS));
}
