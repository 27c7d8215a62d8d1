/** An endpoint that has failed for so long is not what it was: what has gathered for it is sent gently. */
export const LONG_FAILURE_MS = 60_000;

/** Requests a second when it begins; they double, until it is as if there was no limit. */
const FIRST_PER_S = 10;
const DOUBLES_EVERY_MS = 2_000;
const LAST_PER_S = 500;
/** How long a recovery takes: some eleven seconds. */
export const RECOVERY_MS = Math.log2(LAST_PER_S / FIRST_PER_S) * DOUBLES_EVERY_MS;

/**
 * An endpoint answers again after a long time, or was switched on again: a receiver that has just come back, with cold caches and a
 * queue of its own, does not get everything that waits for it at once.
 */
export class Recovery {
  private startedAtMs = Number.NEGATIVE_INFINITY;

  /** @param sinceMs by the monotonic clock */
  constructor(private readonly sinceMs: number) {}

  isOver(nowMs: number): boolean {
    return nowMs - this.sinceMs >= RECOVERY_MS;
  }

  /** Milliseconds until the next request may start. */
  waitMs(nowMs: number): number {
    const perS = FIRST_PER_S * 2 ** ((nowMs - this.sinceMs) / DOUBLES_EVERY_MS);
    return Math.max(0, this.startedAtMs + 1_000 / perS - nowMs);
  }

  start(nowMs: number): void {
    this.startedAtMs = nowMs;
  }
}
