import { Problem } from './errors.ts';

/** A refusal that passes by itself. */
export class TooManyRequests extends Problem {
  readonly retryAfterS: number;

  constructor(retryAfterS: number, detail?: string) {
    super('too_many_requests', detail);
    this.retryAfterS = retryAfterS;
  }
}
