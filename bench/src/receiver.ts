/**
 * The receiver of the benchmark, a process of its own. `/ok` answers 200 at once, `/hang` never answers. Each body
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

let received = 0;
let latencies: number[] = [];
let keepLatencies = false;

function now(): number {
  return performance.timeOrigin + performance.now();
}

function take(request: Buffer, socket: Socket): void {
  if (request.includes('/hang', 0, 'latin1') && request.indexOf('/hang') < 12) return;
  received++;
  if (keepLatencies) {
    const at = request.indexOf(TIME_MARK);
    if (at > 0) latencies.push(now() - Number.parseFloat(request.toString('latin1', at + 4, at + 24)));
  }
  socket.write(OK);
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
