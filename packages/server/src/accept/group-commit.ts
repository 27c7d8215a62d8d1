import { FairQueue } from '../domain/fair-queue.ts';

/** What an item, or a batch of them, costs. */
export interface Cost {
  /** Rows that are written. */
  rows: number;
  bytes: number;
}

/**
 * Gathers items while a write is under way and writes them together in the next one. No timer: an item that comes alone
 * is written at once, and batches grow exactly as fast as writes are slow. Owners of items take turns in what a batch
 * holds, so nobody's thousand items hold up another's one.
 */
export class GroupCommit<T> {
  private readonly queue = new FairQueue<{ item: T; cost: Cost }>();
  private waitingBytes = 0;
  private running: Promise<void> | undefined;
  private stopGathering: () => void = () => {};

  constructor(
    private readonly options: {
      /** A batch holds more only when it is one item. */
      max: Cost;
      costOf: (item: T) => Cost;
      ownerOf?: (item: T) => string;
      /** Must not reject: it answers its items' callers itself. */
      write: (batch: T[]) => Promise<void>;
      /** Where nobody waits for the answer: fewer items than this are written after a while, or when there are enough. */
      gather?: { below: number; after: (run: () => void) => () => void };
      /** Awaited before every write; what arrives meanwhile is part of it. */
      before?: () => Promise<void>;
      /** Told of every write: how many items, how many milliseconds. */
      onWritten?: (size: number, ms: number) => void;
    },
  ) {}

  get size(): number {
    return this.queue.size;
  }

  get bytes(): number {
    return this.waitingBytes;
  }

  add(item: T): void {
    const { costOf, ownerOf } = this.options;
    const cost = costOf(item);
    this.queue.push(ownerOf?.(item) ?? '', { item, cost });
    this.waitingBytes += cost.bytes;
    if (this.queue.size === this.options.gather?.below) this.stopGathering();
    this.running ??= this.run();
  }

  /** Resolves when everything added so far has been written. */
  async drained(): Promise<void> {
    while (this.running) {
      this.stopGathering();
      await this.running;
    }
  }

  private async run(): Promise<void> {
    // Items that arrive in the same turn of the event loop share the first write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.size > 0) {
      const { gather } = this.options;
      if (gather && this.queue.size < gather.below) await this.gather(gather.after);
      await this.options.before?.();
      const batch = this.takeBatch();
      const startedAt = performance.now();
      await this.options.write(batch);
      this.options.onWritten?.(batch.length, performance.now() - startedAt);
    }
    this.running = undefined;
  }

  private gather(after: (run: () => void) => () => void): Promise<void> {
    return new Promise((resolve) => {
      const cancel = after(() => this.stopGathering());
      this.stopGathering = () => {
        this.stopGathering = () => {};
        cancel();
        resolve();
      };
    });
  }

  private takeBatch(): T[] {
    const { max } = this.options;
    const batch: T[] = [];
    let rows = 0;
    let bytes = 0;
    for (;;) {
      const next = this.queue.peek();
      if (!next) break;
      rows += next.cost.rows;
      bytes += next.cost.bytes;
      if (batch.length > 0 && (rows > max.rows || bytes > max.bytes)) break;
      this.queue.shift();
      this.waitingBytes -= next.cost.bytes;
      batch.push(next.item);
    }
    return batch;
  }
}
