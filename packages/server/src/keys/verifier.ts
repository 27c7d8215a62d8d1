import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';
import type { KeyStore, KnownKey } from '../storage/store.ts';
import { digestOfKey, isKeyText } from './key-text.ts';

/** For how long an answer of the database holds. Also the bound of a revocation when its notice is lost. */
const FRESH_MS = 700;
const CACHED_MAX = 50_000;
/** Keys of one lookup. */
const BATCH_MAX = 500;
const FLUSH_EVERY_MS = 5_000;
const TRIES_MAX = 5;

/** `missing_scope`: the key is valid, but not for this. */
export type Refusal = 'malformed' | 'unknown' | 'expired' | 'missing_scope';

export type Verdict =
  | { valid: true; key: KnownKey }
  | { valid: false; reason: Refusal; key?: KnownKey; missing?: string };

/**
 * Says whether a key is valid: from memory for less than a second, else from the database, several callers' keys in one
 * query. Notes when keys were last used, in batches.
 */
export class KeyVerifier {
  /** What the database answered; `key` is undefined where it knew none. */
  private readonly cache: LRUCache<string, { key: KnownKey | undefined }>;
  private waiting: {
    digest: Buffer;
    resolve: (key: KnownKey | undefined) => void;
    reject: (error: unknown) => void;
  }[] = [];
  private usedAtMs = new Map<string, number>();
  private cancelFlush: () => void = () => {};
  private flushing: Promise<void> = Promise.resolve();
  private isLooking = false;
  /** Raised by every change: an answer from before it says nothing. */
  private generation = 0;

  constructor(private readonly parts: { keys: KeyStore; clock: Clock; onError: (error: unknown) => void }) {
    const perf = { now: () => parts.clock.monotonicMs() };
    this.cache = new LRUCache({ max: CACHED_MAX, ttl: FRESH_MS, ttlResolution: 0, perf });
  }

  start(): void {
    this.cancelFlush = this.parts.clock.after(FLUSH_EVERY_MS, () => {
      this.flushing = this.flush()
        .catch(this.parts.onError)
        .finally(() => this.start());
    });
  }

  async stop(): Promise<void> {
    this.cancelFlush();
    await this.flushing;
    this.cancelFlush();
    await this.flush().catch(this.parts.onError);
  }

  /** Some key has changed somewhere. */
  forgetAll(): void {
    this.generation++;
    this.cache.clear();
  }

  /** @param scopes all of these are needed */
  async verify(text: string, scopes: readonly string[] = []): Promise<Verdict> {
    if (!isKeyText(text)) return { valid: false, reason: 'malformed' };
    const key = await this.find(digestOfKey(text));
    if (!key) return { valid: false, reason: 'unknown' };
    const nowMs = this.parts.clock.now();
    if (key.expiresAtMs <= nowMs) return { valid: false, reason: 'expired' };
    const missing = scopes.find((scope) => !key.scopes.includes(scope));
    if (missing !== undefined) return { valid: false, reason: 'missing_scope', key, missing };
    this.usedAtMs.set(key.id, nowMs);
    return { valid: true, key };
  }

  private async find(digest: Buffer, tries = 1): Promise<KnownKey | undefined> {
    const name = digest.toString('latin1');
    const askedAtMs = this.parts.clock.monotonicMs();
    const cached = this.cache.get(name);
    if (cached) return cached.key;
    const { generation } = this;
    const key = await this.look(digest);
    // The answer may be as old as the question: after a change, or a stall, it is asked again.
    const isOld = this.generation !== generation || this.parts.clock.monotonicMs() - askedAtMs > FRESH_MS;
    if (isOld && tries < TRIES_MAX) return this.find(digest, tries + 1);
    this.cache.set(name, { key }, { start: askedAtMs });
    return key;
  }

  private look(digest: Buffer): Promise<KnownKey | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ digest, resolve, reject });
      if (!this.isLooking) void this.lookUp();
    });
  }

  private async lookUp(): Promise<void> {
    this.isLooking = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH_MAX);
      try {
        const found = await this.parts.keys.verify(batch.map(({ digest }) => digest));
        batch.forEach(({ resolve }, i) => {
          resolve(found[i]);
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.isLooking = false;
  }

  private async flush(): Promise<void> {
    const times = this.usedAtMs;
    if (times.size === 0) return;
    this.usedAtMs = new Map();
    try {
      await this.parts.keys.used(times);
    } catch (error) {
      // Kept for the next time, unless a newer use is known.
      for (const [id, atMs] of times) if (!this.usedAtMs.has(id)) this.usedAtMs.set(id, atMs);
      throw error;
    }
  }
}
