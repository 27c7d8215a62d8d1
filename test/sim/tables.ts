import { timeOfId } from '../../packages/server/src/domain/ids.ts';
import type { ActiveDelivery, EndpointStatus, StoredEvent } from '../../packages/server/src/domain/model.ts';
import type { Replay } from '../../packages/server/src/storage/page-store.ts';

/** Somebody has asked for the delivery: it is due before all others. */
export const DUE_AT_ONCE = 0;
/** It waits in line for another of its ordering key. */
export const DUE_IN_TURN = Number.POSITIVE_INFINITY;

export const hexOf = (uuid: Uint8Array) => Buffer.from(uuid).toString('hex');

export interface LaneRow {
  accountId: string;
  node: number | null;
  epoch: number;
  /** Undefined: nothing can be sent. */
  nextDueMs: number | undefined;
}

export interface NodeRow {
  name: string;
  beats: number;
  deadAtMs: number | undefined;
  watermark: string;
  backlogged: number;
}

/** What a delivery needs to be sent, wherever it stands. */
export interface Facts {
  id: string;
  accountId: string;
  endpointId: string;
  endpointUuid: Uint8Array;
  event: StoredEvent;
  topic: string | null;
  test: boolean;
}

export interface QueueRow extends Facts {
  attempts: number;
  tries: number;
  dueMs: number;
  orderingKey: string | null;
  /** Its place in line. */
  turn: number;
}

export interface EndedRow extends Facts {
  status: 'succeeded' | 'discarded' | 'skipped';
  reason: string | null;
  attempts: number;
}

export interface EventRow {
  event: StoredEvent;
  node: number;
  handedOver: Facts[];
}

export interface EndpointRow {
  id: string;
  accountId: string;
  uuid: Uint8Array;
  url: string;
  status: EndpointStatus;
  failures: number;
  /** How often its status has changed. */
  changes: number;
  testing: { nextMs: number; untilMs: number; intervalMs: number } | undefined;
}

export interface ReplayRow {
  replay: Replay;
  /** The last delivery that it has looked at. */
  after: string;
  nextMs: number;
}

export interface AccountRow {
  contract: string;
  version: number;
  endpoints: Set<string>;
}

/** An attempt. */
export interface Made {
  number: number;
  epoch: number;
  /** By the node's clock. */
  startedMs: number;
  /** By the true one. */
  storedMs: number;
}

/** The rows that the engine works with. */
export class Tables {
  readonly accounts = new Map<string, AccountRow>();
  readonly endpoints = new Map<string, EndpointRow>();
  readonly lanes = new Map<string, LaneRow>();
  readonly nodes = new Map<number, NodeRow>();
  readonly queue = new Map<string, QueueRow>();
  readonly events = new Map<string, EventRow>();
  readonly ended = new Map<string, EndedRow>();
  /** By delivery: when each attempt was made, and in which epoch it was stored. */
  readonly attempts = new Map<string, Made[]>();
  readonly keys = new Map<string, { eventId: string; digest: Buffer; deliveries: number }>();
  /** Failed attempts in a row that counted, by endpoint: now, and at most since it is active. */
  readonly failures = new Map<string, { inARow: number; most: number }>();
  /** Failed attempts that are stored and not counted yet, by endpoint; at least, should a node have died in between. */
  private readonly uncounted = new Map<string, number>();
  /** Endpoints that were switched off after fewer than they may be. */
  readonly switchedOffEarly: string[] = [];
  readonly replays = new Map<string, ReplayRow>();
  readonly settings = new Map<string, string>();
  private epochs = 0;
  private turns = 0;
  private nodeIds = 0;

  noteOutcome(endpointId: string, isFailure: boolean): void {
    const { inARow, most } = this.failures.get(endpointId) ?? { inARow: 0, most: 0 };
    const now = isFailure ? inARow + 1 : 0;
    this.failures.set(endpointId, { inARow: now, most: Math.max(most, now) });
    if (isFailure) this.uncounted.set(endpointId, (this.uncounted.get(endpointId) ?? 0) + 1);
  }

  noteCounted(endpointId: string, failures: number): void {
    this.uncounted.set(endpointId, Math.max(0, (this.uncounted.get(endpointId) ?? 0) - failures));
  }

  /** Failures count anew; but what was stored before is counted after it. */
  forgetFailures(endpointId: string): void {
    const left = this.uncounted.get(endpointId) ?? 0;
    this.failures.set(endpointId, { inARow: left, most: left });
  }

  nextEpoch(): number {
    return ++this.epochs;
  }

  nextNode(): number {
    return ++this.nodeIds;
  }

  /** As the triggers of the table do it: those of an ordering key come in a line. */
  putIntoQueue(row: Omit<QueueRow, 'turn'>): void {
    const isFirst = row.orderingKey === null || this.lineOf(row).length === 0;
    this.queue.set(row.id, { ...row, dueMs: isFirst ? row.dueMs : DUE_IN_TURN, turn: ++this.turns });
  }

  takeOutOfQueue(id: string, nowMs: number): void {
    const row = this.queue.get(id);
    this.queue.delete(id);
    if (row) this.leaveLine(row, nowMs);
  }

  /** The next in line is due. */
  leaveLine(row: QueueRow, nowMs: number): void {
    if (row.orderingKey === null) return;
    const [next] = this.lineOf(row);
    if (next?.dueMs === DUE_IN_TURN) next.dueMs = Math.min(timeOfId(Buffer.from(next.id, 'hex')), nowMs);
  }

  lineOf({ endpointId, orderingKey }: Pick<QueueRow, 'endpointId' | 'orderingKey'>): QueueRow[] {
    const line: QueueRow[] = [];
    for (const row of this.queue.values())
      if (row.endpointId === endpointId && row.orderingKey === orderingKey) line.push(row);
    return line.sort((a, b) => a.turn - b.turn);
  }

  queueOf(endpointId: string): QueueRow[] {
    const rows: QueueRow[] = [];
    for (const row of this.queue.values()) if (row.endpointId === endpointId) rows.push(row);
    return rows.sort((a, b) => a.dueMs - b.dueMs || (a.id < b.id ? -1 : 1));
  }

  /** How many lanes a node owns. */
  lanesOf(node: number): number {
    let count = 0;
    for (const lane of this.lanes.values()) if (lane.node === node) count++;
    return count;
  }

  isAlive(node: number): boolean {
    const row = this.nodes.get(node);
    return row !== undefined && row.deadAtMs === undefined;
  }

  owns(node: number, endpointId: string, epoch: number): boolean {
    const lane = this.lanes.get(endpointId);
    return this.isAlive(node) && lane !== undefined && lane.node === node && lane.epoch === epoch;
  }

  /** What a statement saw when it began may be over when it commits, but not for this: a dead node's statements are ended first. */
  mustBeOwned(node: number, { endpointId, epoch }: { endpointId: string; epoch: number }, what: string): void {
    const lane = this.lanes.get(endpointId);
    if (lane?.node !== node || lane.epoch !== epoch)
      throw new Error(`${what} of node ${node} in epoch ${epoch} of ${endpointId}, which is ${JSON.stringify(lane)}`);
  }

  /** Whether any row says something of a delivery. */
  knows(id: string): boolean {
    return this.queue.has(id) || this.ended.has(id);
  }

  /** Nobody owns the lane from now on: it says when its next delivery is due, or is gone. */
  letGo(endpointId: string): void {
    const lane = this.lanes.get(endpointId);
    const first = this.queueOf(endpointId)[0];
    if (!lane || !first) {
      this.lanes.delete(endpointId);
      return;
    }
    const isHeld = this.endpoints.get(endpointId)?.status === 'inactive' && first.dueMs !== DUE_AT_ONCE;
    lane.node = null;
    lane.nextDueMs = isHeld ? undefined : first.dueMs;
  }

  /** Work has been put into a lane by somebody who may not own it. */
  makeDue(endpointId: string, accountId: string, dueMs: number): LaneRow {
    let lane = this.lanes.get(endpointId);
    if (!lane) {
      lane = { accountId, node: null, epoch: this.nextEpoch(), nextDueMs: dueMs };
      this.lanes.set(endpointId, lane);
    }
    lane.nextDueMs = Math.min(lane.nextDueMs ?? dueMs, dueMs);
    return lane;
  }
}

export function factsOf({ uuid, accountId, endpointId, endpointUuid, event, topic, test }: ActiveDelivery): Facts {
  return { id: hexOf(uuid), accountId, endpointId, endpointUuid, event, topic, test };
}
