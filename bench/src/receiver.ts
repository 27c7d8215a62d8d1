/**
 * The receiver of the benchmark, a process of its own. `/ok` answers 200 at once, `/hang` never answers, `/later` asks to come
 * again after an hour, `/noise` answers 200 and does not count. `/again` asks to come again after six seconds, and counts by how much later that was. Each body
 * carries the time of its publication as `"t":<milliseconds>`, from which the latency is taken.
 */
import { createServer, type Socket } from 'node:net';

const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const TIME_MARK = Buffer.from('"t":');

export interface ReceiverReport {
  received: number;
  /** Sorted, in milliseconds. */
  latencies: number[];
}

const AGAIN_S = 6;
const refused = new Map<string, number>();
let received = 0;
let latencies: number[] = [];
let keepLatencies = false;

function now(): number {
  return performance.timeOrigin + performance.now();
}

function take(request: Buffer, socket: Socket): void {
  const path = request.toString('latin1', 6, 11);
  if (path === 'hang ') return;
  if (path === 'later') socket.write(comeAgain(3_600));
  else if (path === 'noise') socket.write(OK);
  else if (path === 'again') takeAgain(request, socket);
  else takeOk(request, socket);
}

function takeOk(request: Buffer, socket: Socket): void {
  received++;
  if (keepLatencies) {
    const at = request.indexOf(TIME_MARK);
    if (at > 0) latencies.push(now() - Number.parseFloat(request.toString('latin1', at + 4, at + 24)));
  }
  socket.write(OK);
}

function takeAgain(request: Buffer, socket: Socket): void {
  const id = /webhook-id: (\S+)/i.exec(request.toString('latin1', 0, 1_024))?.[1] ?? '';
  const firstMs = refused.get(id);
  if (firstMs === undefined) {
    refused.set(id, now());
    socket.write(comeAgain(AGAIN_S));
    return;
  }
  received++;
  latencies.push(now() - firstMs - AGAIN_S * 1_000);
  socket.write(OK);
}

function comeAgain(seconds: number): string {
  return `HTTP/1.1 503 Later\r\nRetry-After: ${seconds}\r\nContent-Length: 0\r\n\r\n`;
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const headEnd = data.indexOf(HEAD_END);
      if (headEnd < 0) break;
      const length = Number(/content-length: (\d+)/i.exec(data.toString('latin1', 0, headEnd))?.[1] ?? 0);
      const end = headEnd + 4 + length;
      if (data.length < end) break;
      take(data.subarray(0, end), socket);
      data = data.subarray(end);
    }
    rest = data;
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 });
});

process.on('message', (message: { command: 'reset' | 'report' | 'count'; keepLatencies?: boolean }) => {
  switch (message.command) {
    case 'reset':
      received = 0;
      latencies = [];
      keepLatencies = message.keepLatencies ?? false;
      process.send?.({ received });
      break;
    case 'count':
      process.send?.({ received });
      break;
    case 'report':
      process.send?.({ received, latencies: latencies.sort((a, b) => a - b) } satisfies ReceiverReport);
      break;
  }
});
process.on('disconnect', () => process.exit(0));
