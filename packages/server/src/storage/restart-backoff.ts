const FIRST_MS = 250;
const MAX_MS = 5_000;
/** What has run for this long starts from the beginning again. */
const STABLE_AFTER_MS = 10_000;

/** How long to wait before a program that ends again and again is started again: twice as long every time. */
export class RestartBackoff {
  private restarts = 0;
  private lastMs = Number.NEGATIVE_INFINITY;

  /** @param nowMs of a clock that only goes forward. Answers milliseconds; 0 for the first restart after a while. */
  next(nowMs: number): number {
    this.restarts = nowMs - this.lastMs > STABLE_AFTER_MS ? 0 : this.restarts + 1;
    const waitMs = this.restarts === 0 ? 0 : Math.min(FIRST_MS * 2 ** (this.restarts - 1), MAX_MS);
    this.lastMs = nowMs + waitMs;
    return waitMs;
  }
}
