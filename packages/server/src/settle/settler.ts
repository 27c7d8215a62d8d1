import { GroupCommit } from '../accept/group-commit.ts';
import type { Clock } from '../domain/clock.ts';
import { encodeId } from '../domain/ids.ts';
import type { LeasedDelivery, SettledAttempt } from '../domain/model.ts';
import { DatabaseUnavailable } from '../storage/database.ts';
import type { QueueStore } from '../storage/store.ts';

const BATCH_MAX = 1_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Outcomes that may wait to be stored before dispatching pauses. */
const WAITING_MAX = 10_000;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** A full disk or a deadlock may pass; an outcome that can never be stored may not hold up the others. */
const TRIES_MAX = 5;
const RETRY_MS = 200;
/**
 * Nobody waits for an outcome, so it waits for company: that makes fewer and larger writes, and leaves the
 * database to those who wait for their 202. It is also by how much longer a crash can repeat a delivery.
 */
const GATHER_MS = 5;
/** Under full load batches are this large by themselves. */
const GATHER_BELOW = 16;

interface Waiting {
  attempt: SettledAttempt;
  done: () => void;
}

export interface SettlerParts {
  queue: QueueStore;
  clock: Clock;
  node: { readonly id: number };
  /** Resolves when the database can be reached again; rejects when the server stops first. */
  whenUp: () => Promise<void>;
  /** Hands a delivery back whose outcome cannot be stored. */
  release: (delivery: LeasedDelivery) => Promise<void>;
  /** What follows from outcomes that counted, before the next batch is stored. Does not reject. */
  onStored: (attempts: readonly SettledAttempt[]) => Promise<void>;
  /** Told of every outcome that was stored, and of those whose lease had been lost meanwhile. */
  onSettled: (attempt: SettledAttempt, counted: boolean) => void;
  onWritten: (size: number, ms: number) => void;
  onError: (error: unknown) => void;
}

/** Writes outcomes in batches. They stay in memory until they are stored, over a lost database connection too. */
export class Settler {
  private readonly commit: GroupCommit<Waiting>;
  private finishedCount = 0;

  constructor(private readonly parts: SettlerParts) {
    this.commit = new GroupCommit({
      itemsMax: BATCH_MAX,
      bytesMax: BATCH_BYTES_MAX,
      bytesOf: ({ attempt }) => 512 + (attempt.outcome.response?.body.length ?? 0),
      write: (batch) => this.write(batch),
      gather: { below: GATHER_BELOW, wait: () => new Promise((resolve) => void parts.clock.after(GATHER_MS, resolve)) },
      onWritten: parts.onWritten,
    });
  }

  /** Deliveries that ended here, one way or the other. */
  get finished(): number {
    return this.finishedCount;
  }

  get isFull(): boolean {
    return this.commit.size >= WAITING_MAX || this.commit.bytes >= WAITING_BYTES_MAX;
  }

  /** `done` is called when the outcome is stored, or when somebody else turned out to hold the lease. */
  settle(attempt: SettledAttempt, done: () => void): void {
    this.commit.add({ attempt, done });
  }

  /** Resolves when everything settled so far is stored. */
  drained(): Promise<void> {
    return this.commit.drained();
  }

  private async write(batch: Waiting[]): Promise<void> {
    try {
      await this.store(batch);
    } catch (error) {
      // Stopped before the database came back: the leases are freed by whoever starts next.
      this.parts.onError(error);
      for (const { done } of batch) done();
    }
  }

  /** Stores a batch. What the database refuses is halved until the one outcome is found that cannot be stored. */
  private async store(batch: Waiting[]): Promise<void> {
    const attempts = batch.map(({ attempt }) => attempt);
    const lost = await this.trySettle(attempts);
    if (lost) {
      for (const { attempt, done } of batch) {
        this.parts.onSettled(attempt, lost.size === 0 || !lost.has(idOf(attempt)));
        done();
      }
      const counted = lost.size === 0 ? attempts : attempts.filter((attempt) => !lost.has(idOf(attempt)));
      for (const { decision } of counted) if (decision.kind !== 'retry') this.finishedCount++;
      await this.parts.onStored(counted);
    } else if (batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      await this.store(batch.slice(0, half));
      await this.store(batch.slice(half));
    } else {
      for (const { attempt, done } of batch) {
        await this.parts.release(attempt.delivery);
        done();
      }
    }
  }

  /** Answers the outcomes that did not count, or undefined when the database refuses the batch again and again. */
  private async trySettle(attempts: SettledAttempt[]): Promise<Set<string> | undefined> {
    const { queue, node, clock, whenUp, onError } = this.parts;
    for (let tries = 1; ; tries++) {
      try {
        return await queue.settle(attempts, node.id, clock.now());
      } catch (error) {
        // Whether the batch was stored is not known; if it was, the fence lets none of it count twice.
        if (error instanceof DatabaseUnavailable) await whenUp();
        else {
          onError(error);
          if (tries >= TRIES_MAX) return undefined;
          await new Promise<void>((resolve) => void clock.after(RETRY_MS * tries, resolve));
        }
      }
    }
  }
}

function idOf({ delivery }: SettledAttempt): string {
  return encodeId('dlv', delivery.uuid);
}
