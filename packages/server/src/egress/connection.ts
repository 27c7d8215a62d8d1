import { performance } from 'node:perf_hooks';
import { Client, type Dispatcher } from 'undici';
import type { AttemptOutcome, AttemptResponse, Timings } from '../domain/outcome.ts';
import type { DeliveryPolicy } from '../domain/policy.ts';
import { type ConnectOptions, openConnection } from './connect.ts';
import { EgressError, toEgressError } from './egress-error.ts';

export interface OutgoingRequest {
  url: URL;
  headers: [name: string, value: string][];
  body: Buffer;
  timeouts: DeliveryPolicy['timeouts'];
  /** It leads to one of this server's own request bins: the one way to itself. */
  isOwnBin?: boolean;
}

/** What is kept of a response's body. */
export const RESPONSE_BODY_KEPT_BYTES = 64 * 1024;
/** What is read of it before the connection is cut. */
const RESPONSE_BODY_READ_BYTES = 1024 * 1024;
const RESPONSE_HEAD_BYTES = 16 * 1024;
/** How long an idle connection is kept, unless the receiver names a shorter time. */
const KEEP_ALIVE_MS = 30_000;
/** A connection that was closed while idle fails this soon; later, the receiver may have read the request. */
const CLOSED_WHILE_IDLE_MS = 100;

/** One keep-alive connection: at most one request at a time, opened by the guard, used again while it lasts. */
export class Connection {
  private readonly client: Client;
  private opened: Pick<Timings, 'dns' | 'connect' | 'tls'> | undefined;
  /** How many have been opened, one after the other. */
  private sockets = 0;

  constructor(origin: URL, options: ConnectOptions) {
    this.client = new Client(origin.origin, {
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: RESPONSE_HEAD_BYTES,
      connect: (_, callback) => {
        openConnection(origin, options).then(
          ({ socket, timings }) => {
            this.opened = timings;
            this.sockets++;
            callback(null, socket);
          },
          (error: Error) => callback(error, null),
        );
      },
    });
  }

  get usable(): boolean {
    return !this.client.destroyed && !this.client.closed;
  }

  /** Sends one request and reads the answer. A failure is an outcome, never an exception. */
  async send(request: OutgoingRequest): Promise<AttemptOutcome> {
    const socketsBefore = this.sockets;
    const outcome = await this.exchange(request);
    // A receiver may close an idle connection at the moment we use it: that says nothing about the request.
    const closedWhileIdle =
      socketsBefore > 0 &&
      socketsBefore === this.sockets &&
      outcome.error === 'reset' &&
      outcome.response === undefined &&
      outcome.timings.total < CLOSED_WHILE_IDLE_MS;
    return closedWhileIdle && this.usable ? this.exchange(request) : outcome;
  }

  close(): void {
    this.client.destroy().catch(() => {});
  }

  private exchange({ url, headers, body, timeouts }: OutgoingRequest): Promise<AttemptOutcome> {
    return new Promise((resolve) => {
      const exchange = new Exchange(timeouts, (outcome) => {
        Object.assign(outcome.timings, this.opened);
        this.opened = undefined;
        resolve(outcome);
      });
      const flat: string[] = [];
      for (const [name, value] of headers) flat.push(name, value);
      try {
        this.client.dispatch(
          {
            path: url.pathname + url.search,
            method: 'POST',
            headers: flat,
            body,
            headersTimeout: timeouts.headersMs,
            bodyTimeout: timeouts.bodyMs,
          },
          exchange,
        );
      } catch (error) {
        exchange.onError(error as Error);
      }
    });
  }
}

/** Follows one request through undici's callbacks to its outcome. */
class Exchange implements Dispatcher.DispatchHandler {
  private readonly startedAt = performance.now();
  private readonly total: NodeJS.Timeout;
  private abort: (error: Error) => void = () => {};
  private response: AttemptResponse | undefined;
  private readonly chunks: Buffer[] = [];
  private keptBytes = 0;
  private readBytes = 0;
  private firstByteMs: number | undefined;
  private done = false;

  constructor(
    timeouts: DeliveryPolicy['timeouts'],
    private readonly finish: (outcome: AttemptOutcome) => void,
  ) {
    this.total = setTimeout(() => {
      const error = new EgressError('timeout', `no complete answer within ${timeouts.totalMs} ms`);
      this.abort(error);
      this.onError(error);
    }, timeouts.totalMs);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.abort = abort;
    if (this.done) abort();
  }

  onHeaders(status: number, rawHeaders: Buffer[]): boolean {
    if (status < 200) return true;
    this.firstByteMs = performance.now() - this.startedAt;
    const headers: [string, string][] = [];
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      headers.push([
        rawHeaders[i]?.toString('latin1').toLowerCase() ?? '',
        rawHeaders[i + 1]?.toString('latin1') ?? '',
      ]);
    }
    this.response = { status, headers, body: Buffer.alloc(0), truncated: false };
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.readBytes += chunk.length;
    const room = RESPONSE_BODY_KEPT_BYTES - this.keptBytes;
    if (room > 0) {
      const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
      // A copy, so that history does not hold on to the socket's buffer.
      this.chunks.push(Buffer.from(kept));
      this.keptBytes += kept.length;
    }
    if (this.response && this.readBytes > this.keptBytes) this.response.truncated = true;
    if (this.readBytes > RESPONSE_BODY_READ_BYTES) {
      this.complete();
      this.abort(new EgressError('invalid_response', 'the body is too long'));
    }
    return true;
  }

  onComplete(): void {
    this.complete();
  }

  onError(error: Error): void {
    if (this.done) return;
    const { code, message } = toEgressError(error);
    this.end({ error: code, errorDetail: message, timings: this.timings() });
  }

  private complete(): void {
    if (this.done) return;
    const status = this.response?.status ?? 0;
    const ok = status >= 200 && status < 300;
    this.end({ ...(ok ? {} : { error: 'http_status' as const }), timings: this.timings() });
  }

  private end(outcome: AttemptOutcome): void {
    this.done = true;
    clearTimeout(this.total);
    if (this.response) {
      const only = this.chunks.length === 1 ? this.chunks[0] : undefined;
      this.response.body = only ?? Buffer.concat(this.chunks);
      outcome.response = this.response;
    }
    this.finish(outcome);
  }

  private timings(): Timings {
    const total = performance.now() - this.startedAt;
    return this.firstByteMs === undefined ? { total } : { total, firstByte: this.firstByteMs };
  }
}
