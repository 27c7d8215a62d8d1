import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import type { IdSource } from '../domain/ids.ts';
import { Rounds } from '../domain/rounds.ts';
import type { Directory } from '../fanout/directory.ts';
import type { DueEvent, Publishing, ScheduledEventStore } from '../storage/page-store.ts';
import type { EventStore, QueueStore } from '../storage/store.ts';
import type { Accepted, Acceptor } from './acceptor.ts';
import { type EventInput, type Publication, toPublication } from './publication.ts';
import { digestOfEvent, parseRawBody, payloadOf } from './read-events.ts';

const LOOK_EVERY_MS = 1_000;
/** What is published in one transaction. */
const AT_ONCE = { count: 500, bytes: 8 * 1024 * 1024 };
const AHEAD_MAX_MS = 366 * 86_400_000;
/** Of one account. */
const WAITING_MAX = 100_000;

/** Its time, when an event is not published at once. */
export interface Scheduled extends Accepted {
  scheduledForMs: number;
}

/**
 * Publishes events when their time has come: those that were put down for later, and those that an application has published
 * with SQL. Each is published under an idempotency key of its own, so one whose publication was not noted is no second event.
 */
export class Scheduler {
  private readonly rounds: Rounds;
  private looking: Promise<void> | undefined;
  private isLookingAgain = false;
  private hasStarted = false;

  constructor(
    private readonly parts: {
      store: ScheduledEventStore;
      queue: QueueStore;
      events: EventStore;
      acceptor: Acceptor;
      directory: Directory;
      ids: IdSource;
      clock: Clock;
      isUp: () => boolean;
      onError: (error: unknown) => void;
      onPublished: () => void;
      /** Told of each that is refused. */
      onRefused: (event: DueEvent, error: { code: string; detail: string }) => void;
    },
  ) {
    this.rounds = new Rounds(parts);
  }

  start(): void {
    this.hasStarted = true;
    this.rounds.every(LOOK_EVERY_MS, () => this.look());
  }

  async stop(): Promise<void> {
    this.hasStarted = false;
    await this.rounds.stop();
    // What went wrong with it has been told where it began.
    await this.looking?.catch(() => {});
  }

  /** Something may be due: an application has committed. */
  wake(): void {
    if (this.hasStarted) this.look().catch(this.parts.onError);
  }

  /**
   * Puts an event down for later. What is checked now is checked again when it is published.
   * @param key of the Idempotency-Key header
   * @throws Problem `invalid_request`, `idempotency_conflict`, `limit_reached`
   */
  async schedule(
    publication: Publication,
    { key, atMs, pointer }: { key: string | undefined; atMs: number; pointer: string },
  ): Promise<Scheduled> {
    const { store, ids, clock } = this.parts;
    const { accountId, externalId, trigger } = publication;
    if (atMs > clock.now() + AHEAD_MAX_MS) {
      const place = { pointer: `${pointer}/scheduled_for`, detail: 'is more than 366 days ahead' };
      throw new Problem('invalid_request', `${place.pointer}: ${place.detail}`, [place]);
    }
    const published = await this.findPublished(publication);
    if (published) return { ...published, scheduledForMs: atMs };
    const digest = digestOfEvent(trigger, externalId ?? undefined, publication.payload);
    const idempotencyKey = key ?? null;
    const event = {
      uuid: ids.nextUuid(),
      accountId,
      externalId,
      idempotencyKey,
      trigger,
      input: inputOf(publication),
      digest,
      dueAtMs: atMs,
    };
    const kept = await store.add(event, WAITING_MAX);
    if (!kept) throw new Problem('limit_reached', `An account has at most ${WAITING_MAX} scheduled events.`);
    if (!kept.isNew && (!kept.digest.equals(digest) || kept.dueAtMs !== atMs))
      throw new Problem('idempotency_conflict');
    return { id: externalId ?? kept.id, deliveries: 0, scheduledForMs: atMs };
  }

  /** A repeat may come when the first has been published already. */
  private async findPublished({ accountId, keys, digest, externalId }: Publication): Promise<Accepted | undefined> {
    if (keys.length === 0) return undefined;
    const found = await this.parts.queue.findKeys(keys.map((key) => ({ accountId, key })));
    const [first] = found;
    if (!first) return undefined;
    if (!found.every((entry) => digest?.equals(entry.digest))) throw new Problem('idempotency_conflict');
    const event = externalId === null ? await this.parts.events.find(accountId, first.eventId) : undefined;
    return { id: externalId ?? event?.externalId ?? first.eventId, deliveries: first.deliveries };
  }

  /** Called while it is under way, it looks once more. */
  private look(): Promise<void> {
    this.isLookingAgain = true;
    this.looking ??= this.lookAll().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async lookAll(): Promise<void> {
    const { store, clock, isUp } = this.parts;
    while (this.isLookingAgain && this.hasStarted && isUp()) {
      this.isLookingAgain = false;
      const { taken, isDone } = await store.publishDue(clock.now(), AT_ONCE, (due) =>
        Promise.all(due.map((one) => this.publish(one))),
      );
      // What could not be stored now is looked at again with the next round.
      if (taken > 0 && isDone) this.isLookingAgain = true;
    }
  }

  private async publish(due: DueEvent): Promise<Publishing> {
    const { acceptor, onPublished, onRefused } = this.parts;
    try {
      const publication = await this.read(due);
      if (!publication) return 'done';
      await acceptor.accept(publication);
      onPublished();
      return 'done';
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) return 'again';
      const refusal = { code: error.code, detail: error.message };
      onRefused(due, refusal);
      return refusal;
    }
  }

  /** Undefined: its account is gone. */
  private async read({ id, accountId, idempotencyKey, input, digest }: DueEvent): Promise<Publication | undefined> {
    const { directory, clock } = this.parts;
    const account = directory.peek(accountId) ?? (await directory.get(accountId));
    if (!account) return undefined;
    const body = parseRawBody(Buffer.from(input));
    const event = body.value as EventInput;
    // Under the id that was answered; published and not noted, it is found again by that.
    const named = { ...event, id: event.id ?? id };
    const publication = toPublication(account, named, payloadOf(body), '#', clock.now(), idempotencyKey ?? undefined);
    return digest === null ? publication : { ...publication, digest };
  }
}

/** The event as a publisher sends it: numbers and the order of members stay as they were written. */
function inputOf({ externalId, trigger, byTopic, payload }: Publication): string {
  const head = JSON.stringify({ ...(externalId === null ? {} : { id: externalId }), trigger });
  return `${head.slice(0, -1)},"${byTopic ? 'payloads' : 'payload'}":${payload.toString('utf8')}}`;
}
