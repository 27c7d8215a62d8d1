import type { Socket } from 'node:net';
import type { AttemptOutcome } from '../domain/outcome.ts';
import { type Connected, type ConnectOptions, openConnection } from './connect.ts';
import { EgressError } from './egress-error.ts';
import { Exchange } from './exchange.ts';
import { type OutgoingRequest, requestHead } from './request.ts';

/** Up to here, copying a body behind its head is cheaper than writing two pieces. */
const ONE_PIECE_BYTES_MAX = 64 * 1024;
/** A connection that was closed while idle fails this soon; later, the receiver may have read the request. */
const CLOSED_WHILE_IDLE_MS = 100;

/**
 * One keep-alive connection: at most one request at a time, opened by the guard, used again while it lasts.
 *
 * closed -> opening (exchange, no socket) -> busy (exchange and socket) -> idle (socket) -> busy | closed
 */
export class Connection {
  private socket: Socket | undefined;
  private exchange: Exchange | undefined;
  private idle: NodeJS.Timeout | undefined;
  /** What came right behind the answer has been seen; nobody waits for that where there was time for it anyway. */
  private hasLooked = Promise.resolve();
  private isClosed = false;

  constructor(
    private readonly origin: URL,
    private readonly options: ConnectOptions,
  ) {}

  /** It is open, and nothing is under way on it. */
  get usable(): boolean {
    return this.socket !== undefined && this.exchange === undefined;
  }

  /**
   * Sends one request and reads the answer. A failure is an outcome, never an exception.
   * @throws Error when a header of the request cannot be written
   */
  async send(request: OutgoingRequest): Promise<AttemptOutcome> {
    const head = requestHead(request);
    const wasOpen = await this.isStillOpen();
    const { outcome, hasHeard } = await this.run(request, head);
    // A receiver may close an idle connection at the moment we use it: that says nothing about the request.
    const closedWhileIdle =
      wasOpen && !hasHeard && outcome.error === 'reset' && outcome.timings.total < CLOSED_WHILE_IDLE_MS;
    return closedWhileIdle && !this.isClosed ? (await this.run(request, head)).outcome : outcome;
  }

  /** Ends it; a request that is under way ends as `reset`. */
  close(): void {
    this.isClosed = true;
    this.exchange?.fail(new EgressError('reset', 'The connection was closed on this side'));
    this.drop();
  }

  /**
   * Whether there is a connection to use again, and nothing has come on it since the answer: bytes that follow an answer
   * would be taken as the answer to this request, and a connection that the receiver has closed is not written to.
   */
  private async isStillOpen(): Promise<boolean> {
    if (!this.socket) return false;
    clearTimeout(this.idle);
    await this.hasLooked;
    return this.socket !== undefined;
  }

  private run(request: OutgoingRequest, head: string): Promise<{ outcome: AttemptOutcome; hasHeard: boolean }> {
    return new Promise((resolve) => {
      let opened: Connected['timings'] = {};
      const exchange = new Exchange(request.timeouts, (outcome) => {
        this.exchange = undefined;
        this.rest(exchange.keepAliveMs);
        Object.assign(outcome.timings, opened);
        resolve({ outcome, hasHeard: exchange.hasHeard });
      });
      this.exchange = exchange;
      if (this.isClosed) return this.close();
      if (this.socket) return write(this.socket, head, request.body, exchange);
      openConnection(this.origin, this.options).then(
        ({ socket, timings }) => {
          opened = timings;
          // It ran out of time, or was closed, while the connection was being opened.
          if (this.exchange !== exchange) return void socket.destroy();
          this.adopt(socket);
          if (socket.destroyed) return this.drop();
          write(socket, head, request.body, exchange);
        },
        (error: unknown) => exchange.fail(error),
      );
    });
  }

  private adopt(socket: Socket): void {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      // What comes while idle is the answer to nothing, and must not become the answer to the next request.
      if (this.exchange) this.exchange.push(chunk);
      else this.drop();
    });
    const ended = () => {
      if (this.socket === socket) this.drop();
    };
    socket.on('end', ended);
    socket.on('close', ended);
    socket.on('error', (error) => {
      if (this.socket === socket) this.exchange?.fail(error);
    });
  }

  /** Keeps the connection for the next request, or closes it. */
  private rest(keepAliveMs: number): void {
    const { socket } = this;
    // An answer that came before the whole request was written leaves a request that nobody will read.
    if (keepAliveMs === 0 || !socket || socket.writableLength > 0) this.drop();
    else {
      this.idle = setTimeout(() => this.drop(), keepAliveMs);
      this.hasLooked = nextPoll();
    }
  }

  private drop(): void {
    const { socket } = this;
    this.socket = undefined;
    clearTimeout(this.idle);
    this.exchange?.end();
    socket?.destroy();
  }
}

/** Resolves when the event loop has asked the operating system for news of all sockets, from now on. */
function nextPoll(): Promise<void> {
  // The first one runs at the end of the poll that is under way, the second one after the next.
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function write(socket: Socket, head: string, body: Buffer, exchange: Exchange): void {
  if (body.length > ONE_PIECE_BYTES_MAX) {
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body, () => exchange.sent());
    socket.uncork();
    return;
  }
  const bytes = Buffer.allocUnsafe(head.length + body.length);
  bytes.write(head, 'latin1');
  body.copy(bytes, head.length);
  socket.write(bytes);
  exchange.sent();
}
