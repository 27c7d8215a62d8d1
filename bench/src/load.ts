import { postBytes, RawConnection } from './http-client.js';
import { OPERATOR_KEY } from './processes.js';

const PAYLOAD_BYTES = 1024;
/** Publishers keep connections; opening them is not what is measured. */
const KEPT_CONNECTIONS = 64;
const OPENED_MS = 200;
const FILLER = 'x'.repeat(PAYLOAD_BYTES - '{"t":1234567890123.456,"data":""}'.length);

export interface LoadOptions {
  port: number;
  /** Published to in turn. */
  accounts: readonly string[];
  /** Events per request; 1 uses the single route. */
  batch: number;
  connections: number;
  /** What is sent instead of an event, and the status that is right for it. */
  other?: { request: () => Buffer; status: number };
}

export function payloadJson(): string {
  // A fixed width, so that every payload has exactly 1 KiB.
  const t = (performance.timeOrigin + performance.now()).toFixed(3).padStart(17, '0');
  return `{"t":${t},"data":"${FILLER}"}`;
}

const eventJson = () => `{"trigger":"bench.event","payload":${payloadJson()}}`;

let turn = 0;

function request({ accounts, batch, other }: LoadOptions): Buffer {
  if (other) return other.request();
  const account = accounts[turn++ % accounts.length];
  if (batch === 1) return postBytes(`/v1/accounts/${account}/events`, OPERATOR_KEY, eventJson());
  const events = Array.from({ length: batch }, eventJson).join(',');
  return postBytes(`/v1/accounts/${account}/events/batch`, OPERATOR_KEY, `{"events":[${events}]}`);
}

/** As many requests as the connections carry, until the time is over. Answers the number of acknowledged events. */
export async function closedLoop(options: LoadOptions, until: { ms: number } | { events: number }): Promise<number> {
  const deadline = 'ms' in until ? performance.now() + until.ms : Number.POSITIVE_INFINITY;
  const eventsMax = 'events' in until ? until.events : Number.POSITIVE_INFINITY;
  let started = 0;
  let acknowledged = 0;
  const worker = async () => {
    const connection = new RawConnection('127.0.0.1', options.port);
    while (performance.now() < deadline && started < eventsMax) {
      started += options.batch;
      const status = await connection.send(request(options));
      if (status !== 202) throw new Error(`the server answered ${status}: ${connection.body}`);
      acknowledged += options.batch;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: options.connections }, worker));
  return acknowledged;
}

/** Requests at a fixed rate, each sent when its time has come whether earlier ones are answered or not. `answeredMs` collects how long each took. */
export async function openLoop(
  options: LoadOptions,
  ratePerS: number,
  ms: number,
  answeredMs?: number[],
): Promise<number> {
  const open = Array.from({ length: KEPT_CONNECTIONS }, () => new RawConnection('127.0.0.1', options.port));
  const idle = [...open];
  await new Promise((resolve) => setTimeout(resolve, OPENED_MS));
  const pending = new Set<Promise<void>>();
  let sent = 0;
  let acknowledged = 0;
  const startedAt = performance.now();
  const connectOneMore = () => {
    const connection = new RawConnection('127.0.0.1', options.port);
    open.push(connection);
    return connection;
  };
  const sendOne = () => {
    const connection = idle.pop() ?? connectOneMore();
    const startedMs = performance.now();
    const done = connection.send(request(options)).then((status) => {
      answeredMs?.push(performance.now() - startedMs);
      if (status !== (options.other?.status ?? 202))
        throw new Error(`the server answered ${status}: ${connection.body}`);
      acknowledged++;
      idle.push(connection);
      pending.delete(done);
    });
    pending.add(done);
  };
  while (performance.now() - startedAt < ms) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * ratePerS);
    for (; sent < due; sent++) sendOne();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
  for (const connection of open) connection.close();
  return acknowledged;
}
