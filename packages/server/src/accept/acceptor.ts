import type { Dispatcher, Reservation, SendOptions } from '../dispatch/dispatcher.ts';
import { Bag } from '../domain/bag.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { encodeId, type IdSource } from '../domain/ids.ts';
import type { ActiveDelivery, StoredEvent } from '../domain/model.ts';
import { newDelivery } from '../domain/new-delivery.ts';
import type { Directory, KnownAccount, KnownEndpoint } from '../fanout/directory.ts';
import { fanOut } from '../fanout/fan-out.ts';
import { DatabaseUnavailable, isOutage, kindOf } from '../storage/database-errors.ts';
import type { AcceptBatch, AcceptResult, QueueStore } from '../storage/store.ts';
import { GroupCommit } from './group-commit.ts';
import type { Publication } from './publication.ts';
import { findRepeats, keyOf } from './repeats.ts';

/** Events and deliveries of one statement: it takes some 50 ms, and everybody else waits for that long. */
const BATCH_ROWS_MAX = 2_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** What may wait to be stored before publishers are told to come back later. */
const WAITING_EVENTS_MAX = 20_000;
const WAITING_BYTES_MAX = 128 * 1024 * 1024;
/** Before everything else that waits for the same endpoint. */
const URGENT_AT_MS = 0;
/** How soon deliveries are looked after whose event was stored without an answer. */
const RECOVER_AFTER_MS = 1_000;
/** An account that changes faster than it can be read is an error somewhere, not a reason to go on for ever. */
const STALE_ROUNDS_MAX = 20;

export interface Accepted {
  id: string;
  /** To how many endpoints it and what it implies are sent. */
  deliveries: number;
}

export interface AcceptedTest {
  delivery: ActiveDelivery;
  /** Whether this node sends it: else nobody is told here when it is settled. */
  isSentHere: boolean;
}

interface Waiting {
  publication: Publication;
  resolve: (accepted: Accepted) => void;
  reject: (error: unknown) => void;
}

/** What one publication becomes in a batch. */
interface Planned {
  waiting: Waiting;
  /** Its place in the batch. */
  index: number;
  event: StoredEvent;
  deliveries: { delivery: ActiveDelivery; reservation: Reservation }[];
}

/** A batch whose answer is not here, or was lost. */
interface Unanswered {
  eventIds: readonly Uint8Array[];
  handedOver: readonly ActiveDelivery[];
}

interface LostAnswer extends Unanswered {
  letLanesGo: () => void;
}

/**
 * Accepts events: group commit, idempotency, and hand-over to the dispatcher. A promise that resolves means that the
 * event and its deliveries are committed.
 */
export class Acceptor {
  private readonly commit: GroupCommit<Waiting>;
  private isStopping = false;
  private readonly underWay = new Bag<Unanswered>();
  private readonly lostAnswers = new Set<LostAnswer>();
  private readonly tests = new Set<Promise<AcceptedTest>>();

  constructor(
    private readonly parts: {
      queue: QueueStore;
      directory: Directory;
      dispatcher: Dispatcher;
      ids: IdSource;
      clock: Clock;
      /** `watermark`: what is handed over from memory belongs to events from this id on. */
      node: { readonly id: number; readonly watermark: Uint8Array };
      /** Makes the partitions of the days that hold these moments. */
      makePartitions: (ms: readonly number[]) => Promise<void>;
      /** Resolves when the next batch may be stored. */
      yieldToDelivering: () => Promise<void>;
      onWritten: (size: number, ms: number) => void;
      /** What to say of an account that is not here. */
      missing: (accountId: string) => Promise<Problem>;
      /** Told of every event that is stored, where somebody traces them. */
      onAccepted?: ((event: StoredEvent, traceparent: string | undefined) => void) | undefined;
    },
  ) {
    this.commit = new GroupCommit({
      max: { rows: BATCH_ROWS_MAX, bytes: BATCH_BYTES_MAX },
      costOf: ({ publication: { payload, implied, planned } }) => ({
        rows: 1 + implied.length + planned,
        bytes: implied.reduce((sum, i) => sum + i.payload.length, payload.length),
      }),
      ownerOf: ({ publication }) => publication.accountId,
      before: parts.yieldToDelivering,
      write: (batch) => this.write(batch),
      onWritten: parts.onWritten,
    });
  }

  /** @throws Problem `account_not_found`, `idempotency_conflict`, `overloaded`, `database_unavailable`, `shutting_down` */
  accept(publication: Publication): Promise<Accepted> {
    if (this.isStopping) return Promise.reject(new Problem('shutting_down'));
    if (this.commit.size >= WAITING_EVENTS_MAX || this.commit.bytes >= WAITING_BYTES_MAX) {
      return Promise.reject(new Problem('overloaded'));
    }
    return new Promise((resolve, reject) => this.commit.add({ publication, resolve, reject }));
  }

  /**
   * Stores one event for one endpoint only and sends it at once, whatever the endpoint's status: a test.
   * The event is marked as a test, is tried once and counts for nothing.
   * @throws Problem `account_not_found`, `overloaded`, `database_unavailable`, `shutting_down`
   */
  async acceptTest(...test: Parameters<Acceptor['storeTest']>): Promise<AcceptedTest> {
    if (this.isStopping) throw new Problem('shutting_down');
    const stored = this.storeTest(...test);
    this.tests.add(stored);
    try {
      return await stored;
    } finally {
      this.tests.delete(stored);
    }
  }

  private async storeTest(
    endpoint: KnownEndpoint,
    trigger: string,
    topic: string | null,
    payload: Buffer,
    options: SendOptions,
  ): Promise<AcceptedTest> {
    const { ids, dispatcher, node } = this.parts;
    const own = { accountId: endpoint.accountId, externalId: null, byTopic: false };
    const event = this.newEvent({ trigger, payload }, own, true);
    const delivery = newDelivery(ids.nextUuid(), endpoint, topic, event, true);
    for (let round = 0; ; round++) {
      const reservation = dispatcher.reserveNow(endpoint, payload.length, options);
      // Tests have no place in a feed.
      const batch = emptyBatch([endpoint.accountId], new Map([[endpoint.accountId, null]]), event.createdAtMs);
      batch.events.push({ publication: 0, event, handedOver: [] });
      batch.planned.push({ publication: 0, delivery, dueAtMs: URGENT_AT_MS, isHandedOver: false });
      addLane(batch, endpoint, reservation.epoch);
      delivery.isStored = true;
      let result: AcceptResult;
      try {
        result = await this.store(batch);
      } catch (error) {
        reservation.cancel();
        throw error;
      }
      if (result.refused.size === 0) {
        const epoch = ownedAfter(batch, result, node.id).get(endpoint.id);
        return { delivery, isSentHere: reservation.commit(delivery, epoch) };
      }
      reservation.cancel();
      if (result.lost.length === 0 || round === STALE_ROUNDS_MAX) throw new Problem('account_not_found');
    }
  }

  /** The smallest id of an event whose batch may be stored without anybody having taken its deliveries yet. */
  get oldestUnanswered(): Uint8Array | undefined {
    const ids = [...this.underWay, ...this.lostAnswers].flatMap(({ eventIds }) => eventIds);
    return ids.reduce<Uint8Array | undefined>(
      (a, b) => (a === undefined || Buffer.compare(b, a) < 0 ? b : a),
      undefined,
    );
  }

  /** After the database was away: what was stored without an answer is put into the queue. */
  async recover(): Promise<number> {
    let queued = 0;
    for (const lost of [...this.lostAnswers]) {
      if (lost.handedOver.length > 0) queued += await this.parts.queue.requeue(lost.handedOver, this.parts.clock.now());
      this.lostAnswers.delete(lost);
      lost.letLanesGo();
    }
    return queued;
  }

  /** Takes nothing more, and resolves when what was taken is stored. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.commit.drained();
    await Promise.allSettled(this.tests);
  }

  private async write(batch: Waiting[]): Promise<void> {
    const { first, repeats } = splitRepeats(batch);
    await this.writeAll(first);
    if (repeats.length > 0) await this.writeRepeats(repeats);
  }

  /** Stores and answers. What the database cannot store is halved until the one publication is found that it refuses. */
  private async writeAll(all: Waiting[]): Promise<void> {
    let open = all;
    try {
      for (let round = 0; open.length > 0 && round < STALE_ROUNDS_MAX; round++) open = await this.tryWrite(open);
      if (open.length > 0) throw new Problem('overloaded', 'The account is changing too fast; try again.');
    } catch (error) {
      if (kindOf(error) === 'bad_row' && open.length > 1) {
        const half = Math.ceil(open.length / 2);
        await this.writeAll(open.slice(0, half));
        await this.writeAll(open.slice(half));
      } else for (const waiting of open) waiting.reject(toProblem(error));
    }
  }

  /** The first publication under each key is stored by now; if it was refused, its repeats try for themselves. */
  private async writeRepeats(repeats: Waiting[]): Promise<void> {
    try {
      for (const waiting of await this.answerRepeats(repeats)) this.commit.add(waiting);
    } catch (error) {
      for (const waiting of repeats) waiting.reject(toProblem(error));
    }
  }

  /** One round. Answers what has to go round again. */
  private async tryWrite(open: Waiting[]): Promise<Waiting[]> {
    const { directory } = this.parts;
    const accounts = await this.loadAccounts(open);
    const known = open.filter((waiting) => {
      const exists = accounts.has(waiting.publication.accountId);
      if (!exists) void this.parts.missing(waiting.publication.accountId).then(waiting.reject, waiting.reject);
      return exists;
    });
    if (known.length === 0) return [];

    const versions = new Map([...accounts].map(([id, a]) => [id, a.version]));
    const accountIds = known.map((waiting) => waiting.publication.accountId);
    const batch = emptyBatch(accountIds, versions, this.parts.clock.now());
    batch.hasFeed = [...accounts.values()].some(({ hasFeed }) => hasFeed);
    const planned = known.map((waiting, i) => this.plan(waiting, i, accounts, batch));
    // In one order everywhere: two nodes that store the same keys wait for each other in turn, not crosswise.
    batch.keys.sort((a, b) => (a.accountId + a.key < b.accountId + b.key ? -1 : 1));
    let result: AcceptResult;
    try {
      result = await this.store(batch);
    } catch (error) {
      for (const plan of planned) takeBack(plan);
      throw error;
    }
    const { refused, stale } = result;
    for (const id of stale) directory.forget(id);
    const owned = ownedAfter(batch, result, this.parts.node.id);
    planned.forEach((plan, i) => {
      if (refused.has(i)) takeBack(plan);
      else this.finish(plan, owned);
    });
    const again = known.filter((_, i) => refused.has(i));
    return again.length === 0 ? [] : await this.answerRepeats(again);
  }

  /**
   * A day that has no partition yet gets it: the clock may be ahead of what maintenance has made. Whatever was answered
   * of lanes counts from here on.
   */
  private async store(batch: AcceptBatch): Promise<AcceptResult> {
    const { dispatcher, makePartitions } = this.parts;
    const unanswered = {
      eventIds: batch.events.map(({ event }) => event.uuid),
      handedOver: batch.events.flatMap(({ handedOver }) => handedOver),
    };
    const entry = this.underWay.add(unanswered);
    try {
      const result = await this.tryStore(batch).catch(async (error: unknown) => {
        if (kindOf(error) !== 'no_partition') throw error;
        await makePartitions(batch.events.map(({ event }) => event.createdAtMs));
        return await this.tryStore(batch);
      });
      for (const id of result.lost) dispatcher.lose(id, batch.lanes.get(id)?.epoch ?? 0);
      dispatcher.adopt(
        result.lanes.map((lane) => ({ ...lane, accountId: batch.lanes.get(lane.endpointId)?.accountId ?? '' })),
      );
      return result;
    } catch (error) {
      if (error instanceof DatabaseUnavailable && error.mayBeStored) {
        this.lostAnswers.add({ ...unanswered, letLanesGo: dispatcher.holdLanes() });
        dispatcher.noteLostAnswer();
        this.recoverLater();
      }
      throw error;
    } finally {
      this.underWay.remove(entry);
    }
  }

  /** The answer may have been lost while the database was being recovered: then nobody else looks. */
  private recoverLater(): void {
    this.parts.clock.after(RECOVER_AFTER_MS, () => {
      this.recover().catch(() => this.recoverLater());
    });
  }

  private tryStore(batch: AcceptBatch): Promise<AcceptResult> {
    const { queue, node, dispatcher } = this.parts;
    return queue.accept(batch, node.id, dispatcher.ownsLanes);
  }

  private async loadAccounts(open: readonly Waiting[]): Promise<Map<string, KnownAccount>> {
    const accounts = new Map<string, KnownAccount>();
    for (const id of new Set(open.map((waiting) => waiting.publication.accountId))) {
      const account = this.parts.directory.peek(id) ?? (await this.parts.directory.get(id));
      if (account) accounts.set(id, account);
    }
    return accounts;
  }

  private plan(
    waiting: Waiting,
    index: number,
    accounts: ReadonlyMap<string, KnownAccount>,
    batch: AcceptBatch,
  ): Planned {
    const { publication } = waiting;
    const account = accounts.get(publication.accountId);
    const event = this.newEvent(publication, publication);
    const planned: Planned = { waiting, index, event, deliveries: [] };
    this.planEvent(event, publication.topics, account, planned, batch);
    for (const implied of publication.implied) {
      const more = { accountId: publication.accountId, externalId: null, byTopic: false };
      this.planEvent(this.newEvent(implied, more), implied.topics, account, planned, batch);
    }
    for (const key of publication.keys) {
      const digest = publication.digest ?? Buffer.alloc(0);
      batch.keys.push({
        publication: index,
        accountId: event.accountId,
        key,
        digest,
        eventId: event.id,
        deliveries: planned.deliveries.length,
      });
    }
    return planned;
  }

  private newEvent(
    { trigger, payload }: Pick<Publication, 'trigger' | 'payload'>,
    { accountId, externalId, byTopic }: Pick<Publication, 'accountId' | 'externalId' | 'byTopic'>,
    test = false,
  ): StoredEvent {
    const uuid = this.parts.ids.nextUuid();
    const createdAtMs = this.parts.clock.now();
    return {
      id: encodeId('evt', uuid),
      uuid,
      externalId,
      accountId,
      trigger,
      byTopic,
      test,
      payload,
      createdAtMs,
    };
  }

  private planEvent(
    event: StoredEvent,
    topics: readonly string[] | null,
    account: KnownAccount | undefined,
    planned: Planned,
    batch: AcceptBatch,
  ): void {
    const { ids, dispatcher, node } = this.parts;
    const publication = planned.index;
    // What is older would not be looked for if this node died: its clock was ahead before.
    const mayHandOver = Buffer.compare(event.uuid, node.watermark) >= 0;
    const handedOver: ActiveDelivery[] = [];
    for (const { endpoint, topic, skip, orderingKey = null } of account ? fanOut(account, event, topics) : []) {
      const delivery = newDelivery(ids.nextUuid(), endpoint, topic, event, false, orderingKey);
      if (skip !== undefined) {
        batch.skipped.push({ publication, delivery, reason: skip });
        continue;
      }
      // What may have to wait for its turn goes through the queue, which knows the line.
      const reservation = dispatcher.reserve(endpoint, event.payload.length, mayHandOver && orderingKey === null);
      const { isHandedOver, epoch } = reservation;
      planned.deliveries.push({ delivery, reservation });
      addLane(batch, endpoint, epoch);
      if (isHandedOver) handedOver.push(delivery);
      if (!isHandedOver || epoch === null) {
        batch.planned.push({ publication, delivery, dueAtMs: event.createdAtMs, isHandedOver });
      }
    }
    batch.events.push({ publication, event, handedOver });
  }

  private finish({ waiting, event, deliveries }: Planned, owned: ReadonlyMap<string, number>): void {
    waiting.resolve({ id: event.externalId ?? event.id, deliveries: deliveries.length });
    this.parts.onAccepted?.(event, waiting.publication.traceparent);
    for (const { delivery, reservation } of deliveries) {
      reservation.commit(delivery, owned.get(delivery.endpointId));
    }
  }

  /** Answers publications whose key stands for an earlier event; the rest goes round again. */
  private async answerRepeats(known: Waiting[]): Promise<Waiting[]> {
    const repeats = await findRepeats(
      this.parts.queue,
      known.map(({ publication }) => publication),
    );
    return known.filter(({ resolve, reject }, i) => {
      const earlier = repeats[i];
      if (earlier instanceof Problem) reject(earlier);
      else if (earlier) resolve(earlier);
      return !earlier;
    });
  }
}

/** Of several publications under one key in a batch, the first is stored, and the others are answered by it. */
function splitRepeats(batch: Waiting[]): { first: Waiting[]; repeats: Waiting[] } {
  const seen = new Set<string>();
  const repeats: Waiting[] = [];
  const first = batch.filter((waiting) => {
    const keys = waiting.publication.keys.map((key) => keyOf(waiting.publication.accountId, key));
    const isRepeat = keys.some((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    if (isRepeat) repeats.push(waiting);
    return !isRepeat;
  });
  return { first, repeats };
}

function toProblem(error: unknown): unknown {
  if (error instanceof Problem) return error;
  const kind = kindOf(error);
  if (isOutage(kind)) return new Problem('database_unavailable');
  if (kind === 'busy' || kind === 'no_partition') return new Problem('overloaded', 'The database is busy; try again.');
  return error;
}

function takeBack({ deliveries }: Planned): void {
  for (const { reservation } of deliveries) reservation.cancel();
}

function emptyBatch(accountIds: readonly string[], versions: AcceptBatch['versions'], nowMs: number): AcceptBatch {
  return {
    versions,
    hasFeed: false,
    accountIds,
    events: [],
    keys: [],
    planned: [],
    skipped: [],
    lanes: new Map(),
    nowMs,
  };
}

function addLane(batch: AcceptBatch, { id, uuid, accountId }: KnownEndpoint, epoch: number | null): void {
  if (!batch.lanes.has(id)) batch.lanes.set(id, { endpointUuid: uuid, accountId, epoch });
}

/** The epochs in which lanes are this node's, after a batch has been stored. */
function ownedAfter(batch: AcceptBatch, { lanes }: AcceptResult, node: number): ReadonlyMap<string, number> {
  const owned = new Map<string, number>();
  for (const [endpointId, { epoch }] of batch.lanes) if (epoch !== null) owned.set(endpointId, epoch);
  for (const lane of lanes) if (lane.node === node) owned.set(lane.endpointId, lane.epoch);
  return owned;
}
