import { invalidAt, pointerTo } from './errors.ts';
import { compilePointer, isJsonPointer } from './json-pointer.ts';

/** What a subscription wants of a payload: docs/filters.md has the language. */
export type Filter =
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter }
  | Condition;

type Scalar = string | number | boolean | null;

/** What holds of one place. Of several operators, all have to. */
export interface Condition {
  /** JSON pointer (RFC 6901); the empty one is the payload itself. */
  readonly at: string;
  readonly equals?: Scalar;
  readonly in?: readonly Scalar[];
  /** A list that holds it. */
  readonly contains?: Scalar;
  readonly prefix?: string;
  readonly exists?: boolean;
  readonly gt?: number;
  readonly gte?: number;
  readonly lt?: number;
  readonly lte?: number;
}

export type Test = (payload: unknown) => boolean;

const DEPTH_MAX = 8;
const CONDITIONS_MAX = 50;
const LIST_MAX = 100;
const BYTES_MAX = 4_096;

const isNumber = (value: unknown): boolean => Number.isFinite(value);
const isScalar = (value: unknown): boolean =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || isNumber(value);

/** Operators: what their value may be, in words and as a test, and what they ask of the value at the place. */
const OPERATORS: Readonly<
  Record<string, { wants: string; isRight(value: unknown): boolean; test(found: unknown, value: never): boolean }>
> = {
  equals: {
    wants: 'is a text, a number, true, false or null',
    isRight: isScalar,
    test: (found, value: Scalar) => found === value,
  },
  in: {
    wants: `is a list of at most ${LIST_MAX} texts, numbers, true, false or null`,
    isRight: (value) => Array.isArray(value) && value.length <= LIST_MAX && value.every(isScalar),
    test: (found, value: readonly unknown[]) => value.includes(found),
  },
  contains: {
    wants: 'is a text, a number, true, false or null',
    isRight: isScalar,
    test: (found, value: Scalar) => Array.isArray(found) && found.includes(value),
  },
  prefix: {
    wants: 'is a text',
    isRight: (value) => typeof value === 'string',
    test: (found, value: string) => typeof found === 'string' && found.startsWith(value),
  },
  exists: {
    wants: 'is true or false',
    isRight: (value) => typeof value === 'boolean',
    test: (found, value: boolean) => (found !== undefined) === value,
  },
  gt: {
    wants: 'is a number',
    isRight: isNumber,
    test: (found, value: number) => isNumber(found) && (found as number) > value,
  },
  gte: {
    wants: 'is a number',
    isRight: isNumber,
    test: (found, value: number) => isNumber(found) && (found as number) >= value,
  },
  lt: {
    wants: 'is a number',
    isRight: isNumber,
    test: (found, value: number) => isNumber(found) && (found as number) < value,
  },
  lte: {
    wants: 'is a number',
    isRight: isNumber,
    test: (found, value: number) => isNumber(found) && (found as number) <= value,
  },
};

/**
 * @param pointer to the filter in the request's body
 * @throws Problem `invalid_request`, with the place of what is wrong
 */
export function checkFilter(value: unknown, pointer: string): asserts value is Filter {
  if (Buffer.byteLength(JSON.stringify(value) ?? '') > BYTES_MAX)
    throw invalidAt(pointer, `has at most ${BYTES_MAX} bytes`);
  let conditions = 0;
  const check = (one: unknown, place: string, depth: number): void => {
    if (typeof one !== 'object' || one === null || Array.isArray(one)) throw invalidAt(place, 'is an object');
    if (depth > DEPTH_MAX) throw invalidAt(place, `is nested more than ${DEPTH_MAX} deep`);
    const names = Object.keys(one);
    const members = one as Record<string, unknown>;
    const [only] = names;
    if (names.length === 1 && (only === 'and' || only === 'or')) {
      const list = members[only];
      if (!Array.isArray(list) || list.length === 0) throw invalidAt(`${place}/${only}`, 'is a list of filters');
      for (const [i, inner] of list.entries()) check(inner, `${place}/${only}/${i}`, depth + 1);
    } else if (names.length === 1 && only === 'not') check(members.not, `${place}/not`, depth + 1);
    else {
      if (++conditions > CONDITIONS_MAX) throw invalidAt(pointer, `has at most ${CONDITIONS_MAX} conditions`);
      checkCondition(members, place);
    }
  };
  check(value, pointer, 1);
}

function checkCondition(members: Record<string, unknown>, place: string): void {
  const { at, ...operators } = members;
  if (typeof at !== 'string' || !isJsonPointer(at)) {
    throw invalidAt(
      `${place}/at`,
      'is a JSON pointer into the payload, as /customer/country; or the filter is `and`, `or` or `not` alone',
    );
  }
  const names = Object.keys(operators);
  if (names.length === 0) throw invalidAt(place, `needs one of ${Object.keys(OPERATORS).join(', ')}`);
  for (const name of names) {
    const operator = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
    if (!operator) throw invalidAt(pointerTo(place, name), `is none of ${Object.keys(OPERATORS).join(', ')}`);
    if (!operator.isRight(operators[name])) throw invalidAt(`${place}/${name}`, operator.wants);
  }
}

/** Done once for an endpoint in memory: what remains is a walk to each place. */
export function compileFilter(filter: Filter): Test {
  if ('and' in filter) {
    const tests = filter.and.map(compileFilter);
    return (payload) => tests.every((test) => test(payload));
  }
  if ('or' in filter) {
    const tests = filter.or.map(compileFilter);
    return (payload) => tests.some((test) => test(payload));
  }
  if ('not' in filter) {
    const test = compileFilter(filter.not);
    return (payload) => !test(payload);
  }
  const { at, ...operators } = filter;
  const valueAt = compilePointer(at);
  const tests = Object.entries(operators).flatMap(([name, value]) => {
    const operator = OPERATORS[name];
    return operator ? [(found: unknown) => operator.test(found, value as never)] : [];
  });
  return (payload) => {
    const found = valueAt(payload);
    return tests.every((test) => test(found));
  };
}
