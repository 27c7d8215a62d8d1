import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** A number per connection, in the order in which they were opened. */
  connection: number;
  atMs: number;
}

export type Responder = (request: Received, response: ServerResponse, index: number) => void;

/** A real HTTP receiver that remembers everything, and answers as it is told. */
export class Receiver {
  readonly requests: Received[] = [];
  connections = 0;
  respond: Responder = (_, response) => void response.writeHead(200).end('ok');
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly waiting: { count: number; resolve: () => void }[] = [];

  private constructor(server?: Server) {
    this.server = server ?? createServer();
    this.server.on('request', (request, response) => void this.take(request, response));
    const numbers = new WeakMap<Socket, number>();
    this.server.on('connection', (socket: Socket) => {
      numbers.set(socket, ++this.connections);
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.numberOf = (socket) => numbers.get(socket) ?? this.connections;
  }

  private readonly numberOf: (socket: Socket) => number;

  static async start(server?: Server): Promise<Receiver> {
    const receiver = new Receiver(server);
    await new Promise<void>((resolve) => receiver.server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** Resolves when so many requests have come. */
  async received(count: number): Promise<Received[]> {
    if (this.requests.length < count) await new Promise<void>((resolve) => this.waiting.push({ count, resolve }));
    return this.requests;
  }

  /** Breaks every open connection. */
  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.dropConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const { method = '', url = '', headers, socket } = request;
    const received = {
      method,
      path: url,
      headers,
      body: Buffer.concat(chunks),
      connection: this.numberOf(socket),
      atMs: Date.now(),
    };
    this.requests.push(received);
    this.respond(received, response, this.requests.length - 1);
    for (const waiter of this.waiting.filter((w) => this.requests.length >= w.count)) {
      this.waiting.splice(this.waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}
