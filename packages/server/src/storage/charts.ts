import { firstUuidOf, timeOfId } from '../domain/ids.ts';
import type { EndpointStatus, InactiveReason } from '../domain/model.ts';
import type { AttemptError } from '../domain/outcome.ts';
import { int8s, texts, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import type { ChartStore, VolumeBucket } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuidText } from './rows.ts';
import { statement } from './statement.ts';

const MINUTES = statement('chart_minutes').text;
const HOURS = statement('chart_hours').text;
const RETRYING = statement('chart_retrying').text;
const LATENCY = statement('chart_latency').text;
const LATENCY_BY_TIME = statement('chart_latency_by_time').text;
const FAILURES = statement('chart_failures').text;
const ACCOUNTS = statement('account_stats').text;
const FAILING = statement('chart_failing').text;
const ENDPOINTS = statement('chart_endpoints').text;
const HOUR_MS = 3_600_000;
/** An account that fails a million times a day is not read whole to say with what. */
const FAILURES_COUNTED = 100_000;

const bound = (ms: number) => firstUuidOf(ms).toString('hex');

/** The time of a bucket in milliseconds, and some of its counts; a bigint comes as text. */
type CountRow = { at: number | string } & Partial<Record<(typeof COUNTS)[number], number | string | null>>;

const COUNTS = ['succeeded', 'discarded', 'skipped', 'retrying', 'held'] as const;

function startsOf(fromMs: number, toMs: number, bucketMs: number): number[] {
  const starts: number[] = [];
  for (let atMs = Math.floor(fromMs / bucketMs) * bucketMs; atMs < toMs; atMs += bucketMs) starts.push(atMs);
  return starts;
}

/** Puts counts into buckets without gaps. */
function toBuckets(rows: readonly CountRow[], starts: readonly number[]): VolumeBucket[] {
  const buckets = new Map<number, VolumeBucket>();
  for (const atMs of starts) buckets.set(atMs, { atMs, succeeded: 0, discarded: 0, skipped: 0, retrying: 0, held: 0 });
  for (const row of rows) {
    const bucket = buckets.get(Number(row.at));
    if (bucket) for (const name of COUNTS) bucket[name] += Number(row[name] ?? 0);
  }
  return [...buckets.values()];
}

/** The ids between which each bucket lies. */
function boundsOf(starts: readonly number[], fromMs: number, toMs: number, bucketMs: number): [Buffer, Buffer] {
  return [
    uuids(starts.map((atMs) => firstUuidOf(Math.max(atMs, fromMs)))),
    uuids(starts.map((atMs) => firstUuidOf(Math.min(atMs + bucketMs, toMs)))),
  ];
}

export function chartStore(database: Database): ChartStore {
  const endpointBound = (id: string | null) => (id === null ? null : toUuidText('ep', id));
  return {
    async volume(accountId, endpointId, fromMs, toMs, bucketMs) {
      const whose = [accountId, endpointBound(endpointId)];
      const starts = startsOf(fromMs, toMs, bucketMs);
      const finished =
        bucketMs % HOUR_MS === 0
          ? database.read<CountRow>(accountId, HOURS, [...whose, new Date(fromMs), new Date(toMs), bucketMs])
          : database.read<CountRow>(accountId, MINUTES, [
              ...whose,
              int8s(starts.map(String)),
              ...boundsOf(starts, fromMs, toMs, bucketMs),
            ]);
      const retrying = database.read<CountRow>(accountId, RETRYING, [...whose, bound(fromMs), bound(toMs), bucketMs]);
      return toBuckets((await Promise.all([finished, retrying])).flat(), starts);
    },

    async latency(accountId, endpointId, fromMs, toMs, sample) {
      const [row] = await database.read<{ p: number[] | null; n: number }>(accountId, LATENCY, [
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
      const starts = startsOf(fromMs, toMs, bucketMs);
      const rows = await database.read<{ at: string; p: [number, number, number] }>(accountId, LATENCY_BY_TIME, [
        accountId,
        endpointBound(endpointId),
        int8s(starts.map(String)),
        ...boundsOf(starts, fromMs, toMs, bucketMs),
        sample,
      ]);
      return rows.map(({ at, p: [p50, p95, p99] }) => ({ atMs: Number(at), p50, p95, p99 }));
    },

    async failures(accountId, endpointId, fromMs, toMs) {
      const rows = await database.read<{
        endpoint_id: string;
        last_status: number | null;
        last_error: AttemptError | null;
        n: number;
        first: string;
        last: string;
      }>(accountId, FAILURES, [accountId, endpointBound(endpointId), bound(fromMs), bound(toMs), FAILURES_COUNTED]);
      return rows.map((row) => ({
        endpointId: fromUuidText('ep', row.endpoint_id),
        status: row.last_status,
        error: row.last_error,
        count: row.n,
        firstAtMs: timeOfId(bytesOfUuid(row.first)),
        lastAtMs: timeOfId(bytesOfUuid(row.last)),
      }));
    },

    async oldestWaiting(accountId, endpointId) {
      const [row] = await database.read<{ id: string | null }>(
        accountId,
        `SELECT min(q.id::text) AS id FROM (
           SELECT q.id FROM queue q JOIN endpoints e ON e.id = q.endpoint_id AND e.status = 'active'
           WHERE ($1::text IS NULL OR q.account_id = $1) AND ($2::uuid IS NULL OR q.endpoint_id = $2) LIMIT 100000) q`,
        [accountId, endpointBound(endpointId)],
      );
      // Since when: the id begins with the time at which it was accepted.
      return row?.id ? new Date(timeOfId(bytesOfUuid(row.id))) : null;
    },

    async endpoints(accountId, fromMs) {
      const rows = await database.read<{
        endpoint_id: string;
        finished: CountRow[];
        retried: CountRow[];
        last_at: Date | null;
        failures: number;
        retrying: number;
        held: number;
        is_failing: boolean;
        last_status: number | null;
        last_error: AttemptError | null;
      }>(accountId, ENDPOINTS, [accountId, new Date(fromMs), bound(fromMs)]);
      const starts = startsOf(fromMs, fromMs + 24 * HOUR_MS, HOUR_MS);
      return rows.map((row) => ({
        endpointId: fromUuidText('ep', row.endpoint_id),
        hours: toBuckets([...row.finished, ...row.retried], starts),
        lastAtMs: row.last_at?.getTime() ?? null,
        failures: row.failures,
        retrying: row.retrying,
        held: row.held,
        failing: row.is_failing ? { lastStatus: row.last_status, lastError: row.last_error } : null,
      }));
    },

    async accounts(accountIds, fromMs) {
      const rows = await database.read<{
        account_id: string;
        succeeded: number;
        discarded: number;
        last_at: Date | null;
        endpoints: number;
        failing: number;
        switched_off: number;
      }>(null, ACCOUNTS, [texts(accountIds), new Date(fromMs)]);
      return rows.map(({ account_id, last_at, switched_off, ...counts }) => ({
        ...counts,
        accountId: account_id,
        lastAt: last_at,
        switchedOff: switched_off,
      }));
    },

    async failing(limit, sinceMs) {
      const rows = await database.read<{
        account_id: string;
        account_name: string;
        id: string;
        url: string;
        status: EndpointStatus;
        inactive_reason: InactiveReason | null;
        failures: number;
        retrying: number;
      }>(null, FAILING, [limit, new Date(sinceMs)]);
      return rows.map((row) => ({
        accountId: row.account_id,
        accountName: row.account_name,
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
