import { retryAtMs } from '../domain/decide.ts';
import type { ActiveDelivery, SettledAttempt } from '../domain/model.ts';
import { bools, byteas, int4s, int8s, texts, timestamps, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import { fromUuidText } from './rows.ts';
import { type Parameter, statement } from './statement.ts';
import type { QueueStore } from './store.ts';

const SETTLE = statement('settle');
const SETTLE_FIRST = statement('settle_first');
const KEEP = statement('keep');

type Settle = QueueStore['settle'];
type Notices = Parameters<Settle>[3];

/** Stores a batch of outcomes; see sql/settle.sql. Those that ended at once, almost all, take a shorter way. */
export async function settleBatch(
  database: Database,
  [attempts, node, nowMs, notices, isRepeated]: Parameters<Settle>,
): ReturnType<Settle> {
  const told = new Set(notices.map(({ deliveryUuid }) => deliveryUuid));
  const endedAtOnce = ({ delivery, decision }: SettledAttempt) =>
    !isRepeated && !delivery.isStored && decision.kind !== 'retry' && !told.has(delivery.uuid);
  const first = attempts.filter(endedAtOnce);
  const isDone = first.length > 0 && (await settleFirst(database, first, node, nowMs));
  const rest = isDone ? attempts.filter((attempt) => !endedAtOnce(attempt)) : attempts;
  return rest.length === 0 ? new Map() : settleRest(database, rest, node, nowMs, notices, isRepeated);
}

/** False when nothing was stored because of a lost lane. */
async function settleFirst(
  database: Database,
  attempts: readonly SettledAttempt[],
  node: number,
  nowMs: number,
): Promise<boolean> {
  const lanes = lanesOf(attempts.map(({ delivery }) => delivery));
  const column = columnsOf(attempts);
  const lost = await database.hot(SETTLE_FIRST, [
    uuids(lanes.each.map(({ endpointUuid }) => endpointUuid)),
    int8s(lanes.each.map(({ epoch }) => epoch)),
    node,
    new Date(nowMs),
    texts(column((a) => a.delivery.accountId)),
    uuids(column((a) => a.delivery.uuid)),
    uuids(column((a) => a.delivery.endpointUuid)),
    uuids(column((a) => a.delivery.event.uuid)),
    texts(column((a) => a.delivery.topic)),
    texts(column((a) => a.delivery.event.trigger)),
    bools(column((a) => a.delivery.test)),
    texts(column((a) => a.decision.kind)),
    texts(column((a) => (a.decision.kind === 'discarded' ? a.decision.reason : null))),
    ...attemptParameters(attempts),
  ]);
  return lost.length === 0;
}

async function settleRest(
  database: Database,
  attempts: readonly SettledAttempt[],
  node: number,
  nowMs: number,
  notices: Notices,
  isRepeated: boolean,
): ReturnType<Settle> {
  const lanes = lanesOf(attempts.map(({ delivery }) => delivery));
  const column = columnsOf(attempts);
  const rows = await database.hot<{ id: string; is_lane_lost: boolean }>(SETTLE, [
    texts(column((a) => a.delivery.accountId)),
    uuids(column((a) => a.delivery.uuid)),
    int4s(column((a) => a.delivery.attempts + 1)),
    int4s(column((a) => a.delivery.attemptsThisRound + 1)),
    texts(column((a) => (a.decision.kind === 'retry' ? null : a.decision.kind))),
    texts(column((a) => (a.decision.kind === 'discarded' ? a.decision.reason : null))),
    timestamps(column((a) => retryAtMs(a, nowMs) ?? null)),
    ...attemptParameters(attempts),
    node,
    new Date(nowMs),
    uuids(lanes.each.map(({ endpointUuid }) => endpointUuid)),
    int8s(lanes.each.map(({ epoch }) => epoch)),
    isRepeated,
    uuids(notices.map((n) => n.deliveryUuid)),
    texts(notices.map((n) => n.trigger)),
    texts(notices.map((n) => n.payload)),
    uuids(column((a) => a.delivery.endpointUuid)),
    uuids(column((a) => a.delivery.event.uuid)),
    texts(column((a) => a.delivery.topic)),
    texts(column((a) => a.delivery.event.trigger)),
    bools(column((a) => a.delivery.test)),
    int4s(column((a) => a.delivery.event.payload.length)),
    bools(column((a) => a.delivery.isStored)),
    int4s(lanes.placeOf),
  ]);
  return new Map(rows.map((row) => [fromUuidText('dlv', row.id), row.is_lane_lost ? 'lane_lost' : 'not_counted']));
}

/** Notes deliveries in the queue that stay in memory, or are handed back; see sql/keep.sql. */
export async function keepDeliveries(
  database: Database,
  [kept, node]: Parameters<QueueStore['keep']>,
): ReturnType<QueueStore['keep']> {
  const deliveries = kept.map(({ delivery }) => delivery);
  const lanes = lanesOf(deliveries);
  const rows = await database.hot<{ lane: number }>(KEEP, [
    texts(deliveries.map((d) => d.accountId)),
    uuids(deliveries.map((d) => d.uuid)),
    uuids(deliveries.map((d) => d.endpointUuid)),
    uuids(deliveries.map((d) => d.event.uuid)),
    texts(deliveries.map((d) => d.topic)),
    texts(deliveries.map((d) => d.event.trigger)),
    bools(deliveries.map((d) => d.test)),
    timestamps(deliveries.map((d) => d.event.createdAtMs)),
    int4s(deliveries.map((d) => d.event.payload.length)),
    int8s(kept.map(({ delivery, isSending }) => (isSending ? delivery.epoch : null))),
    bools(deliveries.map((d) => d.isStored)),
    node,
    uuids(lanes.each.map(({ endpointUuid }) => endpointUuid)),
    int8s(lanes.each.map(({ epoch }) => epoch)),
    int4s(lanes.placeOf),
  ]);
  const lost = new Set(rows.map(({ lane }) => lane));
  return new Set(deliveries.filter((_, i) => lost.has(lanes.placeOf[i] ?? 0)));
}

/** What was sent and answered: from started_at to request_body. */
function attemptParameters(attempts: readonly SettledAttempt[]): Parameter[] {
  const column = columnsOf(attempts);
  const micros = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms * 1000));
  return [
    timestamps(column((a) => a.startedAtMs)),
    texts(column((a) => a.url)),
    texts(column((a) => JSON.stringify(a.requestHeaders))),
    texts(column((a) => a.outcome.error ?? null)),
    texts(column((a) => a.outcome.errorDetail ?? null)),
    int4s(column((a) => a.outcome.response?.status ?? null)),
    texts(column((a) => (a.outcome.response ? JSON.stringify(a.outcome.response.headers) : null))),
    byteas(column((a) => a.outcome.response?.body ?? null)),
    bools(column((a) => a.outcome.response?.truncated ?? false)),
    int4s(column((a) => micros(a.outcome.timings.dns))),
    int4s(column((a) => micros(a.outcome.timings.connect))),
    int4s(column((a) => micros(a.outcome.timings.tls))),
    int4s(column((a) => micros(a.outcome.timings.firstByte))),
    int4s(column((a) => micros(a.outcome.timings.total))),
    int8s(column((a) => a.ownHeaders.id)),
    ...sentParameters(attempts),
  ];
}

/** Null in place of two arrays where no request was reshaped: almost always. */
function sentParameters(attempts: readonly SettledAttempt[]): [Parameter, Parameter] {
  if (attempts.every(({ sent }) => sent === undefined)) return [null, null];
  return [
    texts(attempts.map(({ sent }) => sent?.method ?? null)),
    byteas(attempts.map(({ sent }) => sent?.body ?? null)),
  ];
}

function columnsOf(attempts: readonly SettledAttempt[]) {
  return <T>(pick: (attempt: SettledAttempt) => T): T[] => attempts.map(pick);
}

/** The lanes of deliveries, each once with its epoch, and the place of each delivery's lane among them, from 1. */
function lanesOf(deliveries: readonly ActiveDelivery[]) {
  const each: ActiveDelivery[] = [];
  const places = new Map<string, number>();
  const placeOf = deliveries.map((delivery) => {
    const key = `${delivery.endpointId} ${delivery.epoch}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    const place = each.push(delivery);
    places.set(key, place);
    return place;
  });
  return { each, placeOf };
}
