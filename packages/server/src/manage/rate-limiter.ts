import { LRUCache } from 'lru-cache';

export interface Rate {
  /** What may come at once after a pause. */
  burst: number;
  perMinute: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

const MINUTE_MS = 60_000;
const NAMES_MAX = 10_000;
/** Of a token: parts of it are added up. */
const ROUNDING = 1e-6;

/**
 * Token buckets by name, in bounded memory: the name that has been silent longest is forgotten, and its bucket is likely
 * to be full by then.
 */
export class RateLimiter {
  /** With `max` it would take up the memory of all of them from the start. */
  private readonly buckets = new LRUCache<string, Bucket>({ maxSize: NAMES_MAX, sizeCalculation: () => 1 });

  constructor(
    private readonly rate: Rate,
    /** Milliseconds of a clock that only goes forward. */
    private readonly nowMs: () => number,
  ) {}

  /**
   * Takes `count` tokens. Answers 0, or after how many milliseconds that will be possible. A full bucket gives any number,
   * and owes the rest.
   */
  take(name: string, count = 1): number {
    const bucket = this.refilled(name);
    const waitMs = this.waitFor(bucket, count);
    if (waitMs > 0) return waitMs;
    bucket.tokens -= count;
    this.buckets.set(name, bucket);
    return 0;
  }

  /** After how many milliseconds `take` would succeed; 0: now. */
  waitMs(name: string, count = 1): number {
    return this.waitFor(this.refilled(name), count);
  }

  private waitFor({ tokens }: Bucket, count: number): number {
    const lacking = Math.min(count, this.rate.burst) - tokens;
    return lacking <= ROUNDING ? 0 : Math.ceil(((lacking - ROUNDING) * MINUTE_MS) / this.rate.perMinute);
  }

  private refilled(name: string): Bucket {
    const { burst, perMinute } = this.rate;
    const atMs = this.nowMs();
    const before = this.buckets.get(name);
    if (!before) return { tokens: burst, atMs };
    const gained = (Math.max(0, atMs - before.atMs) * perMinute) / MINUTE_MS;
    return { tokens: Math.min(burst, before.tokens + gained), atMs };
  }
}
