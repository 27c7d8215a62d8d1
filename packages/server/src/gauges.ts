import type { Config } from './config.ts';
import type { Metrics } from './metrics.ts';
import type { Services } from './services.ts';
import type { Database } from './storage/database.ts';

/** What `/metrics` shows of a node besides what it counts. */
export function showGauges(
  metrics: Metrics,
  { dispatcher, directory }: Services,
  database: Database,
  config: Config,
): void {
  const show = (name: string, help: string, read: () => number) => metrics.gauge(`posthorn_${name}`, help, read);
  show('in_flight', 'Requests in flight on this node', () => dispatcher.counts.inFlight);
  show('in_flight_max', 'Requests that may be in flight on this node', () => config.requestsMax);
  show(
    'in_flight_unproven',
    'Requests in flight to endpoints that did not answer well when they began',
    () => dispatcher.counts.inFlightUnproven,
  );
  show('in_flight_unproven_max', 'Requests that may be in flight to such endpoints', () => config.unprovenRequestsMax);
  show('held', 'Deliveries in memory', () => dispatcher.counts.inMemory);
  show('held_bytes', 'Bytes of their payloads', () => dispatcher.counts.bytesInMemory);
  show(
    'held_bytes_unproven',
    'Bytes of payloads for endpoints that do not answer well',
    () => dispatcher.counts.bytesInMemoryUnproven,
  );
  show('endpoints_behind', 'Endpoints with due deliveries in the database', () => dispatcher.counts.backlogged);
  show('accounts_in_memory', 'Accounts whose endpoints are in memory', () => directory.counts.accounts);
  show('accounts_in_memory_bytes', 'What they take up, as estimated', () => directory.counts.bytes);
  metrics.gauge('posthorn_database_up', '1 while the database can be used', () => Number(database.up), 'min');
}
