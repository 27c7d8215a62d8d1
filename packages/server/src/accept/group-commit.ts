/**
 * Gathers items while a write is under way and writes them together in the next one. No timer: an item that comes alone
 * is written at once, and batches grow exactly as fast as writes are slow.
 */
export class GroupCommit<T> {
  private waiting: T[] = [];
  private waitingBytes = 0;
  private running: Promise<void> | undefined;

  constructor(
    private readonly options: {
      itemsMax: number;
      bytesMax: number;
      bytesOf: (item: T) => number;
      /** Must not reject: it answers its items' callers itself. */
      write: (batch: T[]) => Promise<void>;
      /** Where nobody waits for the answer: fewer items than this wait for company before they are written. */
      gather?: { below: number; wait: () => Promise<void> };
      /** Told of every write: how many items, how many milliseconds. */
      onWritten?: (size: number, ms: number) => void;
    },
  ) {}

  get size(): number {
    return this.waiting.length;
  }

  get bytes(): number {
    return this.waitingBytes;
  }

  add(item: T): void {
    this.waiting.push(item);
    this.waitingBytes += this.options.bytesOf(item);
    this.running ??= this.run();
  }

  /** Resolves when everything added so far has been written. */
  async drained(): Promise<void> {
    while (this.running) await this.running;
  }

  private async run(): Promise<void> {
    // Items that arrive in the same turn of the event loop share the first write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const { gather } = this.options;
      if (gather && this.waiting.length < gather.below) await gather.wait();
      const batch = this.takeBatch();
      const startedAt = performance.now();
      await this.options.write(batch);
      this.options.onWritten?.(batch.length, performance.now() - startedAt);
    }
    this.running = undefined;
  }

  private takeBatch(): T[] {
    const { itemsMax, bytesMax, bytesOf } = this.options;
    let bytes = 0;
    let count = 0;
    for (const item of this.waiting) {
      bytes += bytesOf(item);
      if (count > 0 && (count >= itemsMax || bytes > bytesMax)) {
        bytes -= bytesOf(item);
        break;
      }
      count++;
    }
    this.waitingBytes -= bytes;
    return this.waiting.splice(0, count);
  }
}
