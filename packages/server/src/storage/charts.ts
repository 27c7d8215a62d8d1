import { firstUuidOf, timeOfId } from '../domain/ids.ts';
import type { AttemptError } from '../domain/outcome.ts';
import { int8s, uuids } from './arrays.ts';
import { type Database, statement } from './database.ts';
import type { ChartStore, VolumeBucket } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuidText } from './rows.ts';

const VOLUME = statement('chart_volume').text;
const LATENCY = statement('chart_latency').text;
const LATENCY_BY_TIME = statement('chart_latency_by_time').text;
const FAILING = statement('chart_failing').text;
const ENDPOINTS = statement('chart_endpoints').text;
const HOUR_MS = 3_600_000;

const bound = (ms: number) => firstUuidOf(ms).toString('hex');

interface VolumeRow {
  at: number;
  status: Exclude<keyof VolumeBucket, 'atMs'>;
  n: number;
}

/** Rows of one count each become buckets without gaps. */
function toBuckets(rows: readonly VolumeRow[], fromMs: number, toMs: number, bucketMs: number): VolumeBucket[] {
  const buckets = new Map<number, VolumeBucket>();
  const firstMs = Math.floor(fromMs / bucketMs) * bucketMs;
  for (let atMs = firstMs; atMs < toMs; atMs += bucketMs) {
    buckets.set(atMs, { atMs, succeeded: 0, discarded: 0, skipped: 0, retrying: 0 });
  }
  for (const { at, status, n } of rows) {
    const bucket = buckets.get(at);
    if (bucket) bucket[status] += n;
  }
  return [...buckets.values()];
}

export function chartStore(database: Database): ChartStore {
  const endpointBound = (id: string | null) => (id === null ? null : toUuidText('ep', id));
  return {
    async volume(accountId, endpointId, fromMs, toMs, bucketMs) {
      const rows = await database.run<{ at: string; status: VolumeRow['status']; n: number }>(VOLUME, [
        accountId,
        endpointBound(endpointId),
        bound(fromMs),
        bound(toMs),
        bucketMs,
      ]);
      return toBuckets(
        rows.map((row) => ({ ...row, at: Number(row.at) })),
        fromMs,
        toMs,
        bucketMs,
      );
    },

    async latency(accountId, endpointId, fromMs, toMs, sample) {
      const [row] = await database.run<{ p: number[] | null; n: number }>(LATENCY, [
        accountId,
        endpointBound(endpointId),
        bound(fromMs),
        bound(toMs),
        sample,
      ]);
      const [p50 = null, p95 = null, p99 = null] = row?.p ?? [];
      return { p50, p95, p99, count: row?.n ?? 0 };
    },

    async latencyByTime(accountId, endpointId, fromMs, toMs, bucketMs, sample) {
      const starts: number[] = [];
      for (let atMs = Math.floor(fromMs / bucketMs) * bucketMs; atMs < toMs; atMs += bucketMs) starts.push(atMs);
      const rows = await database.run<{ at: string; p: [number, number, number] }>(LATENCY_BY_TIME, [
        accountId,
        endpointBound(endpointId),
        int8s(starts.map(String)),
        uuids(starts.map((atMs) => firstUuidOf(Math.max(atMs, fromMs)))),
        uuids(starts.map((atMs) => firstUuidOf(Math.min(atMs + bucketMs, toMs)))),
        sample,
      ]);
      return rows.map(({ at, p: [p50, p95, p99] }) => ({ atMs: Number(at), p50, p95, p99 }));
    },

    async failures(accountId, endpointId, fromMs, toMs) {
      const rows = await database.run<{ last_status: number | null; last_error: string | null; n: number }>(
        `SELECT last_status, last_error, count(*)::int AS n FROM deliveries
         WHERE account_id = $1 AND ($2::uuid IS NULL OR endpoint_id = $2) AND id >= $3 AND id < $4
           AND status = 'discarded' AND NOT test
         GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 12`,
        [accountId, endpointBound(endpointId), bound(fromMs), bound(toMs)],
      );
      return rows.map((row) => ({ status: row.last_status, error: row.last_error, count: row.n }));
    },

    async oldestWaiting(accountId) {
      const [row] = await database.run<{ id: string | null }>(
        `SELECT min(q.id::text) AS id FROM (
           SELECT q.id FROM queue q JOIN endpoints e ON e.id = q.endpoint_id AND e.status = 'active'
           WHERE ($1::text IS NULL OR q.account_id = $1) LIMIT 100000) q`,
        [accountId],
      );
      // Since when: the id begins with the time at which it was accepted.
      return row?.id ? new Date(timeOfId(bytesOfUuid(row.id))) : null;
    },

    async endpoints(accountId, fromMs) {
      const rows = await database.run<{
        endpoint_id: string;
        hours: { at: number; status: VolumeRow['status']; n: number }[];
        last_at: Date | null;
        failures: number;
        retrying: number;
        last_status: number | null;
        last_error: AttemptError | null;
      }>(ENDPOINTS, [accountId, bound(fromMs)]);
      const toMs = fromMs + 24 * HOUR_MS;
      return rows.map((row) => ({
        endpointId: fromUuidText('ep', row.endpoint_id),
        hours: toBuckets(row.hours, fromMs, toMs, HOUR_MS),
        lastAtMs: row.last_at?.getTime() ?? null,
        failures: row.failures,
        retrying: { count: row.retrying, lastStatus: row.last_status, lastError: row.last_error },
      }));
    },

    async failing(limit) {
      const rows = await database.run<{
        account_id: string;
        id: string;
        url: string;
        status: string;
        inactive_reason: string | null;
        failures: number;
        retrying: number;
      }>(FAILING, [limit]);
      return rows.map((row) => ({
        accountId: row.account_id,
        endpointId: fromUuidText('ep', row.id),
        url: row.url,
        status: row.status,
        reason: row.inactive_reason,
        failures: row.failures,
        retrying: row.retrying,
      }));
    },
  };
}
