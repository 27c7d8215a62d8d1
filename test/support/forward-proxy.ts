/** Forward proxies for tests: CONNECT and SOCKS 5, as small as they can be. */
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface TestProxy {
  port: number;
  /** Where ways were asked for, as `host:port`. */
  asked: string[];
  stop(): Promise<void>;
}

/** @param credentials as `name:password`, where it asks for some */
export async function startConnectProxy(credentials?: string): Promise<TestProxy> {
  const asked: string[] = [];
  const server = createHttpServer((_, response) => void response.writeHead(400).end());
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    const { url = '', headers } = request;
    asked.push(url);
    socket.on('error', () => {});
    const wanted = credentials && `Basic ${btoa(credentials)}`;
    if (wanted !== undefined && headers['proxy-authorization'] !== wanted)
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n');
    bridge(socket, url.slice(url.lastIndexOf(':') + 1), {
      open: () => socket.write('HTTP/1.1 200 Connection established\r\n\r\n'),
      fail: () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'),
    });
  });
  return await started(server, asked);
}

/** SOCKS 5 with a name and a password. */
export async function startSocksProxy(credentials: string): Promise<TestProxy> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    let step = 0;
    socket.on('data', function take(chunk: Buffer) {
      if (step === 0) socket.write(Buffer.from([5, 2]));
      if (step === 1) {
        const name = chunk.subarray(2, 2 + (chunk[1] ?? 0)).toString();
        const password = chunk.subarray(3 + name.length).toString();
        if (`${name}:${password}` !== credentials) return void socket.end(Buffer.from([1, 1]));
        socket.write(Buffer.from([1, 0]));
      }
      if (step === 2) {
        socket.off('data', take);
        const host =
          chunk[3] === 1 ? [...chunk.subarray(4, 8)].join('.') : chunk.subarray(5, 5 + (chunk[4] ?? 0)).toString();
        const port = chunk.readUInt16BE(chunk.length - 2);
        asked.push(`${host}:${port}`);
        const answer = (code: number) => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
        bridge(socket, String(port), { open: () => socket.write(answer(0)), fail: () => socket.end(answer(5)) });
      }
      step++;
    });
  });
  return await started(server, asked);
}

/** Whatever host is asked for: it is on this machine. */
function bridge(socket: Socket, port: string, tell: { open: () => void; fail: () => void }): void {
  const target = connect(Number(port), '127.0.0.1');
  target.once('connect', () => {
    tell.open();
    socket.pipe(target).pipe(socket);
  });
  target.on('error', tell.fail);
  socket.on('close', () => target.destroy());
}

async function started(server: Server, asked: string[]): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
