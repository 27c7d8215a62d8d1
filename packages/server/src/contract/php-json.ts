import { dropRepeats, stringOf, walkJson } from '../domain/walk-json.ts';

/** PHP writes 17 digits at most before it changes to an exponent (`serialize_precision = -1`). */
const PLAIN_DIGITS_MAX = 17;
const PLAIN_ZEROS_MAX = 3;
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
/** So many digits fit into 64 bits, whatever they are. */
const INT64_DIGITS = 18;

/** `php`: as PHP reads and writes them. `as-published`: digit by digit as they came. */
export type PhpNumbers = 'php' | 'as-published';

/**
 * Rewrites JSON text as PHP's `json_encode(json_decode($text))` writes it with default flags: one line, `/` as `\/`,
 * everything outside ASCII as lower-case `\uXXXX`, floats shortest and without a `.0`, integers beyond 64 bits as
 * floats, the last of equal keys in the place of the first. Key order stays.
 */
export function phpJson(text: string, numbers: PhpNumbers = 'php'): string {
  let out = '';
  let isFirst = true;
  let hasRepeats = false;
  const names: (Set<string> | undefined)[] = [];
  const put = (token: string) => {
    out += isFirst ? token : `,${token}`;
    isFirst = false;
  };
  walkJson(text, {
    open: (bracket) => {
      put(bracket);
      isFirst = true;
      names.push(bracket === '{' ? new Set() : undefined);
    },
    close: (bracket) => {
      out += bracket;
      isFirst = false;
      names.pop();
    },
    key: (token) => {
      const known = names.at(-1);
      const name = stringOf(token);
      hasRepeats ||= known?.has(name) === true;
      known?.add(name);
      put(`${phpString(name)}:`);
      isFirst = true;
    },
    scalar: (kind, token) => {
      if (kind === 'string') put(phpString(stringOf(token)));
      else put(kind === 'number' && numbers === 'php' ? phpNumber(token) : token);
    },
  });
  return hasRepeats ? phpJson(dropRepeats(text), numbers) : out;
}

/** Whether PHP reads an integer's token as an integer; it reads a larger one as a float. */
export function fitsInt64(token: string): boolean {
  if (token.length <= INT64_DIGITS) return true;
  const value = BigInt(token);
  return value >= INT64.min && value <= INT64.max;
}

/** What PHP does not write as it is. */
const ESCAPED = /["\\/\u0000-\u001f]|[^\u0000-\u007f]/g;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function phpString(value: string): string {
  // Surrogate pairs are two matches of the pattern, and two escapes.
  return `"${value.replace(ESCAPED, (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
}

function phpNumber(token: string): string {
  if (!/[.eE]/.test(token) && fitsInt64(token)) return token === '-0' ? '0' : token;
  const value = Number(token);
  if (!Number.isFinite(value)) return token;
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  // The shortest digits that read back as the same number, in both languages.
  const [mantissa = '', exponent = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const pointAt = Number(exponent) + 1;
  const sign = value < 0 ? '-' : '';
  if (pointAt > PLAIN_DIGITS_MAX || pointAt < -PLAIN_ZEROS_MAX) {
    const power = Number(exponent);
    return `${sign}${digits[0]}.${digits.slice(1) || '0'}e${power < 0 ? '-' : '+'}${Math.abs(power)}`;
  }
  if (pointAt <= 0) return `${sign}0.${'0'.repeat(-pointAt)}${digits}`;
  if (pointAt >= digits.length) return sign + digits + '0'.repeat(pointAt - digits.length);
  return `${sign}${digits.slice(0, pointAt)}.${digits.slice(pointAt)}`;
}
