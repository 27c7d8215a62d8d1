import { performance } from 'node:perf_hooks';
import type { AttemptOutcome } from '../domain/outcome.ts';
import type { DeliveryPolicy } from '../domain/policy.ts';
import { EgressError, inWords, isBroken, toEgressError } from './egress-error.ts';
import { ResponseParser } from './response-parser.ts';

/** Follows one request to its outcome: the answer's bytes, the time limits, the ways in which a connection ends. */
export class Exchange {
  /** For how long the connection may be used again, once there is an outcome; 0: not at all. */
  keepAliveMs = 0;
  /** Something has come back: the receiver has seen the request, or a part of it. */
  hasHeard = false;
  private readonly startedAt = performance.now();
  private readonly parser = new ResponseParser();
  private readonly total: NodeJS.Timeout;
  private silence: NodeJS.Timeout | undefined;
  private firstByteMs: number | undefined;
  private isSent = false;
  private isOver = false;

  constructor(
    private readonly timeouts: DeliveryPolicy['timeouts'],
    private readonly finish: (outcome: AttemptOutcome) => void,
  ) {
    this.total = setTimeout(() => {
      const what = this.parser.hasResponse ? 'The answer was not complete' : 'The server did not answer';
      this.fail(new EgressError('timeout', `${what} within ${inWords(timeouts.totalMs)}`));
    }, timeouts.totalMs);
  }

  /** The request has been written as a whole: now the answer's head is awaited. */
  sent(): void {
    this.isSent = true;
    if (this.isOver || this.parser.hasResponse) return;
    const { headersMs } = this.timeouts;
    this.expectWithin(headersMs, `The server did not answer within ${inWords(headersMs)}`);
  }

  push(chunk: Buffer): void {
    if (this.isOver) return;
    const { parser } = this;
    const hadResponse = parser.hasResponse;
    this.hasHeard = true;
    parser.push(chunk);
    if (!hadResponse && parser.hasResponse) this.firstByteMs = this.elapsedMs();
    if (parser.state === 'complete') this.complete();
    else if (parser.state === 'failed') this.fail(new EgressError('invalid_response', parser.failure));
    else if (hadResponse) this.silence?.refresh();
    else if (parser.hasResponse) {
      const { bodyMs } = this.timeouts;
      this.expectWithin(bodyMs, `The answer was interrupted: nothing came for ${inWords(bodyMs)}`);
    }
  }

  /** The receiver has closed the connection. */
  end(): void {
    if (this.isOver) return;
    const { parser } = this;
    parser.end();
    if (parser.state === 'complete') this.complete();
    else if (parser.state === 'failed') this.fail(new EgressError('invalid_response', parser.failure));
    else this.failWith(this.broken());
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    const hasBroken = isBroken(error);
    // A receiver that answers and closes without reading the whole request breaks the connection by that (RFC 9112, 9.6).
    if (hasBroken && !this.isSent && this.parser.hasResponse) this.end();
    else this.failWith(hasBroken ? this.broken() : toEgressError(error));
  }

  private complete(): void {
    const { status } = this.parser;
    const isSuccess = status >= 200 && status < 300;
    this.over({ ...(isSuccess ? {} : { error: 'http_status' as const }), timings: this.timings() });
  }

  private failWith({ code, message }: EgressError): void {
    this.parser.keepAliveMs = 0;
    this.over({ error: code, errorDetail: message, timings: this.timings() });
  }

  private over(outcome: AttemptOutcome): void {
    this.isOver = true;
    clearTimeout(this.total);
    clearTimeout(this.silence);
    this.keepAliveMs = this.parser.keepAliveMs;
    const response = this.parser.response();
    if (response) outcome.response = response;
    this.finish(outcome);
  }

  private broken(): EgressError {
    const { hasResponse } = this.parser;
    return new EgressError(
      'reset',
      hasResponse ? 'The connection ended within the answer' : 'The server closed the connection without an answer',
    );
  }

  private expectWithin(waitMs: number, sentence: string): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.fail(new EgressError('timeout', sentence)), waitMs);
  }

  private elapsedMs(): number {
    return performance.now() - this.startedAt;
  }

  private timings(): AttemptOutcome['timings'] {
    const total = this.elapsedMs();
    return this.firstByteMs === undefined ? { total } : { total, firstByte: this.firstByteMs };
  }
}
