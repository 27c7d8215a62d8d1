import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';
import { Rounds } from '../domain/rounds.ts';
import { contains, parseAddress, parseNetwork } from '../egress/address.ts';
import type { KeyStore, KeyUse, KnownKey } from '../storage/store.ts';
import { digestOfKey, isKeyText } from './key-text.ts';

/** For how long an answer of the database holds. Also the bound of a revocation when its notice is lost. */
const FRESH_MS = 700;
const CACHED_MAX = 50_000;
/** Keys of one lookup. */
const BATCH_MAX = 500;
const FLUSH_EVERY_MS = 5_000;
const TRIES_MAX = 5;

/**
 * `disabled`: switched off for now. `address_not_allowed`: it names networks, and the call comes from none of them, or
 * nobody said from where. `missing_scope`: the key is valid, but not for this.
 */
export const REFUSALS = [
  'malformed',
  'unknown',
  'expired',
  'disabled',
  'address_not_allowed',
  'missing_scope',
] as const;
export type Refusal = (typeof REFUSALS)[number];

export interface KeyCall {
  /** All of these are needed. */
  scopes?: readonly string[];
  /** Who calls, as far as that is known. */
  address?: string | undefined;
}

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
  private uses = new Map<string, KeyUse>();
  private readonly rounds: Rounds;
  private isLooking = false;
  /** Raised by every change: an answer from before it says nothing. */
  private generation = 0;

  constructor(private readonly parts: { keys: KeyStore; clock: Clock; onError: (error: unknown) => void }) {
    this.rounds = new Rounds(parts);
    const perf = { now: () => parts.clock.monotonicMs() };
    this.cache = new LRUCache({ maxSize: CACHED_MAX, sizeCalculation: () => 1, ttl: FRESH_MS, ttlResolution: 0, perf });
  }

  start(): void {
    this.rounds.every(FLUSH_EVERY_MS, () => this.flush());
  }

  async stop(): Promise<void> {
    await this.rounds.stop();
    await this.flush().catch(this.parts.onError);
  }

  /** Some key has changed somewhere. */
  forgetAll(): void {
    this.generation++;
    this.cache.clear();
  }

  /** Whose key it is, valid or not; counts as no use of it. */
  async accountOf(text: string): Promise<string | undefined> {
    return isKeyText(text) ? (await this.find(digestOfKey(text)))?.accountId : undefined;
  }

  async verify(text: string, { scopes = [], address }: KeyCall = {}): Promise<Verdict> {
    if (!isKeyText(text)) return { valid: false, reason: 'malformed' };
    const key = await this.find(digestOfKey(text));
    if (!key) return { valid: false, reason: 'unknown' };
    const nowMs = this.parts.clock.now();
    const missing = scopes.find((scope) => !key.scopes.includes(scope));
    const reason = refusalOf(key, nowMs, address) ?? (missing === undefined ? undefined : 'missing_scope');
    this.note(key.id, nowMs, reason);
    if (reason === undefined) return { valid: true, key };
    // Only of a key that is good for something else is said whose it is.
    return reason === 'missing_scope' && missing !== undefined
      ? { valid: false, reason, key, missing }
      : { valid: false, reason };
  }

  private note(id: string, nowMs: number, refusal: Refusal | undefined): void {
    const use: KeyUse = this.uses.get(id) ?? { days: new Map() };
    const day = new Date(nowMs).toISOString().slice(0, 10);
    const counts = use.days.get(day) ?? { calls: 0, refusals: 0 };
    if (refusal === undefined) {
      use.usedAtMs = nowMs;
      counts.calls++;
    } else {
      use.refused = { atMs: nowMs, reason: refusal };
      counts.refusals++;
    }
    use.days.set(day, counts);
    this.uses.set(id, use);
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
    const { uses } = this;
    if (uses.size === 0) return;
    this.uses = new Map();
    try {
      await this.parts.keys.used(uses);
    } catch (error) {
      // Kept for the next time, together with what has come since.
      for (const [id, use] of uses) this.uses.set(id, added(use, this.uses.get(id)));
      throw error;
    }
  }
}

function refusalOf({ expiresAtMs, enabled, networks }: KnownKey, nowMs: number, address: string | undefined) {
  if (expiresAtMs <= nowMs) return 'expired';
  if (!enabled) return 'disabled';
  return networks.length === 0 || isIn(networks, address) ? undefined : 'address_not_allowed';
}

function isIn(networks: readonly string[], address: string | undefined): boolean {
  const bytes = address === undefined ? undefined : parseAddress(address);
  return bytes !== undefined && networks.some((network) => contains(parseNetwork(network), bytes));
}

function added(before: KeyUse, since: KeyUse | undefined): KeyUse {
  if (!since) return before;
  const days = new Map(before.days);
  for (const [day, { calls, refusals }] of since.days) {
    const known = days.get(day) ?? { calls: 0, refusals: 0 };
    days.set(day, { calls: known.calls + calls, refusals: known.refusals + refusals });
  }
  return { ...before, ...since, days };
}
