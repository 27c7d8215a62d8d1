import { stringOf, walkJson } from '../domain/walk-json.ts';
import type { BodyRules } from './body.ts';
import type { PayloadCheck, Violation } from './payloads.ts';
import { fitsInt64 } from './php-json.ts';

const MISFITS_MAX = 20;
/** PHP reads and writes no deeper by default. */
const PHP_DEPTH_MAX = 512;
const NONE: readonly Violation[] = [];

/**
 * Finds what a contract's requests cannot carry.
 * @param isCanonical whether the payload is what JSON.stringify writes: no repeats, no number that it would change
 */
export type WireCheck = (payload: Buffer, isCanonical: boolean) => readonly Violation[];

interface Limits {
  /** Repeated names, and numbers beyond a double: receivers read them differently, and so do rules and schemas. */
  isStrict: boolean;
  isPhp: boolean;
  isInt64: boolean;
}

/**
 * Half a surrogate pair is no Unicode: no contract carries it. A payload that is only passed on, as it came and
 * unread, may repeat names and have numbers of any size; one that is read, merged or written as PHP does may not.
 */
export function compileWireCheck(body: BodyRules, check: PayloadCheck): WireCheck {
  const isPhp = body.encoder === 'php-json';
  const limits: Limits = {
    isStrict: isPhp || body.envelope === undefined || check !== 'off',
    isPhp,
    isInt64: isPhp && body.numbers === 'as-published',
  };
  return (payload, isCanonical) => {
    const mayHaveHalfPairs = payload.includes('\\ud') || payload.includes('\\uD');
    if (!mayHaveHalfPairs) {
      // Most payloads end here.
      if (!limits.isStrict || (isCanonical && !isPhp)) return NONE;
      if (isCanonical && !mayBeOdd(payload)) return NONE;
    }
    return findViolations(payload.toString('utf8'), limits);
  };
}

/** What is canonical JSON and still not for PHP: a name that begins with U+0000, or many brackets in one another. */
function mayBeOdd(payload: Buffer): boolean {
  if (payload.includes('"\\u0000')) return true;
  let brackets = 0;
  for (const open of ['[', '{']) {
    for (let at = payload.indexOf(open); at >= 0 && brackets <= PHP_DEPTH_MAX; at = payload.indexOf(open, at + 1)) {
      brackets++;
    }
  }
  return brackets > PHP_DEPTH_MAX;
}

interface Frame {
  /** Names so far, in an object. */
  names: Set<string> | undefined;
  /** Where in it we are: the name or the index. */
  at: string | number;
}

function findViolations(text: string, limits: Limits): readonly Violation[] {
  const violations: Violation[] = [];
  const frames: Frame[] = [];
  const report = (detail: string) => {
    const pointer = frames.map(({ at }) => `/${String(at).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
    if (violations.length < MISFITS_MAX) violations.push({ pointer, detail });
  };
  const next = () => {
    const frame = frames.at(-1);
    if (frame && typeof frame.at === 'number') frame.at++;
  };
  walkJson(text, {
    open: (bracket) => {
      next();
      if (limits.isPhp && frames.length === PHP_DEPTH_MAX) report(`is nested more than ${PHP_DEPTH_MAX} deep`);
      frames.push(bracket === '{' ? { names: new Set(), at: '' } : { names: undefined, at: -1 });
    },
    close: () => void frames.pop(),
    key: (token) => {
      const name = stringOf(token);
      const frame = frames.at(-1);
      if (!frame?.names) return;
      const isRepeat = frame.names.has(name);
      frame.names.add(name);
      frame.at = name;
      if (limits.isStrict && isRepeat) report('stands there twice');
      if (isHalved(token, name)) report('has a name with half a surrogate pair');
      if (limits.isPhp && name.startsWith('\0')) report('has a name that begins with U+0000');
    },
    scalar: (kind, token) => {
      next();
      if (kind === 'string' && isHalved(token, stringOf(token))) report('has half a surrogate pair');
      if (kind === 'number') checkNumber(token, limits, report);
    },
  });
  return violations;
}

function checkNumber(token: string, { isStrict, isInt64 }: Limits, report: (detail: string) => void): void {
  if (isStrict && !Number.isFinite(Number(token))) report('is a number beyond the range of a double');
  else if (isInt64 && !/[.eE]/.test(token) && !fitsInt64(token)) report('is an integer beyond 64 bits');
}

const HALF_PAIR = /\p{Surrogate}/u;

/** Half pairs come as escapes only: text in UTF-8 has none. */
function isHalved(token: string, value: string): boolean {
  return token.includes('\\u') && HALF_PAIR.test(value);
}
