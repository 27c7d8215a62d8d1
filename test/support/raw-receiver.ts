import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Answers one request; `index` counts the requests of all connections. */
export type RawResponder = (socket: Socket, index: number) => void;

/** A receiver without an HTTP library: it finds the end of each request and writes whatever bytes it is told to. */
export class RawReceiver {
  /** Each request as it came, head and body. */
  readonly requests: Buffer[] = [];
  readonly sockets: Socket[] = [];
  onConnection: (socket: Socket) => void = () => {};
  private readonly server: Server;

  private constructor(respond: RawResponder) {
    this.server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on('error', () => {});
      let bytes = Buffer.alloc(0);
      socket.on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        for (let end = endOfRequest(bytes); end > 0 && end <= bytes.length; end = endOfRequest(bytes)) {
          this.requests.push(bytes.subarray(0, end));
          bytes = bytes.subarray(end);
          respond(socket, this.requests.length - 1);
        }
      });
      this.onConnection(socket);
    });
  }

  /** @param respond what to answer, or the bytes of every answer */
  static async start(respond: RawResponder | string): Promise<RawReceiver> {
    const receiver = new RawReceiver(
      typeof respond === 'string' ? (socket) => void socket.write(respond, 'latin1') : respond,
    );
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Resolves when the other side has closed the connection with this number. */
  async closed(connection: number): Promise<void> {
    const socket = this.sockets[connection];
    if (socket && !socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function endOfRequest(bytes: Buffer): number {
  const head = bytes.indexOf('\r\n\r\n');
  if (head < 0) return -1;
  const length = /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, head))?.[1] ?? '0';
  return head + 4 + Number(length);
}
