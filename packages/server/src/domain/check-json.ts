import { invalidAt, pointerTo } from './errors.ts';
import { stringOf, walkJson } from './walk-json.ts';

/** The member that is passed on as the text it came in: what stands in it is not read here. */
const PASSED_ON = 'payload';
/** The member whose names are the caller's own. */
const OWN_NAMES = 'metadata';

/** A number of so many digits comes back as it was written (IEEE 754). */
const DIGITS_ALWAYS_HELD = 15;
/** Longer than any number that has a use; what is done with one may take as long as its square. */
const NUMBER_LENGTH_MAX = 1_000;

interface Level {
  /** Names so far, in an object. */
  names: Set<string> | undefined;
  /** Where in it we are: the name or the index. */
  at: string | number;
}

/**
 * Refuses what `JSON.parse` would lose without a word: a member that stands twice, a number that JavaScript cannot
 * hold, a member `__proto__`. For text that `JSON.parse` has accepted.
 * @throws Problem `invalid_request`
 */
export function checkJson(text: string): void {
  const levels: Level[] = [];
  const pointer = () => levels.reduce((path, { at }) => pointerTo(path, at), '#');
  const isPassedOn = () => levels[0]?.at === PASSED_ON;
  const enter = () => {
    const level = levels.at(-1);
    if (typeof level?.at === 'number') level.at++;
  };
  walkJson(text, {
    open(bracket) {
      enter();
      levels.push(bracket === '{' ? { names: new Set(), at: '' } : { names: undefined, at: -1 });
    },
    close: () => void levels.pop(),
    key(token) {
      if (levels.length > 1 && isPassedOn()) return;
      const level = levels.at(-1);
      const name = stringOf(token);
      if (!level?.names) return;
      level.at = name;
      if (level.names.has(name)) throw invalidAt(pointer(), 'stands twice');
      level.names.add(name);
      if (name === '__proto__' && levels[0]?.at !== OWN_NAMES) throw invalidAt(pointer(), 'is not known here');
    },
    scalar(kind, token) {
      enter();
      if (kind === 'number' && !isPassedOn() && !isHeld(token)) {
        throw invalidAt(pointer(), 'is a number that would be rounded: send it as a string');
      }
    },
  });
}

/** Whether a number's text means to JavaScript what it says: no integer beyond 2^53, nothing beyond a double's range. */
function isHeld(token: string): boolean {
  if (token.length > NUMBER_LENGTH_MAX) return false;
  const value = Number(token);
  if (!Number.isFinite(value)) return false;
  if (value === 0) return !/[1-9]/.test(token.replace(/[eE].*$/, ''));
  const digits = digitsOf(token);
  // With more of them, a double stands for several numbers: for the one that JavaScript writes, if it is this one.
  if (digits.length > DIGITS_ALWAYS_HELD && digits !== digitsOf(String(value))) return false;
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER || /[eE]/.test(token);
}

/** Without sign, point, exponent, and the zeros around them. */
function digitsOf(token: string): string {
  return token
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '');
}
