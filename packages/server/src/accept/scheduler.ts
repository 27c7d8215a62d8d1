import type { Clock } from '../domain/clock.ts';
import { invalidAt, Problem } from '../domain/errors.ts';
import type { IdSource } from '../domain/ids.ts';
import { Rounds } from '../domain/rounds.ts';
import type { Directory } from '../fanout/directory.ts';
import { isPassing } from '../storage/database-errors.ts';
import type { DueEvent, Publishing, PutDown, ScheduledEventStore } from '../storage/page-store.ts';
import type { QueueStore } from '../storage/store.ts';
import type { Accepted, Acceptor } from './acceptor.ts';
import { type EventInput, type Publication, toPublication } from './publication.ts';
import { digestOfEvent, parseRawBody, payloadOf } from './read-events.ts';
import { findRepeats } from './repeats.ts';

const LOOK_EVERY_MS = 1_000;
/** What is published in one transaction. */
const AT_ONCE = { count: 500, bytes: 8 * 1024 * 1024 };
const AHEAD_MAX_MS = 366 * 86_400_000;
/** Of one account. */
const WAITING_MAX = 100_000;

/** What a newer contract may accept. */
const OF_THE_CONTRACT: ReadonlySet<string> = new Set([
  'unknown_trigger',
  'unknown_topic',
  'unknown_pair',
  'invalid_payload',
  'payload_too_large',
]);

/** Its time, when an event is not published at once. */
export interface Scheduled extends Accepted {
  scheduledForMs: number;
}

/** An event that is to be published later. */
export interface ForLater {
  publication: Publication;
  /** Of the Idempotency-Key header. */
  key: string | undefined;
  atMs: number;
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
   * When an event is to be published; undefined: now.
   * @param pointer to the event in the request's body
   * @throws Problem `invalid_request`
   */
  timeOf({ scheduled_for }: { scheduled_for?: string }, pointer: string, nowMs: number): number | undefined {
    if (scheduled_for === undefined) return undefined;
    const atMs = Date.parse(scheduled_for);
    if (atMs > nowMs + AHEAD_MAX_MS) throw invalidAt(`${pointer}/scheduled_for`, 'is more than 366 days ahead');
    return atMs;
  }

  /**
   * Puts events of an account down for later. What is checked now is checked again when they are published. Of each it answers
   * what became of it: a Problem is `idempotency_conflict` or `limit_reached`. One whose time has passed, and that is no repeat, is
   * not in the answer: it is to be published now.
   * @throws Problem `account_not_found`
   */
  async schedule(accountId: string, events: readonly ForLater[]): Promise<Map<ForLater, Scheduled | Problem>> {
    const nowMs = this.parts.clock.now();
    const ahead = events.filter(({ atMs }) => atMs > nowMs);
    const past = events.filter(({ atMs, publication }) => atMs <= nowMs && publication.keys.length > 0);
    const putDown = await this.putDown(accountId, ahead);
    // One that is due waits for a moment more.
    const waiting = past.length === 0 ? [] : await this.parts.store.known(accountId, past.map(keysOf));
    const answers = new Map<ForLater, Scheduled | Problem>();
    for (const [i, event] of ahead.entries()) answers.set(event, answerOf(event, putDown[i]));
    for (const [i, event] of past.entries()) if (waiting[i]) answers.set(event, answerOf(event, waiting[i]));
    // The first may have been published already. Looked for last: it may have been so since it was looked for first.
    const asked = [...ahead, ...past];
    const published = await findRepeats(
      this.parts.queue,
      asked.map(({ publication }) => publication),
    );
    const twice = ahead.flatMap((_, i) => (published[i] && putDown[i]?.isNew ? [putDown[i].id] : []));
    if (twice.length > 0) await this.parts.store.takeBack(accountId, twice);
    for (const [i, event] of asked.entries()) {
      const earlier = published[i];
      if (earlier)
        answers.set(event, earlier instanceof Problem ? earlier : { ...earlier, scheduledForMs: event.atMs });
    }
    return answers;
  }

  private async putDown(accountId: string, events: readonly ForLater[]): Promise<(PutDown | undefined)[]> {
    if (events.length === 0) return [];
    const { store, ids } = this.parts;
    const rows = events.map((event) => ({
      ...keysOf(event),
      uuid: ids.nextUuid(),
      trigger: event.publication.trigger,
      input: inputOf(event.publication),
      digest: digestOf(event.publication),
      dueAtMs: event.atMs,
    }));
    const putDown = await store.add(accountId, rows, WAITING_MAX);
    if (!putDown) throw new Problem('account_not_found');
    return putDown;
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
      const { hasMore } = await store.publishDue(clock.now(), AT_ONCE, (due) =>
        Promise.all(due.map((one) => this.publish(one))),
      );
      if (hasMore) this.isLookingAgain = true;
    }
  }

  private async publish(due: DueEvent): Promise<Publishing> {
    const { acceptor, onPublished, onRefused } = this.parts;
    try {
      const publication = await this.read(due);
      // Deleted, and its events go with it; or on its way to another database, and they come along.
      if (!publication) return 'later';
      await acceptor.accept(publication);
      onPublished();
      return 'done';
    } catch (error) {
      if (isPassing(error)) return 'again';
      if (!(error instanceof Problem)) {
        // Its contract is not loaded here, for one: it stays, and holds up nothing.
        this.parts.onError(error);
        return 'later';
      }
      if (error.status >= 500) return 'again';
      const { code, message: detail } = error;
      if (!due.isRefused) onRefused(due, { code, detail });
      return { code, detail, mayFitLater: OF_THE_CONTRACT.has(code) };
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

function answerOf({ publication, atMs }: ForLater, putDown: PutDown | undefined): Scheduled | Problem {
  if (!putDown) return new Problem('limit_reached', `An account has at most ${WAITING_MAX} scheduled events.`);
  const { isNew, id, dueAtMs, digest } = putDown;
  if (!isNew && (!digest.equals(digestOf(publication)) || dueAtMs !== atMs)) return new Problem('idempotency_conflict');
  return { id: publication.externalId ?? id, deliveries: 0, scheduledForMs: atMs };
}

const keysOf = ({ publication, key }: ForLater) => ({
  externalId: publication.externalId,
  idempotencyKey: key ?? null,
});

function digestOf({ trigger, externalId, payload, digest }: Publication): Buffer {
  return digest ?? digestOfEvent(trigger, externalId ?? undefined, payload);
}

/** The event as a publisher sends it: numbers and the order of members stay as they were written. */
function inputOf({ externalId, trigger, byTopic, payload }: Publication): string {
  const head = JSON.stringify({ ...(externalId === null ? {} : { id: externalId }), trigger });
  return `${head.slice(0, -1)},"${byTopic ? 'payloads' : 'payload'}":${payload.toString('utf8')}}`;
}
