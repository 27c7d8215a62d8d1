import { isReservedHeader } from './header-names.ts';

/** Of the code, in characters. */
export const CODE_MAX = 32_768;
export const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

/** The request as a transformation leaves it, before it is signed. */
export interface Transformed {
  method: Method;
  /** Where the function has changed it. */
  contentType?: string;
  /** Names in lower case; besides those of the contract, and instead of the endpoint's own of the same name. */
  headers: [name: string, value: string][];
  body: Buffer;
}

/** Why there is no transformed request, for whoever wrote the function. */
export class TransformFailed extends Error {
  /** @param isOurs the function is not to blame: it was not run */
  constructor(
    message: string,
    readonly isOurs = false,
  ) {
    super(message);
  }
}

const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const VALUE = /^[\t\x20-\x7e]{0,4096}$/;
const HEADERS_MAX = 20;

/** Where the function says nothing else. */
export interface Original {
  contentType: string | undefined;
  /** What the contract writes, and what proves who sends: names in lower case that the function may not set. */
  reserved: (name: string) => boolean;
  /** Of the body, in bytes. */
  bodyMax: number;
}

/**
 * Checks what a function returned.
 * @param result `{method, headers, body}`, the body as text
 * @throws TransformFailed
 */
export function toTransformed(
  result: Record<string, unknown>,
  { contentType, reserved, bodyMax }: Original,
): Transformed {
  const { method = 'POST', headers = {}, body } = result;
  if (typeof body !== 'string') throw new TransformFailed('request.body cannot be written as JSON');
  const known = METHODS.find((one) => one === method);
  if (!known) throw new TransformFailed(`request.method is ${show(method)}: it may be ${METHODS.join(', ')}`);
  const transformed: Transformed = { method: known, headers: [], body: Buffer.from(body) };
  if (transformed.body.length > bodyMax) {
    throw new TransformFailed(`request.body has ${transformed.body.length} bytes: at most ${bodyMax} may be sent`);
  }
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw new TransformFailed('request.headers is no object of names and values');
  }
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    checkHeader(lower, value, reserved);
    if (lower === 'content-type') {
      if (value !== contentType) transformed.contentType = value;
      continue;
    }
    transformed.headers.push([lower, value]);
  }
  const names = transformed.headers.map(([name]) => name);
  if (names.length > HEADERS_MAX) throw new TransformFailed(`request.headers has more than ${HEADERS_MAX} names`);
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined) throw new TransformFailed(`request.headers has ${repeated} twice`);
  return transformed;
}

function checkHeader(name: string, value: unknown, reserved: Original['reserved']): asserts value is string {
  if (!NAME.test(name)) throw new TransformFailed(`request.headers has ${show(name)}, which is no name of a header`);
  if (name !== 'content-type' && (isReservedHeader(name) || reserved(name))) {
    throw new TransformFailed(`request.headers has ${name}, which the contract or the endpoint sets already`);
  }
  if (typeof value !== 'string' || !VALUE.test(value)) {
    throw new TransformFailed(`request.headers.${name} is no text that a header may have`);
  }
}

const SHOWN_MAX = 60;

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, SHOWN_MAX)) : typeof value;
}
