import type { components } from './openapi.ts';

type Described = components['schemas']['Problem'];

/** Problem details (RFC 9457). The codes are those of the error catalogue, and those of a newer server. */
export type Problem = Omit<Described, 'code' | 'request_id'> &
  Partial<Pick<Described, 'request_id'>> & { code: string };

/** The server said no, in problem details (RFC 9457). */
export class PosthornError extends Error {
  override readonly name = 'PosthornError';
  /** One of the codes of the error catalogue, as `account_not_found`. */
  readonly code: string;
  readonly status: number;
  /** What is wrong where in the body, by JSON pointer. */
  readonly errors: readonly { pointer: string; detail: string }[];

  constructor(readonly problem: Problem) {
    super(`${problem.title}: ${problem.detail}`);
    this.code = problem.code;
    this.status = problem.status;
    this.errors = problem.errors ?? [];
  }
}

/** No answer came: the server cannot be reached, or took too long. Whether it did what it was asked is not known. */
export class PosthornUnreachable extends Error {
  override readonly name = 'PosthornUnreachable';
}
