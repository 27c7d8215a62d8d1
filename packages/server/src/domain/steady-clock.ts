import type { Clock } from './clock.ts';

/** Small corrections, as NTP makes them, are followed without a question. */
const FOLLOWED_MS = 2_000;
/** Two clocks agree when they differ by less: the question to the database takes time, too. */
const AGREE_MS = 5_000;

/** What the three clocks said at a comparison. */
export interface ClockComparison {
  /** By how much the node's clock now differs from what it was before; 0 when nothing was corrected. */
  movedMs: number;
  /** By how much the machine's clock is ahead of the time that the node uses. */
  machineAheadMs: number;
  /** By how much the database's clock is ahead of the time that the node uses. */
  databaseAheadMs: number;
}

/**
 * Wall-clock time that does not jump when one clock is set wrong. It runs by the monotonic clock, and is compared with the
 * machine's clock and the database's at every heartbeat: what two of the three say is the time. So a wrong clock of the
 * machine changes neither ids, nor signatures, nor when a retry is due. Both clocks moved alike are believed: after
 * a machine has slept, that is right. Retention does not believe it at once (maintain/retention-clock.ts).
 */
export class SteadyClock implements Clock {
  private offsetMs: number;

  constructor(private readonly machine: Clock) {
    this.offsetMs = machine.now() - machine.monotonicMs();
  }

  now(): number {
    return Math.floor(this.machine.monotonicMs() + this.offsetMs);
  }

  monotonicMs(): number {
    return this.machine.monotonicMs();
  }

  after(delayMs: number, run: () => void): () => void {
    return this.machine.after(delayMs, run);
  }

  /** @param databaseMs what the database's clock says at this moment */
  compare(databaseMs: number): ClockComparison {
    const before = this.now();
    const machineMs = this.machine.now();
    const isSmall = Math.abs(machineMs - before) <= FOLLOWED_MS;
    const isConfirmed = Math.abs(machineMs - databaseMs) <= AGREE_MS;
    if (isSmall || isConfirmed) this.offsetMs = machineMs - this.machine.monotonicMs();
    const now = this.now();
    return { movedMs: now - before, machineAheadMs: machineMs - now, databaseAheadMs: databaseMs - now };
  }
}
