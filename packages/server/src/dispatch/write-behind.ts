import type { Clock } from '../domain/clock.ts';
import type { ActiveDelivery } from '../domain/model.ts';

/** What takes longer than this is noted in the queue: there, people see it, and so does whoever takes over. */
const NOTED_AFTER_MS = 200;
const LOOK_EVERY_MS = 100;

interface Watched {
  sinceMs: number;
  isSending: boolean;
}

/**
 * A delivery that is handed over from memory has no row in the queue: most end within milliseconds, and cost the database
 * one row less. What takes longer gets its row, written behind. The same goes for the mark that a delivery is being sent.
 */
export class WriteBehind {
  /** Without a row, and without an outcome that is stored. */
  private readonly unstored = new Set<ActiveDelivery>();
  /** In the order in which they are looked at: what has been noted is not in it. */
  private readonly watched = new Map<ActiveDelivery, Watched>();
  /** Runs while something is watched. */
  private cancelTimer: (() => void) | undefined;
  private isStopped = false;

  constructor(
    private readonly parts: {
      clock: Clock;
      /** Notes a delivery in the queue. */
      keep: (delivery: ActiveDelivery, isSending: boolean) => void;
    },
  ) {}

  /** Notes nothing more: what is in memory is handed back soon. */
  stop(): void {
    this.isStopped = true;
    this.cancelTimer?.();
  }

  /** Deliveries of which the database knows nothing but what stands with their events. */
  get onlyInMemory(): Iterable<ActiveDelivery> {
    return this.unstored;
  }

  handedOver(delivery: ActiveDelivery): void {
    this.unstored.add(delivery);
    this.watch(delivery, false);
  }

  started(delivery: ActiveDelivery): void {
    const watched = this.watched.get(delivery);
    if (watched) watched.isSending = true;
    else this.watch(delivery, true);
  }

  /** Its request has ended, or it is handed back. */
  ended(delivery: ActiveDelivery): void {
    this.watched.delete(delivery);
  }

  /** Its outcome, or its row, is stored. */
  stored(delivery: ActiveDelivery): void {
    this.unstored.delete(delivery);
  }

  private watch(delivery: ActiveDelivery, isSending: boolean): void {
    this.watched.set(delivery, { sinceMs: this.parts.clock.monotonicMs(), isSending });
    if (!this.isStopped) this.cancelTimer ??= this.parts.clock.after(LOOK_EVERY_MS, () => this.look());
  }

  private look(): void {
    this.cancelTimer = undefined;
    this.noteLongOnes();
    if (this.watched.size > 0) this.cancelTimer = this.parts.clock.after(LOOK_EVERY_MS, () => this.look());
  }

  private noteLongOnes(): void {
    const untilMs = this.parts.clock.monotonicMs() - NOTED_AFTER_MS;
    for (const [delivery, { sinceMs, isSending }] of this.watched) {
      if (sinceMs > untilMs) return;
      this.watched.delete(delivery);
      this.parts.keep(delivery, isSending);
    }
  }
}
