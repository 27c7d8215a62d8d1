import { eachToken } from '../domain/raw-json.ts';

/** PHP writes 17 digits at most before it changes to an exponent (`serialize_precision = -1`). */
const PLAIN_DIGITS_MAX = 17;
const PLAIN_ZEROS_MAX = 3;

/**
 * Rewrites JSON text as PHP's `json_encode(json_decode($text))` writes it with default flags: one line, `/` as `\/`,
 * everything outside ASCII as lower-case `\uXXXX`, floats shortest and without a `.0`. Key order and the digits of
 * integers stay.
 */
export function phpJson(text: string): string {
  let out = '';
  eachToken(text, (kind, token) => {
    if (kind === 'string') out += phpString(token);
    else if (kind === 'number') out += phpNumber(token);
    else out += token;
  });
  return out;
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

function phpString(token: string): string {
  const value = JSON.parse(token) as string;
  // Surrogate pairs are two matches of the pattern, and two escapes.
  return `"${value.replace(ESCAPED, (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
}

function phpNumber(token: string): string {
  if (!/[.eE]/.test(token)) return token;
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
