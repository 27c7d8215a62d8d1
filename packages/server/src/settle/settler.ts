import { GroupCommit } from '../accept/group-commit.ts';
import type { Clock } from '../domain/clock.ts';
import { encodeId } from '../domain/ids.ts';
import type { SettledAttempt } from '../domain/model.ts';
import { DatabaseUnavailable } from '../storage/database.ts';
import type { EndpointStore, QueueStore } from '../storage/store.ts';

const BATCH_MAX = 1_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Outcomes that may wait to be stored before dispatching pauses. */
const WAITING_MAX = 10_000;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

interface Waiting {
  attempt: SettledAttempt;
  done: () => void;
}

export interface SettlerParts {
  queue: QueueStore;
  endpoints: EndpointStore;
  clock: Clock;
  node: { readonly id: number };
  /** Resolves when the database can be reached again; rejects when the server stops first. */
  whenUp: () => Promise<void>;
  /** Told of every outcome that was stored, and of those whose lease had been lost meanwhile. */
  onSettled: (attempt: SettledAttempt, counted: boolean) => void;
  onWritten: (size: number, ms: number) => void;
  onError: (error: unknown) => void;
}

/** Writes outcomes in batches. They stay in memory until they are stored, over a lost database connection too. */
export class Settler {
  private readonly commit: GroupCommit<Waiting>;

  constructor(private readonly parts: SettlerParts) {
    this.commit = new GroupCommit({
      itemsMax: BATCH_MAX,
      bytesMax: BATCH_BYTES_MAX,
      bytesOf: ({ attempt }) => 512 + (attempt.outcome.response?.body.length ?? 0),
      write: (batch) => this.write(batch),
      onWritten: parts.onWritten,
    });
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
      const lost = await this.store(batch.map(({ attempt }) => attempt));
      for (const { attempt } of batch) this.parts.onSettled(attempt, lost.size === 0 || !lost.has(idOf(attempt)));
    } catch (error) {
      this.parts.onError(error);
    }
    for (const { done } of batch) done();
  }

  private async store(attempts: SettledAttempt[]): Promise<Set<string>> {
    const { queue, node, clock, whenUp } = this.parts;
    for (;;) {
      try {
        const lost = await queue.settle(attempts, node.id, clock.now());
        await this.switchOffGone(attempts, lost);
        return lost;
      } catch (error) {
        // Whether the batch was stored is not known; if it was, the fence lets none of it count twice.
        if (!(error instanceof DatabaseUnavailable)) throw error;
        await whenUp();
      }
    }
  }

  private async switchOffGone(attempts: readonly SettledAttempt[], lost: ReadonlySet<string>): Promise<void> {
    const gone = new Map<string, string>();
    for (const attempt of attempts) {
      const { delivery, decision } = attempt;
      const isGone = decision.kind === 'discarded' && decision.endpointGone && !lost.has(idOf(attempt));
      if (isGone) gone.set(delivery.endpointId, delivery.accountId);
    }
    for (const [endpointId, accountId] of gone) {
      await this.parts.endpoints.setStatus(accountId, endpointId, 'inactive', 'gone');
    }
  }
}

function idOf({ delivery }: SettledAttempt): string {
  return encodeId('dlv', delivery.uuid);
}
