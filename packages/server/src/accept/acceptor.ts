import type { Dispatcher, SendOptions } from '../dispatch/dispatcher.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { encodeId, type IdSource } from '../domain/ids.ts';
import type { LeasedDelivery, StoredEvent } from '../domain/model.ts';
import type { Directory, KnownAccount, KnownEndpoint } from '../fanout/directory.ts';
import { fanOut } from '../fanout/fan-out.ts';
import { isOutage, kindOf } from '../storage/database-errors.ts';
import type { AcceptBatch, AcceptResult, QueueStore } from '../storage/store.ts';
import { GroupCommit } from './group-commit.ts';
import type { Publication } from './publication.ts';

/** Events and deliveries of one statement: it takes some 50 ms, and everybody else waits for that long. */
const BATCH_ROWS_MAX = 2_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** What may wait to be stored before publishers are told to come back later. */
const WAITING_EVENTS_MAX = 20_000;
const WAITING_BYTES_MAX = 128 * 1024 * 1024;
/** An account that changes faster than it can be read is an error somewhere, not a reason to go on for ever. */
const STALE_ROUNDS_MAX = 20;

export interface Accepted {
  id: string;
  /** To how many endpoints it and what it implies are sent. */
  deliveries: number;
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
  deliveries: number;
  handedOver: { delivery: LeasedDelivery; endpoint: KnownEndpoint }[];
  backlog: KnownEndpoint[];
}

/**
 * Accepts events: group commit, idempotency, and hand-over to the dispatcher. A promise that resolves means that the
 * event and its deliveries are committed.
 */
export class Acceptor {
  private readonly commit: GroupCommit<Waiting>;
  private isStopping = false;

  constructor(
    private readonly parts: {
      queue: QueueStore;
      directory: Directory;
      dispatcher: Dispatcher;
      ids: IdSource;
      clock: Clock;
      node: { readonly id: number };
      /** Makes the partitions of the days that hold these moments. */
      makePartitions: (ms: readonly number[]) => Promise<void>;
      onWritten: (size: number, ms: number) => void;
    },
  ) {
    this.commit = new GroupCommit({
      max: { rows: BATCH_ROWS_MAX, bytes: BATCH_BYTES_MAX },
      costOf: ({ publication: { payload, implied, planned } }) => ({
        rows: 1 + implied.length + planned,
        bytes: implied.reduce((sum, i) => sum + i.payload.length, payload.length),
      }),
      ownerOf: ({ publication }) => publication.accountId,
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
  async acceptTest(
    endpoint: KnownEndpoint,
    trigger: string,
    topic: string | null,
    payload: Buffer,
    options: SendOptions,
  ): Promise<string> {
    const { ids, dispatcher } = this.parts;
    if (this.isStopping) throw new Problem('shutting_down');
    const own = { accountId: endpoint.accountId, externalId: null, byTopic: false };
    const event = this.newEvent({ trigger, payload }, own, true);
    const delivery = newDelivery(ids.nextUuid(), endpoint, topic, event);
    const batch: AcceptBatch = {
      versions: new Map([[endpoint.accountId, null]]),
      accountIds: [endpoint.accountId],
      events: [{ publication: 0, event }],
      keys: [],
      queued: [{ publication: 0, delivery, endpointUuid: endpoint.uuid, dueAtMs: event.createdAtMs, leased: true }],
      skipped: [],
      nowMs: event.createdAtMs,
    };
    dispatcher.reserveNow(endpoint.id, endpoint.accountId, payload.length);
    try {
      if ((await this.store(batch)).refused.size > 0) throw new Problem('account_not_found');
    } catch (error) {
      dispatcher.unreserve(endpoint.id, payload.length);
      throw error;
    }
    dispatcher.sendNow(delivery, options);
    return encodeId('dlv', delivery.uuid);
  }

  /** Takes nothing more, and resolves when what was taken is stored. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.commit.drained();
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
      if (!exists) waiting.reject(new Problem('account_not_found'));
      return exists;
    });
    if (known.length === 0) return [];

    const batch: AcceptBatch = {
      versions: new Map([...accounts].map(([id, a]) => [id, a.version])),
      accountIds: known.map((waiting) => waiting.publication.accountId),
      events: [],
      keys: [],
      queued: [],
      skipped: [],
      nowMs: this.parts.clock.now(),
    };
    const planned = known.map((waiting, i) => this.plan(waiting, i, accounts, batch));
    // In one order everywhere: two nodes that store the same keys wait for each other in turn, not crosswise.
    batch.keys.sort((a, b) => (a.accountId + a.key < b.accountId + b.key ? -1 : 1));
    let refused: ReadonlySet<number> | undefined;
    try {
      const result = await this.store(batch);
      refused = result.refused;
      for (const id of result.stale) directory.forget(id);
    } finally {
      planned.forEach((plan, i) => {
        if (refused && !refused.has(i)) this.finish(plan);
        else this.takeBack(plan);
      });
    }
    const again = known.filter((_, i) => refused?.has(i));
    return again.length === 0 ? [] : await this.answerRepeats(again);
  }

  /** A day that has no partition yet gets it: the clock may be ahead of what maintenance has made. */
  private async store(batch: AcceptBatch): Promise<AcceptResult> {
    const { queue, node, makePartitions } = this.parts;
    try {
      return await queue.accept(batch, node.id);
    } catch (error) {
      if (kindOf(error) !== 'no_partition') throw error;
      await makePartitions(batch.events.map(({ event }) => event.createdAtMs));
      return await queue.accept(batch, node.id);
    }
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
    const planned: Planned = { waiting, index, event, deliveries: 0, handedOver: [], backlog: [] };
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
        deliveries: planned.deliveries,
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
    const { ids, dispatcher } = this.parts;
    const publication = planned.index;
    for (const { endpoint, topic, skip } of account ? fanOut(account, event.trigger, topics) : []) {
      const delivery = newDelivery(ids.nextUuid(), endpoint, topic, event);
      if (skip !== undefined) {
        batch.skipped.push({ publication, delivery, endpointUuid: endpoint.uuid, reason: skip });
        continue;
      }
      planned.deliveries++;
      const leased = dispatcher.reserve(endpoint, event.payload.length);
      if (leased) planned.handedOver.push({ delivery, endpoint });
      else planned.backlog.push(endpoint);
      batch.queued.push({ publication, delivery, endpointUuid: endpoint.uuid, dueAtMs: event.createdAtMs, leased });
    }
    batch.events.push({ publication, event });
  }

  private finish({ waiting, event, deliveries, handedOver, backlog }: Planned): void {
    waiting.resolve({ id: event.externalId ?? event.id, deliveries });
    for (const { delivery, endpoint } of handedOver) this.parts.dispatcher.handOver(delivery, endpoint);
    for (const endpoint of backlog) this.parts.dispatcher.noteBacklog(endpoint.id, endpoint.accountId);
  }

  private takeBack({ handedOver }: Planned): void {
    for (const { delivery, endpoint } of handedOver) {
      this.parts.dispatcher.unreserve(endpoint.id, delivery.event.payload.length);
    }
  }

  /** Answers publications whose key stands for an earlier event; the rest goes round again. */
  private async answerRepeats(known: Waiting[]): Promise<Waiting[]> {
    const asked = known.flatMap(({ publication: { accountId, keys } }) => keys.map((key) => ({ accountId, key })));
    const found = await this.parts.queue.findKeys(asked);
    const entries = new Map(found.map((entry) => [keyOf(entry.accountId, entry.key), entry]));
    return known.filter(({ publication, resolve, reject }) => {
      const taken = publication.keys.flatMap((key) => entries.get(keyOf(publication.accountId, key)) ?? []);
      const [first] = taken;
      if (!first) return true;
      if (taken.every((entry) => publication.digest !== null && entry.digest.equals(publication.digest))) {
        resolve({ id: publication.externalId ?? first.eventId, deliveries: first.deliveries });
      } else reject(new Problem('idempotency_conflict'));
      return false;
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

function keyOf(accountId: string, key: string): string {
  return `${accountId} ${key}`;
}

function newDelivery(
  uuid: Uint8Array,
  endpoint: KnownEndpoint,
  topic: string | null,
  event: StoredEvent,
): LeasedDelivery {
  return {
    uuid,
    accountId: endpoint.accountId,
    endpointId: endpoint.id,
    topic,
    test: event.test,
    attempts: 0,
    tries: 0,
    event,
  };
}
