import { bools, byteas, int4s, int8s, texts, timestamps, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import { sqlStateOf, UNIQUE_VIOLATION } from './database-errors.ts';
import { encodeHandedOver } from './handed-over.ts';
import { isLaneRow, type LaneRow, toLaneOwner } from './lanes.ts';
import { fromUuidText, toUuid } from './rows.ts';
import { type Parameter, statement } from './statement.ts';
import type { AcceptBatch, AcceptResult } from './store.ts';

const ACCEPT = statement('accept');
const ACCEPT_SIMPLE = statement('accept_simple');

/** Each row is one thing: a publication that was refused, a stale account, or a lane. */
interface AcceptRow extends Omit<LaneRow, 'endpoint_id'> {
  publication: number | null;
  stale: string | null;
  endpoint_id: string | null;
}

/** Stores a batch of publications; see sql/accept.sql. */
export async function acceptBatch(
  database: Database,
  batch: AcceptBatch,
  node: number,
  ownsLanes: boolean,
): Promise<AcceptResult> {
  if (isSimple(batch)) {
    const obstacles = await database.hot(ACCEPT_SIMPLE, simpleParameters(batch, node));
    if (obstacles.length === 0) return { refused: new Set(), stale: [], lanes: [], lost: [] };
  }
  try {
    const rows = await database.hot<AcceptRow>(ACCEPT, acceptParameters(batch, node, ownsLanes));
    const lanes = rows.filter(isLaneRow);
    return {
      // SQL counts from 1.
      refused: new Set(rows.flatMap(({ publication }) => (publication === null ? [] : [publication - 1]))),
      stale: rows.flatMap(({ stale }) => stale ?? []),
      lanes: lanes.flatMap((lane) => toLaneOwner(lane) ?? []),
      lost: lanes.filter(({ epoch }) => epoch === null).map((lane) => fromUuidText('ep', lane.endpoint_id)),
    };
  } catch (error) {
    // Another node has stored a key of this batch at the same moment: it is seen the next time.
    if (sqlStateOf(error) !== UNIQUE_VIOLATION || batch.keys.length === 0) throw error;
    return { refused: new Set(batch.accountIds.keys()), stale: [], lanes: [], lost: [] };
  }
}

/** Everything is handed over, in lanes that the node owns already, of accounts without a feed. */
function isSimple({ keys, planned, skipped, lanes, hasFeed }: AcceptBatch): boolean {
  if (hasFeed || keys.length > 0 || planned.length > 0 || skipped.length > 0) return false;
  for (const { epoch } of lanes.values()) if (epoch === null) return false;
  return true;
}

function simpleParameters(batch: AcceptBatch, node: number): Parameter[] {
  const { versions } = batch;
  const lanes = [...batch.lanes.values()];
  return [
    texts([...versions.keys()]),
    int8s([...versions.values()]),
    ...eventParameters(batch),
    node,
    uuids(lanes.map((lane) => lane.endpointUuid)),
    int8s(lanes.map((lane) => lane.epoch)),
  ];
}

function eventParameters({ events }: AcceptBatch): Parameter[] {
  return [
    texts(events.map((e) => e.event.accountId)),
    uuids(events.map((e) => e.event.uuid)),
    texts(events.map((e) => e.event.externalId)),
    texts(events.map((e) => e.event.trigger)),
    bools(events.map((e) => e.event.byTopic)),
    bools(events.map((e) => e.event.test)),
    byteas(events.map((e) => e.event.payload)),
    byteas(events.map((e) => encodeHandedOver(e.handedOver))),
  ];
}

function acceptParameters(batch: AcceptBatch, node: number, ownsLanes: boolean): Parameter[] {
  const { versions, accountIds, keys, events, skipped } = batch;
  const isOrdered = batch.planned.some(({ delivery }) => delivery.orderingKey !== null);
  const planned = isOrdered ? batch.planned.toSorted(byLine) : batch.planned;
  // SQL counts from 1.
  const publications = (list: readonly { publication: number }[]) => int4s(list.map((one) => one.publication + 1));
  const lanes = [...batch.lanes.values()];
  return [
    texts([...versions.keys()]),
    int8s([...versions.values()]),
    texts(accountIds),
    publications(keys),
    texts(keys.map((k) => k.accountId)),
    texts(keys.map((k) => k.key)),
    uuids(keys.map((k) => toUuid('evt', k.eventId))),
    byteas(keys.map((k) => k.digest)),
    int4s(keys.map((k) => k.deliveries)),
    publications(events),
    ...eventParameters(batch),
    publications(planned),
    texts(planned.map((p) => p.delivery.accountId)),
    uuids(planned.map((p) => p.delivery.uuid)),
    uuids(planned.map((p) => p.delivery.endpointUuid)),
    uuids(planned.map((p) => p.delivery.event.uuid)),
    texts(planned.map((p) => p.delivery.topic)),
    texts(planned.map((p) => p.delivery.event.trigger)),
    bools(planned.map((p) => p.delivery.test)),
    timestamps(planned.map((p) => p.dueAtMs)),
    int4s(planned.map((p) => p.delivery.event.payload.length)),
    bools(planned.map((p) => p.isHandedOver)),
    publications(skipped),
    texts(skipped.map((s) => s.delivery.accountId)),
    uuids(skipped.map((s) => s.delivery.uuid)),
    uuids(skipped.map((s) => s.delivery.endpointUuid)),
    uuids(skipped.map((s) => s.delivery.event.uuid)),
    texts(skipped.map((s) => s.delivery.topic)),
    texts(skipped.map((s) => s.delivery.event.trigger)),
    bools(skipped.map((s) => s.delivery.test)),
    texts(skipped.map((s) => s.reason)),
    new Date(batch.nowMs),
    node,
    uuids(lanes.map((lane) => lane.endpointUuid)),
    texts(lanes.map((lane) => lane.accountId)),
    int8s(lanes.map((lane) => lane.epoch)),
    ownsLanes,
    isOrdered ? texts(planned.map((p) => p.delivery.orderingKey)) : null,
  ];
}

type PlannedRow = AcceptBatch['planned'][number];

/** Lines in one order, and each in the order in which its events came. */
function byLine({ delivery: a }: PlannedRow, { delivery: b }: PlannedRow): number {
  return (
    Buffer.compare(a.endpointUuid, b.endpointUuid) ||
    Buffer.compare(Buffer.from(a.orderingKey ?? ''), Buffer.from(b.orderingKey ?? ''))
  );
}
