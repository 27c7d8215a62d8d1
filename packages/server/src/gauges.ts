import type { Config } from './config.ts';
import type { Clock } from './domain/clock.ts';
import type { Metrics } from './metrics.ts';
import type { Services } from './services.ts';
import type { Database } from './storage/database.ts';
import type { Store } from './storage/store.ts';

/** How long an answer of the database is shown again. */
const ASKED_EVERY_MS = 10_000;

/** What `/metrics` shows of a node besides what it counts. */
export function showGauges(
  metrics: Metrics,
  services: () => readonly Services[],
  database: Database,
  config: Config,
): void {
  const show = (name: string, help: string, read: () => number) => metrics.gauge(`posthorn_${name}`, help, read);
  const sum = (of: (one: Services) => number) => () => services().reduce((total, one) => total + of(one), 0);
  show(
    'in_flight',
    'Requests in flight on this node',
    sum(({ dispatcher }) => dispatcher.counts.inFlight),
  );
  show(
    'in_flight_max',
    'Requests that may be in flight on this node',
    sum(() => config.requestsMax),
  );
  show(
    'in_flight_unproven',
    'Requests in flight to endpoints that did not answer well when they began',
    sum(({ dispatcher }) => dispatcher.counts.inFlightUnproven),
  );
  show(
    'in_flight_unproven_max',
    'Requests that may be in flight to such endpoints',
    sum(() => config.unprovenRequestsMax),
  );
  show(
    'held',
    'Deliveries in memory',
    sum(({ dispatcher }) => dispatcher.counts.inMemory),
  );
  show(
    'held_bytes',
    'Bytes of their payloads',
    sum(({ dispatcher }) => dispatcher.counts.bytesInMemory),
  );
  show(
    'held_bytes_unproven',
    'Bytes of payloads for endpoints that do not answer well',
    sum(({ dispatcher }) => dispatcher.counts.bytesInMemoryUnproven),
  );
  show(
    'endpoints_behind',
    'Endpoints with due deliveries in the database',
    sum(({ dispatcher }) => dispatcher.counts.backlogged),
  );
  show(
    'accounts_in_memory',
    'Accounts whose endpoints are in memory',
    sum(({ directory }) => directory.counts.accounts),
  );
  show(
    'accounts_in_memory_bytes',
    'What they take up, as estimated',
    sum(({ directory }) => directory.counts.bytes),
  );
  metrics.gauge('posthorn_database_up', '1 while the database can be used', () => Number(database.up), 'min');
}

/** What waits in the database: asked when somebody looks, and not more often than every ten seconds. */
export function showQueue(
  metrics: Metrics,
  { overview }: Pick<Store, 'overview'>,
  clock: Clock,
  isUp: () => boolean,
): void {
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let answer: ReturnType<Store['overview']['queue']> | undefined;
  const ask = async () => {
    if (!answer || clock.monotonicMs() - askedAtMs > ASKED_EVERY_MS) {
      askedAtMs = clock.monotonicMs();
      answer = isUp() ? overview.queue(clock.now()) : undefined;
    }
    // Where it cannot be asked, nothing is shown.
    return await answer?.catch(() => undefined);
  };
  metrics.asked(
    'posthorn_queue',
    'Deliveries that wait, by state: due, retry (for their next try), held (until their endpoint is activated), in_line (behind another of their ordering key); at most 100,000 are counted',
    async () => {
      const { due, retry, held, inLine } = (await ask()) ?? {};
      const counts = Object.entries({ due, retry, held, in_line: inLine });
      return new Map(counts.flatMap(([state, count]) => (count === undefined ? [] : [[state, count] as const])));
    },
    'state',
  );
  metrics.asked(
    'posthorn_oldest_undelivered_seconds',
    'Age of the oldest delivery that waits for an active endpoint',
    async () => {
      const found = await ask();
      if (!found) return new Map();
      return new Map([['', found.oldestMs === undefined ? 0 : Math.max(0, clock.now() - found.oldestMs) / 1000]]);
    },
  );
}
