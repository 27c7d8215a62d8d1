import { GroupCommit } from '../accept/group-commit.ts';
import type { Clock } from '../domain/clock.ts';
import { encodeId, timeOfId } from '../domain/ids.ts';
import type { ActiveDelivery, SettledAttempt } from '../domain/model.ts';
import type { AttemptOutcome } from '../domain/outcome.ts';
import { isOutage, kindOf } from '../storage/database-errors.ts';
import type { KeptDelivery, QueueStore } from '../storage/store.ts';
import type { Announcer } from './notice.ts';

const BATCH_ROWS_MAX = 1_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Outcomes that may wait to be stored before dispatching pauses. */
const WAITING_MAX = 10_000;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Between two tries to store the same batch. */
const RETRY_MS = 200;
const RETRY_MAX_MS = 5_000;
/** An outcome that cannot be stored in any form. */
const REFUSED_AGAIN_MS = 60_000;
/** Once the server stops, what cannot be stored is left to whoever takes over. */
const TRIES_WHILE_STOPPING_MAX = 5;
/**
 * Outcomes are batched: nobody waits for one, and a statement costs as much as storing ten of them. So a batch waits for
 * this long, or until it holds so many. A crash can repeat deliveries for that much longer.
 */
const GATHER_MS = 15;
const GATHER_BELOW = 96;

interface WaitingOutcome {
  attempt: SettledAttempt;
  done: () => void;
}

/** A delivery that is noted in the queue. It goes the way of outcomes, so that none of them is stored before it. */
interface WaitingNote {
  kept: KeptDelivery;
  done: () => void;
}

type Waiting = WaitingOutcome | WaitingNote;
type Uncounted = Awaited<ReturnType<QueueStore['settle']>>;

export interface SettlerParts {
  queue: QueueStore;
  clock: Clock;
  node: { readonly id: number };
  /** Resolves when the database can be used again; rejects when the server stops first. */
  whenUp: () => Promise<void>;
  isStopping: () => boolean;
  /** Makes the partitions of the days that hold these moments. */
  makePartitions: (ms: readonly number[]) => Promise<void>;
  /** What the operator is told of outcomes that count: stored together with them. */
  noticesOf: Announcer['ofOutcomes'];
  /** Outcomes are stored again, after a time in which they could not be. */
  onFlowing: () => void;
  /** What follows from outcomes that counted, before the next batch is stored. Does not reject. */
  onStored: (attempts: readonly SettledAttempt[]) => Promise<void>;
  /** A lane turned out not to be this node's. */
  onLaneLost: (endpointId: string, epoch: number) => void;
  /** Told of every outcome that was stored, and of those that did not count. */
  onSettled: (attempt: SettledAttempt, counted: boolean) => void;
  onWritten: (size: number, ms: number) => void;
  onError: (error: unknown) => void;
}

/**
 * Writes outcomes in batches. They stay in memory until they are stored, whatever the database answers; while they cannot
 * be stored, sending pauses (`isStalled`). Only what is wrong with one outcome is treated as that one's: it is stored
 * without what it cannot be stored with.
 */
export class Settler {
  private readonly commit: GroupCommit<Waiting>;
  private finishedCount = 0;
  /** Of payloads that are held until their outcome is stored. */
  private payloadBytes = 0;
  private stalled = false;

  constructor(private readonly parts: SettlerParts) {
    this.commit = new GroupCommit({
      max: { rows: BATCH_ROWS_MAX, bytes: BATCH_BYTES_MAX },
      costOf: (waiting) => ({
        rows: 1,
        bytes: 512 + ('attempt' in waiting ? bodyBytesOf(waiting.attempt) : 0),
      }),
      write: (batch) => this.write(batch),
      gather: { below: GATHER_BELOW, after: (run) => parts.clock.after(GATHER_MS, run) },
      onWritten: parts.onWritten,
    });
  }

  /** Deliveries that ended here, one way or the other. */
  get finished(): number {
    return this.finishedCount;
  }

  get isFull(): boolean {
    return this.commit.size >= WAITING_MAX || this.commit.bytes + this.payloadBytes >= WAITING_BYTES_MAX;
  }

  /** Whether outcomes cannot be stored right now. */
  get isStalled(): boolean {
    return this.stalled;
  }

  /** Notes in the queue a delivery that is in memory; `done` is called when it is there, or the lane is lost. */
  keep(delivery: ActiveDelivery, isSending: boolean, done: () => void): void {
    this.commit.add({ kept: { delivery, isSending }, done });
  }

  /** `done` is called when the outcome is stored, or turns out not to count. */
  settle(attempt: SettledAttempt, done: () => void): void {
    const bytes = attempt.delivery.event.payload.length + (attempt.sent?.body.length ?? 0);
    this.payloadBytes += bytes;
    this.commit.add({
      attempt,
      done: () => {
        this.payloadBytes -= bytes;
        done();
      },
    });
  }

  /** Resolves when everything settled so far is stored. */
  drained(): Promise<void> {
    return this.commit.drained();
  }

  private async write(batch: Waiting[]): Promise<void> {
    const outcomes = batch.filter((waiting) => 'attempt' in waiting);
    const ended = new Set(outcomes.map(({ attempt }) => attempt.delivery));
    const notes = batch.filter((waiting) => 'kept' in waiting);
    try {
      // A note whose outcome is here, too, has nothing to tell: what follows from the outcome follows when that is stored.
      await this.storeNotes(notes.filter(({ kept }) => !ended.has(kept.delivery)));
      if (outcomes.length > 0) await this.store(outcomes);
    } catch (error) {
      // Stopped before the database came back: it stays in memory, and whoever takes over finds what was not stored.
      this.parts.onError(error);
    }
  }

  private async storeNotes(notes: readonly WaitingNote[]): Promise<void> {
    if (notes.length === 0) return;
    const { queue, node, onLaneLost } = this.parts;
    let lost: ReadonlySet<ActiveDelivery>;
    try {
      const kept = notes.map((note) => note.kept);
      lost = await this.again(() => queue.keep(kept, node.id), []);
    } catch (error) {
      if (kindOf(error) !== 'bad_row') throw error;
      return this.storeFewerNotes(notes, error);
    }
    for (const { kept, done } of notes) {
      const { delivery } = kept;
      if (lost.has(delivery)) onLaneLost(delivery.endpointId, delivery.epoch);
      else delivery.isStored = true;
      done();
    }
  }

  /** Halved until the one is found that the database refuses: it stays in memory, and is tried again. */
  private async storeFewerNotes(notes: readonly WaitingNote[], error: unknown): Promise<void> {
    const [first] = notes;
    if (notes.length > 1) {
      const half = Math.ceil(notes.length / 2);
      await this.storeNotes(notes.slice(0, half));
      await this.storeNotes(notes.slice(half));
    } else if (first) {
      this.parts.onError(error);
      this.parts.clock.after(REFUSED_AGAIN_MS, () => this.commit.add(first));
    }
  }

  /** Stores a batch. What the database refuses is halved until the one outcome is found that cannot be stored so. */
  private async store(batch: readonly WaitingOutcome[]): Promise<void> {
    const uncounted = await this.trySettle(batch.map(({ attempt }) => attempt));
    if (uncounted !== 'refused') return this.finish(batch, uncounted);
    const [first] = batch;
    if (batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      await this.store(batch.slice(0, half));
      await this.store(batch.slice(half));
    } else if (first) await this.storeLess(first);
  }

  /**
   * Perhaps it is stored already; or it is what the operator was to be told that cannot be stored, or what was sent and
   * answered, or both.
   */
  private async storeLess({ attempt, done }: WaitingOutcome): Promise<void> {
    const bare = withoutAnswer(attempt);
    for (const [form, notices] of [[attempt, []] as const, [bare] as const, [bare, []] as const]) {
      const uncounted = await this.trySettle([form], notices, true);
      if (uncounted !== 'refused') return this.finish([{ attempt: form, done }], uncounted);
    }
    // It is sent again, but not at once.
    this.parts.clock.after(REFUSED_AGAIN_MS, () => this.keep(attempt.delivery, false, done));
  }

  private async finish(batch: readonly WaitingOutcome[], uncounted: Uncounted): Promise<void> {
    const counted: SettledAttempt[] = [];
    for (const { attempt, done } of batch) {
      const why = uncounted.size === 0 ? undefined : uncounted.get(idOf(attempt));
      this.parts.onSettled(attempt, why === undefined);
      if (why === undefined) counted.push(attempt);
      if (why === 'lane_lost') this.parts.onLaneLost(attempt.delivery.endpointId, attempt.delivery.epoch);
      done();
    }
    for (const { decision } of counted) if (decision.kind !== 'retry') this.finishedCount++;
    await this.parts.onStored(counted);
  }

  /** Answers the outcomes that did not count, or `refused` when one of them cannot be stored as it is. */
  private async trySettle(
    attempts: readonly SettledAttempt[],
    notices: ReturnType<Announcer['ofOutcomes']> | readonly [] = this.parts.noticesOf(attempts),
    mayBeStored = false,
  ): Promise<Uncounted | 'refused'> {
    const { queue, node, clock, onError } = this.parts;
    try {
      return await this.again(
        (isRepeated) => queue.settle(attempts, node.id, clock.now(), notices, isRepeated || mayBeStored),
        attempts,
      );
    } catch (error) {
      if (kindOf(error) !== 'bad_row') throw error;
      onError(error);
      return 'refused';
    }
  }

  /** Runs a statement until it is stored, or the database refuses a row of it. */
  private async again<T>(run: (isRepeated: boolean) => Promise<T>, attempts: readonly SettledAttempt[]): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        const stored = await run(tries > 1);
        this.flow();
        return stored;
      } catch (error) {
        const isLast = this.parts.isStopping() && tries >= TRIES_WHILE_STOPPING_MAX;
        if (isLast || kindOf(error) === 'bad_row') throw error;
        this.stalled = true;
        await this.waitAfter(error, tries, attempts);
      }
    }
  }

  private async waitAfter(error: unknown, tries: number, attempts: readonly SettledAttempt[]): Promise<void> {
    const { clock, whenUp, onError, makePartitions } = this.parts;
    if (isOutage(kindOf(error))) return whenUp();
    onError(error);
    if (kindOf(error) === 'no_partition') {
      await makePartitions(attempts.map(({ delivery }) => timeOfId(delivery.uuid))).catch(onError);
    }
    await new Promise<void>((resolve) => void clock.after(Math.min(RETRY_MS * tries, RETRY_MAX_MS), resolve));
  }

  private flow(): void {
    if (!this.stalled) return;
    this.stalled = false;
    this.parts.onFlowing();
  }
}

/** Of what is stored with an attempt. */
function bodyBytesOf({ outcome, sent }: SettledAttempt): number {
  return (outcome.response?.body.length ?? 0) + (sent?.body.length ?? 0);
}

/** The outcome alone: that the attempt was made, and what follows. */
function withoutAnswer(attempt: SettledAttempt): SettledAttempt {
  const { error, response, timings } = attempt.outcome;
  const outcome: AttemptOutcome = {
    ...(error === undefined ? {} : { error }),
    errorDetail: 'What was sent and answered could not be stored.',
    ...(response ? { response: { status: response.status, headers: [], body: Buffer.alloc(0), truncated: true } } : {}),
    timings,
  };
  const sent = attempt.sent && { ...attempt.sent, body: Buffer.alloc(0) };
  return { ...attempt, url: '', requestHeaders: [], sent, outcome };
}

function idOf({ delivery }: SettledAttempt): string {
  return encodeId('dlv', delivery.uuid);
}
