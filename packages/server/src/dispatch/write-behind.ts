import { Bag } from '../domain/bag.ts';
import type { Clock } from '../domain/clock.ts';
import type { ActiveDelivery } from '../domain/model.ts';
import type { Job } from './lane.ts';

/** What takes longer than this is noted in the queue: there, people see it, and so does whoever takes over. */
const NOTED_AFTER_MS = 200;
const LOOK_EVERY_MS = 100;

/** A delivery that has no row yet, or whose row does not say yet that it is being sent. */
export interface Watched {
  readonly job: Job;
  /** Since when it waits, or is being sent; undefined: it is noted, or its request has ended. */
  sinceMs: number | undefined;
  isSending: boolean;
}

/**
 * A delivery that is handed over from memory has no row in the queue: most end within milliseconds, and cost the database
 * one row less. What takes longer gets its row, written behind. The same goes for the mark that a delivery is being sent.
 */
export class WriteBehind {
  private readonly all = new Bag<Watched>();
  /** Runs while something is watched. */
  private cancelTimer: (() => void) | undefined;
  private isStopped = false;

  constructor(
    private readonly parts: {
      clock: Clock;
      /** Notes a delivery in the queue. */
      keep: (job: Job, isSending: boolean) => void;
    },
  ) {}

  /** Notes nothing more: what is in memory is handed back soon. */
  stop(): void {
    this.isStopped = true;
    this.cancelTimer?.();
  }

  /** Deliveries of which the database knows nothing but what stands with their events. */
  *onlyInMemory(): Generator<ActiveDelivery> {
    for (const { job } of this.all) if (!job.delivery.isStored) yield job.delivery;
  }

  handedOver(job: Job): void {
    this.watch(job, false);
  }

  started(job: Job): void {
    const watched = job.inWriteBehind?.item;
    if (watched?.sinceMs === undefined) this.watch(job, true);
    else watched.isSending = true;
  }

  /** Its request has ended, or it is handed back. */
  ended(job: Job): void {
    if (job.inWriteBehind) job.inWriteBehind.item.sinceMs = undefined;
    if (job.delivery.isStored) this.stored(job);
  }

  /** Its outcome, or its row, is stored. */
  stored(job: Job): void {
    if (!job.inWriteBehind || job.inWriteBehind.item.sinceMs !== undefined) return;
    this.all.remove(job.inWriteBehind);
    job.inWriteBehind = undefined;
  }

  private watch(job: Job, isSending: boolean): void {
    const sinceMs = this.parts.clock.monotonicMs();
    if (job.inWriteBehind) Object.assign(job.inWriteBehind.item, { sinceMs, isSending });
    else job.inWriteBehind = this.all.add({ job, sinceMs, isSending });
    if (!this.isStopped) this.cancelTimer ??= this.parts.clock.after(LOOK_EVERY_MS, () => this.look());
  }

  private look(): void {
    this.cancelTimer = undefined;
    this.noteLongOnes();
    if (this.all.size > 0) this.cancelTimer = this.parts.clock.after(LOOK_EVERY_MS, () => this.look());
  }

  private noteLongOnes(): void {
    const untilMs = this.parts.clock.monotonicMs() - NOTED_AFTER_MS;
    const long: Watched[] = [];
    for (const one of this.all) if (one.sinceMs !== undefined && one.sinceMs <= untilMs) long.push(one);
    for (const watched of long) {
      watched.sinceMs = undefined;
      this.parts.keep(watched.job, watched.isSending);
    }
  }
}
