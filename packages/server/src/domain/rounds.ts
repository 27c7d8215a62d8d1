import type { Clock } from './clock.ts';

/** Work that is done again and again, each so long after its last time has ended. An error is told, and ends nothing. */
export class Rounds {
  private readonly timers = new Set<() => void>();
  private readonly running = new Set<Promise<void>>();
  private hasStopped = false;

  constructor(private readonly parts: { clock: Clock; onError: (error: unknown) => void }) {}

  /** Work that goes on for long looks at this, and ends. */
  get isStopped(): boolean {
    return this.hasStopped;
  }

  every(ms: number, work: () => Promise<void>): void {
    const cancel = this.parts.clock.after(ms, () => {
      this.timers.delete(cancel);
      const run = work()
        .catch(this.parts.onError)
        .finally(() => {
          this.running.delete(run);
          if (!this.hasStopped) this.every(ms, work);
        });
      this.running.add(run);
    });
    this.timers.add(cancel);
  }

  /** Begins nothing any more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.hasStopped = true;
    for (const cancel of this.timers) cancel();
    this.timers.clear();
    await Promise.all(this.running);
  }
}
