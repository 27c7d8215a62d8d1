import { createHash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';
import type { PageSession, SessionStore } from '../storage/page-store.ts';

const TOKEN_BYTES = 32;
/** For how long an answer of the database holds. */
const FRESH_MS = 5_000;
const CACHED_MAX = 10_000;

export const TOKEN_PREFIX = 'pst_';

/** Sessions of the page and the console: a random token outside, its digest in the database. */
export class Sessions {
  private readonly cache: LRUCache<string, { session: PageSession | undefined }>;

  constructor(private readonly parts: { store: SessionStore; clock: Clock }) {
    const perf = { now: () => parts.clock.monotonicMs() };
    this.cache = new LRUCache({ maxSize: CACHED_MAX, sizeCalculation: () => 1, ttl: FRESH_MS, ttlResolution: 0, perf });
  }

  async create(session: PageSession): Promise<string> {
    const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    await this.parts.store.create(digestOf(token), session);
    return token;
  }

  async find(token: string): Promise<PageSession | undefined> {
    if (!token.startsWith(TOKEN_PREFIX) || token.length > 100) return undefined;
    const digest = digestOf(token);
    const name = digest.toString('latin1');
    let known = this.cache.get(name);
    if (!known) {
      known = { session: await this.parts.store.find(digest) };
      this.cache.set(name, known);
    }
    return known.session && known.session.expiresAtMs > this.parts.clock.now() ? known.session : undefined;
  }

  /** Ends the sessions of an account's page; other nodes may take five seconds to notice. */
  async endOf(accountId: string, userName: string | null): Promise<void> {
    await this.parts.store.removeOf(accountId, userName);
    this.cache.clear();
  }

  /** What was found in the database counts no more. */
  forgetAll(): void {
    this.cache.clear();
  }

  async end(token: string): Promise<void> {
    const digest = digestOf(token);
    this.cache.delete(digest.toString('latin1'));
    await this.parts.store.remove(digest);
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
