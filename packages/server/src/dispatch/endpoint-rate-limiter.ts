/** A second, and what clocks and timers may be off by. */
export const WINDOW_MS = 1_005;

/**
 * A rate limiter: keeps requests to one endpoint below a rate, never more than `perS` of them in any sliding second at the receiver,
 * evenly spread, so that they arrive in the order in which they were started. A request may arrive at any moment
 * between its start and its end, so it counts for a second after its end.
 */
export class EndpointRateLimiter {
  private readonly ended: number[] = [];
  private inFlight = 0;
  private startedAtMs = Number.NEGATIVE_INFINITY;

  constructor(public perS: number) {}

  /** Milliseconds until the next request may start; undefined: not before one has ended. */
  waitMs(nowMs: number): number | undefined {
    this.forgetBefore(nowMs - WINDOW_MS);
    const spread = Math.max(0, this.startedAtMs + 1_000 / this.perS - nowMs);
    if (this.inFlight + this.ended.length < this.perS) return spread;
    const [first] = this.ended;
    return first === undefined ? undefined : Math.max(spread, first + WINDOW_MS - nowMs);
  }

  start(nowMs: number): void {
    this.inFlight++;
    this.startedAtMs = nowMs;
  }

  end(nowMs: number): void {
    this.inFlight--;
    this.ended.push(nowMs);
  }

  /** Milliseconds until nothing counts any more, apart from what is in flight. */
  windowMs(nowMs: number): number {
    const last = this.ended.at(-1);
    return last === undefined ? 0 : Math.max(0, last + WINDOW_MS - nowMs);
  }

  private forgetBefore(ms: number): void {
    const kept = this.ended.findIndex((endedAt) => endedAt > ms);
    this.ended.splice(0, kept < 0 ? this.ended.length : kept);
  }
}
