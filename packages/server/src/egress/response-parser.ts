import type { AttemptResponse } from '../domain/outcome.ts';
import { KeptBody } from './kept-body.ts';
import { framingOf, isSpace, readHeader, readStatusLine, type StatusLine, trimmed } from './response-head.ts';

/** A head, the line of one chunk's length, all trailers. */
const LINES_BYTES_MAX = 16 * 1024;
const LINE_FEED = 0x0a;
/** Enough for any chunk that is read, and a number without rounding. */
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,13})[ \t]*(?:;|$)/;
const PROTOCOL = 'HTTP/1.';
/** The first byte of a TLS alert, which is how a TLS server answers a request without TLS. */
const TLS_ALERT = '\x15';

/**
 * - `status-line`, `headers` the head, also of an answer that precedes the final one (1xx)
 * - `length`, `until-close` a body as it is; `chunk-size`, `chunk-data`, `chunk-end`, `trailers` one in chunks
 * - `complete` the whole answer, or as much of it as is read; `failed` it is no HTTP response
 */
type State =
  | 'status-line'
  | 'headers'
  | 'length'
  | 'until-close'
  | 'chunk-size'
  | 'chunk-data'
  | 'chunk-end'
  | 'trailers'
  | 'complete'
  | 'failed';

/** Why the bytes are no response: a sentence for people. */
type Failure = string | undefined;

/**
 * Reads the bytes of one connection as the answer to one request (RFC 9112). Tolerates what leaves no doubt about the
 * status and where the answer ends. Does no I/O; any split of the bytes gives the same result; memory is bounded by the
 * limits, time by the number of bytes.
 */
export class ResponseParser {
  state: State = 'status-line';
  /** Set in the state `failed`. */
  failure = '';
  /** For how long the connection may be used again after `complete`; 0: not at all. */
  keepAliveMs = 0;
  private head: StatusLine | undefined;
  private headers: [string, string][] = [];
  private hasHead = false;
  private readonly body = new KeptBody();
  /** What is still to come of a body with a length, or of one chunk. */
  private remaining = 0;
  /** The beginning of a line whose end has not come, and the bytes of all lines of this part. */
  private partial = '';
  private lineBytes = 0;
  private at = 0;

  /** The final answer's head has been read. */
  get hasResponse(): boolean {
    return this.hasHead;
  }

  /** 0 before the first status line. */
  get status(): number {
    return this.head?.status ?? 0;
  }

  /** The answer as far as it has come, once its head has. */
  response(): AttemptResponse | undefined {
    if (!this.hasHead) return undefined;
    const { status, headers, body } = this;
    return { status, headers, body: body.bytes(), truncated: body.truncated };
  }

  push(chunk: Buffer): void {
    this.at = 0;
    while (this.at < chunk.length && this.state !== 'failed') {
      if (this.state === 'complete') {
        // Whatever follows the answer belongs to no request.
        this.keepAliveMs = 0;
        return;
      }
      this.step(chunk);
    }
  }

  /** The other side will send nothing more. */
  end(): void {
    this.keepAliveMs = 0;
    // With the last chunk the body is whole (RFC 9112 §8): only the trailers are cut off.
    if (this.state === 'until-close' || this.state === 'trailers') this.state = 'complete';
    else if (this.state === 'status-line' && this.partial !== '') this.settle(notHttp(this.partial));
  }

  private step(chunk: Buffer): void {
    switch (this.state) {
      case 'length':
      case 'chunk-data':
        this.takeData(chunk, Math.min(this.remaining, chunk.length - this.at));
        return;
      case 'until-close':
        this.takeData(chunk, chunk.length - this.at);
        return;
      default:
        this.settle(this.takeLine(chunk));
    }
  }

  private settle(failure: Failure): void {
    if (failure === undefined) return;
    this.state = 'failed';
    this.failure = failure;
    this.keepAliveMs = 0;
  }

  /** Takes one line, or the part of it that has come. It ends with LF or CRLF. */
  private takeLine(chunk: Buffer): Failure {
    const found = chunk.indexOf(LINE_FEED, this.at);
    const end = found < 0 ? chunk.length : found;
    this.lineBytes += end - this.at + (found < 0 ? 0 : 1);
    if (this.lineBytes > LINES_BYTES_MAX || (found < 0 && this.lineBytes === LINES_BYTES_MAX)) {
      return `The answer has more than 16 KiB of ${this.hasHead ? 'trailers, or for the length of one chunk' : 'headers'}`;
    }
    const text = this.partial + chunk.toString('latin1', this.at, end);
    this.at = end + 1;
    if (found >= 0) {
      this.partial = '';
      return this.read(text.endsWith('\r') ? text.slice(0, -1) : text);
    }
    const isLongEnough = this.partial.length < PROTOCOL.length && text.length >= PROTOCOL.length;
    this.partial = text;
    // A server of another protocol may wait for us without ever ending a line.
    return this.state === 'status-line' && isLongEnough && !text.startsWith(PROTOCOL) ? notHttp(text) : undefined;
  }

  private read(line: string): Failure {
    switch (this.state) {
      case 'status-line':
        return this.readStatus(line);
      case 'headers':
        return line === '' ? this.endHead() : this.readHeader(line);
      case 'chunk-size':
        return this.readChunkSize(line);
      case 'chunk-end':
        if (line !== '') return 'The answer has a chunk that is longer than it says';
        this.begin('chunk-size');
        return undefined;
      default:
        // Trailers are of no interest, only where they end.
        if (line === '') this.state = 'complete';
        return undefined;
    }
  }

  private readStatus(line: string): Failure {
    // Some servers end a body with a line end too many.
    if (line === '') return undefined;
    if (!line.startsWith(PROTOCOL)) return notHttp(line);
    this.head = readStatusLine(line);
    if (!this.head) return 'The answer has no status of three digits';
    if (this.status < 100 || this.status > 599) {
      return `The answer has the status ${line.slice(9, 12)}, which HTTP does not have`;
    }
    if (this.status === 101) return 'The answer changes the protocol (status 101), which was not asked for';
    this.state = 'headers';
    return undefined;
  }

  private readHeader(line: string): Failure {
    if (line.includes('\r') || line.includes('\0')) return 'The answer has a header with a control character';
    if (isSpace(line, 0)) {
      // RFC 9112 §5.2: a folded line continues the one before.
      const last = this.headers.at(-1);
      if (!last) return 'The answer has a header without a name';
      last[1] = trimmed(`${last[1]} ${trimmed(line)}`);
      return undefined;
    }
    const header = readHeader(line);
    if (!header) return 'The answer has a header without a valid name';
    this.headers.push(header);
    return undefined;
  }

  private endHead(): Failure {
    const { head } = this;
    if (!head || head.status < 200) {
      this.headers = [];
      this.begin('status-line');
      return undefined;
    }
    const framing = framingOf(head, this.headers);
    if (!framing) return 'The answer has a Content-Length that is not one number';
    this.hasHead = true;
    this.keepAliveMs = framing.keepAliveMs;
    this.remaining = framing.length;
    if (framing.body === 'chunked') this.begin('chunk-size');
    else this.state = framing.body === 'none' ? 'complete' : framing.body;
    return undefined;
  }

  private readChunkSize(line: string): Failure {
    const [, digits] = CHUNK_SIZE.exec(line) ?? [];
    if (digits === undefined) return 'The answer has a chunk whose length is not a number';
    this.remaining = Number.parseInt(digits, 16);
    if (this.remaining === 0) {
      this.begin('trailers');
      return undefined;
    }
    this.state = 'chunk-data';
    this.body.count(this.lineBytes);
    this.stopIfTooLong();
    return undefined;
  }

  private begin(state: 'status-line' | 'chunk-size' | 'trailers'): void {
    this.state = state;
    this.lineBytes = 0;
  }

  private takeData(chunk: Buffer, bytes: number): void {
    this.body.add(chunk, this.at, bytes);
    this.at += bytes;
    this.remaining -= bytes;
    if (this.stopIfTooLong() || this.remaining > 0) return;
    if (this.state === 'length') this.state = 'complete';
    else if (this.state === 'chunk-data') this.state = 'chunk-end';
  }

  /** The status has been read, and the rest of the body is of no use to anybody. */
  private stopIfTooLong(): boolean {
    if (!this.body.isTooLong) return false;
    this.keepAliveMs = 0;
    this.state = 'complete';
    return true;
  }
}

function notHttp(text: string): string {
  if (text.startsWith(TLS_ALERT)) return 'The server answers TLS where plain HTTP is expected';
  return `The answer is not HTTP/1.1: it begins with ${JSON.stringify(text.slice(0, PROTOCOL.length))}`;
}
