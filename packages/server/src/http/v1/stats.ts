import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { isId } from '../../domain/ids.ts';
import { LAST_INSTANT_MS } from '../../domain/instant.ts';
import type { VolumeBucket } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { AccountParams, closed, Nullable, named, responses, Time } from '../schemas.ts';
import { accountOf } from './account-of.ts';
import { EndpointStatus, InactiveReason } from './endpoint-schemas.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BUCKETS_MAX = 400;
/** Bars below an hour are made of the deliveries themselves: that many hours of them at most. */
const MINUTES_MAX_MS = 6 * HOUR_MS;
const LATENCY_SAMPLE = 2_000;
const LATENCY_BUCKET_SAMPLE = 100;
const FAILING_MAX = 100;
const ACCOUNTS_MAX = 100;
/** The widths that charts have: the smallest that needs no more than 60 bars, and full hours for what is longer. */
const WIDTHS_MS = [60_000, 300_000, 900_000, HOUR_MS, 6 * HOUR_MS, DAY_MS];

const Bucket = named(
  'Bucket',
  Type.Object({
    at: Time,
    succeeded: Type.Integer(),
    discarded: Type.Integer(),
    skipped: Type.Integer(),
    retrying: Type.Integer({ description: 'Failed, and waiting for their next try' }),
    held: Type.Integer({ description: 'Waiting until their endpoint is activated' }),
  }),
);

/** How a span of time is cut into bars. Those of an hour and longer are whole hours: so they have been counted. */
function bucketsOf(asked: { from?: string | undefined; to?: string | undefined }, nowMs: number) {
  const toMs = asked.to === undefined ? nowMs : Date.parse(asked.to);
  const fromMs = asked.from === undefined ? toMs - DAY_MS : Date.parse(asked.from);
  const span = Math.max(toMs - fromMs, 1);
  const bucketMs =
    WIDTHS_MS.find((width) => span / width <= 60 && (width >= HOUR_MS || span <= MINUTES_MAX_MS)) ??
    Math.ceil(span / BUCKETS_MAX / DAY_MS) * DAY_MS;
  if (bucketMs < HOUR_MS) return { fromMs, toMs, bucketMs };
  const endMs = Math.min(Math.ceil(toMs / HOUR_MS) * HOUR_MS, LAST_INSTANT_MS);
  return { fromMs: Math.floor(fromMs / HOUR_MS) * HOUR_MS, toMs: endMs, bucketMs };
}

const presentBucket = ({ atMs, ...counts }: VolumeBucket) => ({
  at: new Date(atMs).toISOString(),
  ...counts,
});

/** Numbers for charts. */
export function statsRoutes(app: App, parts: HttpParts): void {
  getStats(app, parts);
  listEndpointStats(app, parts);
  listAccountStats(app, parts);
  getOverview(app, parts);
}

function getStats(app: App, parts: HttpParts): void {
  const { store, clock } = parts;
  app.get(
    '/accounts/:account/stats',
    {
      schema: {
        operationId: 'getStats',
        summary: "Count an account's deliveries by time and outcome",
        tags: ['Developers page'],
        params: AccountParams,
        querystring: closed({
          from: Type.Optional(Time),
          to: Type.Optional(Time),
          endpoint: Type.Optional(Type.String({ maxLength: 64 })),
        }),
        response: responses({
          200: named(
            'Stats',
            Type.Object({
              from: Time,
              to: Time,
              bucket_ms: Type.Integer(),
              volume: Type.Array(Bucket),
              latency_ms: Type.Object({
                p50: Nullable(Type.Number()),
                p95: Nullable(Type.Number()),
                p99: Nullable(Type.Number()),
                attempts: Type.Integer({ description: 'How many it is made of: the newest' }),
              }),
              latency: Type.Array(
                Type.Object({ at: Time, p50: Type.Number(), p95: Type.Number(), p99: Type.Number() }),
                {
                  description: 'In milliseconds by time, of the newest deliveries of each bucket; empty ones left out',
                },
              ),
              failures: Type.Array(
                named(
                  'FailureGroup',
                  Type.Object({
                    endpoint_id: Type.String(),
                    status: Nullable(Type.Integer()),
                    error: Nullable(Type.String()),
                    count: Type.Integer(),
                    first_at: Type.String({ format: 'date-time', description: 'When the first of them happened' }),
                    last_at: Time,
                  }),
                ),
                {
                  description:
                    'Deliveries that failed or are being retried, by endpoint and last answer; the largest 12',
                },
              ),
              oldest_waiting_at: Nullable(Time),
            }),
          ),
        }),
      },
    },
    async (request) => {
      const { account } = request.params;
      await accountOf(parts, account);
      const { fromMs, toMs, bucketMs } = bucketsOf(request.query, clock.now());
      const { endpoint } = request.query;
      if (endpoint !== undefined && !isId('ep', endpoint)) throw new Problem('endpoint_not_found');
      const endpointId = endpoint ?? null;
      const [volume, latency, latencyByTime, failures, oldest] = await Promise.all([
        store.charts.volume(account, endpointId, fromMs, toMs, bucketMs),
        store.charts.latency(account, endpointId, fromMs, toMs, LATENCY_SAMPLE),
        store.charts.latencyByTime(account, endpointId, fromMs, toMs, bucketMs, LATENCY_BUCKET_SAMPLE),
        store.charts.failures(account, endpointId, fromMs, toMs),
        store.charts.oldestWaiting(account, endpointId),
      ]);
      const { count: attempts, ...percentiles } = latency;
      return {
        from: new Date(fromMs).toISOString(),
        to: new Date(toMs).toISOString(),
        bucket_ms: bucketMs,
        volume: volume.map(presentBucket),
        latency_ms: { ...percentiles, attempts },
        latency: latencyByTime.map(({ atMs, ...rest }) => ({ at: new Date(atMs).toISOString(), ...rest })),
        failures: failures.map(({ endpointId: id, firstAtMs, lastAtMs, ...rest }) => ({
          ...rest,
          endpoint_id: id,
          first_at: new Date(firstAtMs).toISOString(),
          last_at: new Date(lastAtMs).toISOString(),
        })),
        oldest_waiting_at: oldest?.toISOString() ?? null,
      };
    },
  );
}

function listEndpointStats(app: App, parts: HttpParts): void {
  const { store, clock } = parts;
  app.get(
    '/accounts/:account/endpoint-stats',
    {
      schema: {
        operationId: 'listEndpointStats',
        summary: "Count the last 24 hours of each of an account's endpoints, hour by hour",
        tags: ['Developers page'],
        params: AccountParams,
        response: responses({
          200: Type.Object({
            data: Type.Array(
              named(
                'EndpointStats',
                Type.Object({
                  endpoint_id: Type.String(),
                  hours: Type.Array(Bucket),
                  last_delivery_at: Nullable(Time),
                  failures_in_a_row: Type.Integer(),
                  retrying: Type.Integer({ description: 'Deliveries that failed and wait; at most 1,000' }),
                  held: Type.Integer({ description: 'Deliveries that wait until it is activated; at most 10,000' }),
                  failing: Type.Union(
                    [
                      named(
                        'LastFailure',
                        Type.Object({ last_status: Nullable(Type.Integer()), last_error: Nullable(Type.String()) }),
                      ),
                      Type.Null(),
                    ],
                    {
                      description:
                        'What it answered last, when that was no success: nothing that happened later has arrived',
                    },
                  ),
                }),
              ),
            ),
          }),
        }),
      },
    },
    async (request) => {
      await accountOf(parts, request.params.account);
      const fromMs = Math.floor(clock.now() / HOUR_MS) * HOUR_MS - 23 * HOUR_MS;
      const list = await store.charts.endpoints(request.params.account, fromMs);
      return {
        data: list.map((entry) => ({
          endpoint_id: entry.endpointId,
          hours: entry.hours.map(presentBucket),
          last_delivery_at: entry.lastAtMs === null ? null : new Date(entry.lastAtMs).toISOString(),
          failures_in_a_row: entry.failures,
          retrying: entry.retrying,
          held: entry.held,
          failing: entry.failing && { last_status: entry.failing.lastStatus, last_error: entry.failing.lastError },
        })),
      };
    },
  );
}

function listAccountStats(app: App, { store, clock }: HttpParts): void {
  app.get(
    '/account-stats',
    {
      schema: {
        operationId: 'listAccountStats',
        summary: 'Say how accounts are doing: volume and last activity, and endpoints that fail or were switched off',
        tags: ['Operation'],
        querystring: closed({
          accounts: Type.String({
            pattern: `^[^,]+(,[^,]+){0,${ACCOUNTS_MAX - 1}}$`,
            maxLength: 13_000,
            description: `Ids, separated by commas; ${ACCOUNTS_MAX} at most`,
          }),
        }),
        response: responses({
          200: Type.Object({
            data: Type.Array(
              named(
                'AccountStats',
                Type.Object({
                  account_id: Type.String(),
                  succeeded: Type.Integer({ description: 'Deliveries of the last 24 hours' }),
                  discarded: Type.Integer(),
                  last_delivery_at: Nullable(Time),
                  endpoints: Type.Integer(),
                  failing: Type.Integer(),
                  switched_off: Type.Integer(),
                }),
              ),
            ),
          }),
        }),
      },
    },
    async (request) => {
      const ids = request.query.accounts.split(',');
      const rows = await store.charts.accounts(ids, Math.floor(clock.now() / HOUR_MS) * HOUR_MS - 23 * HOUR_MS);
      return {
        data: rows.map(({ accountId, lastAt, switchedOff, ...counts }) => ({
          ...counts,
          account_id: accountId,
          last_delivery_at: lastAt?.toISOString() ?? null,
          switched_off: switchedOff,
        })),
      };
    },
  );
}

function getOverview(app: App, parts: HttpParts): void {
  const { store, load, node, clock } = parts;
  const volumeOfDay = dayVolumeOf(parts);
  app.get(
    '/overview',
    {
      schema: {
        operationId: 'getOverview',
        summary: 'Show how the installation is doing',
        tags: ['Operation'],
        response: responses({
          200: named(
            'Overview',
            Type.Object({
              accounts: Type.Integer(),
              waiting: Type.Integer({ description: 'Deliveries that are not finished; an estimate above 100,000' }),
              finished_per_s: Type.Number({ description: 'Deliveries, of all nodes, as of their last heartbeats' }),
              nodes: Type.Array(
                named(
                  'Node',
                  Type.Object({
                    id: Type.Integer(),
                    host: Type.String(),
                    started_at: Time,
                    heartbeat_at: Time,
                    finished_per_s: Type.Number(),
                    in_flight: Type.Integer(),
                    in_memory: Type.Integer(),
                    is_this: Type.Boolean(),
                  }),
                ),
              ),
              in_flight: Type.Integer({ description: 'On all nodes, as of their last heartbeats' }),
              in_memory: Type.Integer({ description: 'On all nodes, as of their last heartbeats' }),
              oldest_waiting_at: Nullable(Time),
              database: Type.Object({
                version: Type.String(),
                size_bytes: Type.Integer(),
                oldest_day: Nullable(Type.String()),
              }),
              volume: Type.Array(Bucket),
              failing: Type.Array(
                named(
                  'FailingEndpoint',
                  Type.Object({
                    account_id: Type.String(),
                    account_name: Type.String(),
                    endpoint_id: Type.String(),
                    url: Type.String(),
                    status: EndpointStatus,
                    reason: InactiveReason,
                    failures_in_a_row: Type.Integer(),
                    retrying: Type.Integer(),
                  }),
                ),
              ),
            }),
          ),
        }),
      },
    },
    async () => {
      const toMs = clock.now();
      const [{ accounts, waiting }, nodes, database, oldest, volume, failing, oldestDay] = await Promise.all([
        store.overview.read(),
        store.nodes.list(),
        store.overview.database(),
        store.charts.oldestWaiting(null, null),
        volumeOfDay(toMs),
        store.charts.failing(FAILING_MAX, toMs - DAY_MS),
        store.retention.oldestDay(),
      ]);
      return {
        accounts,
        waiting,
        finished_per_s: nodes.reduce((sum, row) => sum + row.finishedPerS, 0),
        nodes: nodes.map(({ startedAt, heartbeatAt, finishedPerS, inFlight, inMemory, ...row }) => ({
          ...row,
          finished_per_s: finishedPerS,
          in_flight: row.id === node.id ? load().inFlight : inFlight,
          in_memory: row.id === node.id ? load().inMemory : inMemory,
          started_at: startedAt.toISOString(),
          heartbeat_at: heartbeatAt.toISOString(),
          is_this: row.id === node.id,
        })),
        in_flight: sumOf(nodes, node.id, load().inFlight, (one) => one.inFlight),
        in_memory: sumOf(nodes, node.id, load().inMemory, (one) => one.inMemory),
        oldest_waiting_at: oldest?.toISOString() ?? null,
        database: { version: database.version, size_bytes: database.sizeBytes, oldest_day: oldestDay },
        volume: volume.map(presentBucket),
        failing: failing.map(({ accountId, accountName, endpointId, failures, ...row }) => ({
          account_name: accountName,
          ...row,
          account_id: accountId,
          endpoint_id: endpointId,
          failures_in_a_row: failures,
        })),
      };
    },
  );
}

/** Counting a day of all accounts is work: once a minute is enough for bars of an hour. */
function dayVolumeOf({ store }: HttpParts): (nowMs: number) => Promise<VolumeBucket[]> {
  let last: { atMs: number; volume: Promise<VolumeBucket[]> } | undefined;
  return (nowMs) => {
    if (last === undefined || nowMs - last.atMs >= MINUTE_MS) {
      const { fromMs, toMs } = bucketsOf({}, nowMs);
      const volume = store.charts.volume(null, null, fromMs, toMs, HOUR_MS);
      last = { atMs: nowMs, volume };
      volume.catch(() => {
        last = undefined;
      });
    }
    return last.volume;
  };
}

/** Of this node as it is now, of the others as of their last heartbeats. */
function sumOf<T extends { id: number }>(nodes: readonly T[], thisOne: number, here: number, of: (node: T) => number) {
  return nodes.reduce((sum, one) => sum + (one.id === thisOne ? 0 : of(one)), here);
}
