import { decodeId } from '../../packages/server/src/domain/ids.ts';
import type { SimulatedNode } from './node.ts';
import type { Receivers } from './receivers.ts';
import { ORDERED } from './store.ts';
import { hexOf, type Tables } from './tables.ts';
import type { World } from './world.ts';

/** Something that is promised does not hold. */
export class Broken extends Error {}

export interface Acknowledged {
  publishedMs: number;
  atMs: number;
  deliveries: number;
}

/** What the invariants look at. */
export interface Observed {
  world: World;
  tables: Tables;
  receivers: Receivers;
  nodes: () => readonly SimulatedNode[];
  urlOf: ReadonlyMap<string, string>;
  isQuiet: boolean;
  /** Events that were acknowledged. */
  acknowledged: ReadonlyMap<string, Acknowledged>;
  /** Resends that were acknowledged: the delivery, and when. */
  resent: readonly { id: string; atMs: number }[];
  /** Deliveries that may have been sent again: the answer can be lost. */
  askedAgain: ReadonlySet<string>;
  /** Young enough to be kept, whatever clocks say. */
  historyKept: readonly string[];
  /** Events by the idempotency key that they were published under. */
  byKey: ReadonlyMap<string, ReadonlySet<string>>;
  ratePerS: number;
  retryDelaysMs: readonly number[];
  concurrency: number;
}

const LOOK_EVERY = 25;
/** On quiet days; a slow statement takes 3 s. */
const SENT_WITHIN_MS = 8_000;
const JITTER = 1.1;

/** What holds after every step, and at the end. */
export class Invariants {
  private received = 0;
  private readonly owners = new Map<string, { node: number | null; epoch: number }>();
  private looks = 0;
  private readonly lately = new Map<string, number[]>();

  constructor(private readonly observed: Observed) {}

  afterEveryStep(): void {
    this.checkRates();
    this.checkOrder();
    if (this.looks++ % LOOK_EVERY !== 0) return;
    this.checkQueue();
    this.checkConcurrency();
    this.checkBounds();
    this.checkEpochs();
  }

  private checkEpochs(): void {
    for (const [endpointId, { node, epoch }] of this.observed.tables.lanes) {
      const before = this.owners.get(endpointId);
      if (before && node !== null && node !== before.node && epoch <= before.epoch)
        throw new Broken(`lane ${endpointId} went from node ${before.node} to ${node} in epoch ${epoch}`);
      this.owners.set(endpointId, { node, epoch });
    }
  }

  private checkQueue(): void {
    const { tables } = this.observed;
    for (const { id, event } of tables.queue.values()) {
      if (tables.ended.has(id)) throw new Broken(`delivery ${id} waits and has ended`);
      if (!tables.events.has(hexOf(event.uuid))) throw new Broken(`the event of ${id} is gone, and it still waits`);
    }
    const [early] = tables.switchedOffEarly;
    if (early !== undefined) throw new Broken(`endpoint ${early} was switched off, and had not failed so often`);
  }

  /** Over all nodes, of whoever owns the lane: what a node that is gone has in flight cannot be taken back. */
  private checkConcurrency(): void {
    const { receivers, tables, urlOf, nodes, concurrency } = this.observed;
    for (const [endpointId, { node }] of tables.lanes) {
      const owner = nodes().find(({ identity }) => identity.id === node)?.given.name;
      const underWay = receivers.underWay.get(urlOf.get(endpointId) ?? '') ?? new Set();
      const count = [...underWay].filter(({ sender }) => sender === owner).length;
      if (count > concurrency) throw new Broken(`${count} requests at a time to ${endpointId}`);
    }
  }

  private checkBounds(): void {
    for (const { parts, given } of this.observed.nodes()) {
      const { inMemory, bytesInMemory, inFlight, bytesInMemoryUnproven } = parts.dispatcher.counts;
      const least = Math.min(inMemory, bytesInMemory, inFlight, bytesInMemoryUnproven);
      if (least < 0) throw new Broken(`${given.name} counts below zero: ${JSON.stringify(parts.dispatcher.counts)}`);
      if (inFlight > 100) throw new Broken(`${given.name} has ${inFlight} requests in flight`);
    }
  }

  private checkRates(): void {
    const { receivers, ratePerS } = this.observed;
    for (; this.received < receivers.received.length; this.received++) {
      const last = receivers.received[this.received];
      if (!last?.endpointUrl.endsWith('/limited')) continue;
      const times = (this.lately.get(last.endpointUrl) ?? []).filter((atMs) => atMs > last.atMs - 1_000);
      times.push(last.atMs);
      this.lately.set(last.endpointUrl, times);
      if (times.length > ratePerS)
        throw new Broken(`${times.length} requests in a second to ${last.endpointUrl} at ${Math.round(last.atMs)} ms`);
    }
  }

  /** Nothing begins of an ordering key while one before it waits, or is under way from the same node. */
  private checkOrder(): void {
    const { receivers, tables, world } = this.observed;
    for (const { url, eventId, sender } of receivers.started.splice(0)) {
      if (!url.endsWith(`/${ORDERED}`)) continue;
      const rowOf = (id: string) =>
        [...tables.queue.values()].find(
          (row) => row.event.id === id && this.observed.urlOf.get(row.endpointId) === url,
        );
      const row = rowOf(eventId);
      if (!row || row.orderingKey === null) continue;
      const before = tables.lineOf(row).find((one) => one !== row && this.isBefore(one.event.id, eventId));
      if (before)
        throw new Broken(`${row.id} began before ${before.id} of its key had ended, at ${Math.round(world.nowMs)} ms`);
      const others = [...(receivers.underWay.get(url) ?? [])].filter((one) => one.sender === sender);
      if (others.filter((one) => rowOf(one.eventId)?.orderingKey === row.orderingKey).length > 1)
        throw new Broken(`two of the key of ${row.id} are under way, at ${Math.round(world.nowMs)} ms`);
    }
  }

  /** One was acknowledged before the other was published: whoever published them relies on that order. */
  private isBefore(first: string, second: string): boolean {
    const { acknowledged } = this.observed;
    const [a, b] = [acknowledged.get(first), acknowledged.get(second)];
    return a !== undefined && b !== undefined && a.atMs < b.publishedMs;
  }

  atTheEnd(): void {
    this.checkAllEnded();
    this.checkArrivals();
    this.checkAcknowledged();
    this.checkAttempts();
    this.checkNothingHeld();
    this.checkHistory();
    if (this.observed.isQuiet) this.checkQuietDay();
  }

  private checkAllEnded(): void {
    const { tables, world } = this.observed;
    for (const { id, attempts, dueMs, endpointId } of tables.queue.values()) {
      const dueInMs = Math.round(dueMs - world.wallMs);
      const lane = JSON.stringify(tables.lanes.get(endpointId));
      throw new Broken(`delivery ${id} still waits after ${attempts} attempts, due in ${dueInMs} ms, lane ${lane}`);
    }
    for (const { event, handedOver } of tables.events.values()) {
      const open = handedOver.find(({ id }) => !tables.ended.has(id));
      if (open) throw new Broken(`event ${event.id} is stored, and its delivery ${open.id} has not ended`);
    }
    for (const { replay } of tables.replays.values()) {
      if (replay.status === 'running') throw new Broken(`replay ${replay.id} still runs`);
    }
  }

  private checkArrivals(): void {
    const { tables, receivers, urlOf } = this.observed;
    const arrived = new Set(receivers.received.map(({ endpointUrl, eventId }) => `${endpointUrl} ${eventId}`));
    for (const { status, endpointId, event } of tables.ended.values()) {
      if (status !== 'succeeded' || event.trigger === HISTORY_TRIGGER) continue;
      if (!arrived.has(`${urlOf.get(endpointId)} ${event.id}`))
        throw new Broken(`event ${event.id} succeeded at ${endpointId} and never arrived`);
    }
  }

  private checkAcknowledged(): void {
    const { tables, acknowledged, resent, byKey } = this.observed;
    const ended = new Map<string, number>();
    // One that was skipped may have been sent later, because somebody asked for it.
    for (const { status, event } of tables.ended.values())
      if (status !== 'skipped') ended.set(event.id, (ended.get(event.id) ?? 0) + 1);
    for (const [key, ids] of byKey) if (ids.size > 1) throw new Broken(`key ${key} stands for ${ids.size} events`);
    for (const [id, { deliveries }] of acknowledged) {
      if (!tables.events.has(hexOf(decodeId('evt', id) ?? new Uint8Array())))
        throw new Broken(`event ${id} was acknowledged and is not stored`);
      const count = ended.get(id) ?? 0;
      if (count < deliveries) throw new Broken(`event ${id} goes to ${deliveries} endpoints, and ${count} have ended`);
    }
    for (const { id, atMs } of resent) {
      const ended = tables.ended.get(id);
      const isGone = !ended || ended.reason === 'endpoint_deleted';
      if (!isGone && !tables.attempts.get(id)?.some(({ storedMs }) => storedMs >= atMs))
        throw new Broken(`delivery ${id} was to be sent again at ${Math.round(atMs)} ms, and was not`);
    }
  }

  private checkAttempts(): void {
    const { tables } = this.observed;
    for (const [id, made] of tables.attempts) {
      made.forEach(({ number, epoch }, i) => {
        if (number !== i + 1) throw new Broken(`delivery ${id} has attempt ${number} where ${i + 1} belongs`);
        const before = made[i - 1]?.epoch ?? 0;
        if (epoch < before) throw new Broken(`delivery ${id}: an outcome of epoch ${epoch} counted after ${before}`);
      });
    }
    for (const { id, test, attempts, reason, status } of tables.ended.values()) {
      if (status !== 'skipped' && attempts !== (tables.attempts.get(id)?.length ?? attempts))
        throw new Broken(`delivery ${id} ended with ${attempts} attempts and has others in its history`);
      if (test && attempts > 1 && !this.observed.askedAgain.has(id) && tables.replays.size === 0)
        throw new Broken(`test ${id} was tried ${attempts} times (${reason})`);
    }
  }

  private checkNothingHeld(): void {
    const { tables, nodes } = this.observed;
    for (const { parts, given, identity } of nodes()) {
      const { inMemory, bytesInMemory, inFlight, lanes, backlogged } = parts.dispatcher.counts;
      if (inMemory + bytesInMemory + inFlight > 0 || backlogged > lanes)
        throw new Broken(`${given.name} still has something in memory: ${JSON.stringify(parts.dispatcher.counts)}`);
      if ([...parts.dispatcher.onlyInMemory].length > 0) throw new Broken(`${given.name} holds the watermark back`);
      const owned = tables.lanesOf(identity.id);
      if (owned !== lanes) throw new Broken(`${given.name} knows ${lanes} lanes, and owns ${owned}`);
    }
    const alive = new Set(nodes().map(({ identity }) => identity.id));
    for (const [endpointId, { node }] of tables.lanes)
      if (node !== null && !alive.has(node))
        throw new Broken(`lane ${endpointId} belongs to node ${node}, which is gone`);
  }

  private checkHistory(): void {
    const { tables, historyKept } = this.observed;
    for (const id of historyKept)
      if (!tables.ended.has(id)) throw new Broken(`delivery ${id} was dropped while it was to be kept`);
  }

  /** Nothing went wrong: everything is answered well once, tried again when it is due, and in order where a rate is kept. */
  private checkQuietDay(): void {
    const { receivers, acknowledged, nodes, world, retryDelaysMs } = this.observed;
    const requests = new Map<string, number[]>();
    const newest = new Map<string, string>();
    for (const { endpointUrl, eventId, startedMs } of receivers.received) {
      const times = requests.get(`${endpointUrl} ${eventId}`) ?? [];
      requests.set(`${endpointUrl} ${eventId}`, times);
      const isFirst = times.push(startedMs) === 1;
      if (endpointUrl.endsWith('/standard')) {
        const dueMs = isFirst
          ? (acknowledged.get(eventId)?.atMs ?? world.nowMs)
          : (times.at(-2) ?? 0) + (retryDelaysMs[times.length - 2] ?? 0) * JITTER;
        if (startedMs - dueMs > SENT_WITHIN_MS)
          throw new Broken(`event ${eventId} was sent to ${endpointUrl} ${Math.round(startedMs - dueMs)} ms late`);
      } else if (endpointUrl.endsWith('/limited') && isFirst && nodes().length === 1) {
        if ((newest.get(endpointUrl) ?? '') > eventId) throw new Broken(`event ${eventId} came late to ${endpointUrl}`);
        newest.set(endpointUrl, eventId);
      }
    }
    for (const made of this.observed.tables.ended.values()) {
      const url = this.observed.urlOf.get(made.endpointId);
      const count = requests.get(`${url} ${made.event.id}`)?.length ?? 0;
      if (made.event.trigger !== HISTORY_TRIGGER && count !== made.attempts)
        throw new Broken(`event ${made.event.id} was sent ${count} times to ${url} in ${made.attempts} attempts`);
    }
  }
}

/** Of what was there before the simulation began. */
export const HISTORY_TRIGGER = 'before.all';
