/**
 * JSON as text. `JSON.parse` turns 5.0 into 5 and rounds integers beyond 2^53, so what a publisher sent is kept as
 * the text it came in, and only whitespace between tokens is dropped. Every function here takes text that
 * `JSON.parse` has already accepted.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function skipSpace(text: string, at: number): number {
  let i = at;
  while (isSpace(text.charCodeAt(i))) i++;
  return i;
}

/** `at` stands on an opening quote; answers the place after the closing one. */
function endOfString(text: string, at: number): number {
  let i = at;
  for (;;) {
    i = text.indexOf('"', i + 1);
    if (i < 0) throw new SyntaxError('unterminated string');
    let slashes = 0;
    while (text.charCodeAt(i - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return i + 1;
  }
}

/** Where a value may end or nest: regular expressions find it several times faster than a loop over characters. */
const STRUCTURE = /["{}[\]]/g;
const SCALAR_END = /[,\]}\s]/g;

function find(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex - 1 : text.length;
}

/** `at` stands on the first character of a value; answers the place after its last. */
function endOfValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return endOfString(text, at);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return find(SCALAR_END, text, at);
  let depth = 1;
  let i = at + 1;
  while (depth > 0 && i < text.length) {
    i = find(STRUCTURE, text, i);
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = endOfString(text, i);
      continue;
    }
    depth += code === OPEN_BRACE || code === OPEN_BRACKET ? 1 : -1;
    i++;
  }
  return i;
}

/** Whether brackets stand in each other deeper than this. Few texts have so many at all: the others are only counted. */
export function isDeeperThan(text: string, max: number): boolean {
  if (text.length <= 2 * max || !hasMoreBrackets(text, max)) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i) - 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
    else if ((code === OPEN_BRACE || code === OPEN_BRACKET) && ++depth > max) return true;
  }
  return false;
}

function hasMoreBrackets(text: string, max: number): boolean {
  let count = 0;
  for (const open of ['[', '{']) {
    for (let at = text.indexOf(open); at >= 0; at = text.indexOf(open, at + 1)) if (++count > max) return true;
  }
  return false;
}

/**
 * Calls `visit(key, start, end)` for every member of an object, in order; the last of equal keys counts, as in
 * `JSON.parse`. Answers how many there are.
 */
export function eachMember(
  text: string,
  start: number,
  visit: (key: string, start: number, end: number) => void,
): number {
  let i = skipSpace(text, start) + 1;
  for (let count = 0; ; count++) {
    i = skipSpace(text, i);
    if (text.charCodeAt(i) === CLOSE_BRACE) return count;
    const keyEnd = endOfString(text, i);
    const rawKey = text.slice(i + 1, keyEnd - 1);
    const key = rawKey.includes('\\') ? (JSON.parse(`"${rawKey}"`) as string) : rawKey;
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    visit(key, valueStart, valueEnd);
    i = skipSpace(text, valueEnd);
    if (text.charCodeAt(i) === COMMA) i++;
  }
}

/** Calls `visit(start, end)` for every element of an array. */
export function eachElement(text: string, start: number, visit: (start: number, end: number) => void): void {
  let i = skipSpace(text, start) + 1;
  for (;;) {
    i = skipSpace(text, i);
    if (text.charCodeAt(i) === CLOSE_BRACKET) return;
    const end = endOfValue(text, i);
    visit(i, end);
    i = skipSpace(text, end);
    if (text.charCodeAt(i) === COMMA) i++;
  }
}

const QUOTE_OR_SPACE = /["\s]/g;

/** The same tokens without whitespace between them. */
export function compact(text: string): string {
  const parts: string[] = [];
  let from = 0;
  let i = 0;
  for (;;) {
    i = find(QUOTE_OR_SPACE, text, i);
    if (i >= text.length) break;
    if (text.charCodeAt(i) === QUOTE) {
      i = endOfString(text, i);
      continue;
    }
    parts.push(text.slice(from, i));
    i = skipSpace(text, i);
    from = i;
  }
  return from === 0 ? text : parts.join('') + text.slice(from);
}

const TOKEN = /"|[-0-9][-+.0-9eE]*|[^"\s\-0-9]+|\s+/g;

/** Calls `visit` for every token: strings and numbers one by one, everything else (brackets, words) as it comes. */
export function eachToken(text: string, visit: (kind: 'string' | 'number' | 'other', token: string) => void): void {
  let i = 0;
  while (i < text.length) {
    if (text.charCodeAt(i) === QUOTE) {
      const end = endOfString(text, i);
      visit('string', text.slice(i, end));
      i = end;
      continue;
    }
    TOKEN.lastIndex = i;
    const token = TOKEN.exec(text)?.[0] ?? text.slice(i);
    const first = token.charCodeAt(0);
    if (!isSpace(first)) visit(first === 0x2d || (first >= 0x30 && first <= 0x39) ? 'number' : 'other', token);
    i += token.length;
  }
}

/** The text of one member of an object; undefined when there is none. */
export function memberOf(text: string, name: string): string | undefined {
  let found: string | undefined;
  eachMember(text, 0, (key, from, to) => {
    if (key === name) found = text.slice(from, to);
  });
  return found;
}
