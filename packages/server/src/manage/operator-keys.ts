import { createHash, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';
import { invalidAt, Problem } from '../domain/errors.ts';
import { type IdSource, isId } from '../domain/ids.ts';
import type { Operator, OperatorKey, OperatorKeyStore, OperatorRole } from '../storage/page-store.ts';
import type { Page } from '../storage/store.ts';

const KEYS_MAX = 200;
/** As those that the first start makes. */
const KEY_TEXT = /^pho_[A-Za-z0-9_-]{32}$/;
const SHOWN = 'pho_'.length + 6;
/** For how long an answer of the database holds: so long a key that was deleted may go on on other nodes. */
const FRESH_MS = 5_000;
const CACHED_MAX = 2_000;
/** How exactly the last use is known. */
const USE_EVERY_MS = 60_000;

/** Keys of those who operate the server, with names and roles. The text of a key is answered once, and never stored. */
export class OperatorKeys {
  private readonly known: LRUCache<string, { key: OperatorKey | undefined }>;
  private readonly usedAtMs = new LRUCache<string, number>({ maxSize: KEYS_MAX, sizeCalculation: () => 1 });

  constructor(
    private readonly parts: {
      store: OperatorKeyStore;
      ids: IdSource;
      clock: Clock;
      /** Those of the console that were opened with a key. */
      sessions: { forgetAll(): void };
      onError: (error: unknown) => void;
    },
  ) {
    const perf = { now: () => parts.clock.monotonicMs() };
    this.known = new LRUCache({ maxSize: CACHED_MAX, sizeCalculation: () => 1, ttl: FRESH_MS, ttlResolution: 0, perf });
  }

  async create(name: string, role: OperatorRole, expiresAt: Date | null): Promise<{ key: OperatorKey; text: string }> {
    const { store, ids, clock } = this.parts;
    if (expiresAt && expiresAt.getTime() <= clock.now()) throw invalidAt('#/expires_at', 'is in the past');
    const text = newText();
    const key: OperatorKey = {
      id: ids.next('opk'),
      name,
      role,
      prefix: text.slice(0, SHOWN),
      previousUntil: null,
      createdAt: new Date(clock.now()),
      expiresAt,
      lastUsedAt: null,
    };
    if (!(await store.create(key, digestOf(text), KEYS_MAX)))
      throw new Problem('limit_reached', `There are at most ${KEYS_MAX} operator keys.`);
    return { key, text };
  }

  list(page: Page): Promise<OperatorKey[]> {
    return this.parts.store.list(page);
  }

  /** @throws Problem `key_not_found` */
  async find(id: string): Promise<OperatorKey> {
    const key = isId('opk', id) ? await this.parts.store.find(id) : undefined;
    if (!key) throw new Problem('key_not_found');
    return key;
  }

  /** @param overlapMs for how long the text before is valid too */
  async rotate(id: string, overlapMs: number): Promise<{ key: OperatorKey; text: string }> {
    await this.find(id);
    const text = newText();
    const until = new Date(this.parts.clock.now() + overlapMs);
    const key = await this.parts.store.rotate(id, digestOf(text), text.slice(0, SHOWN), until);
    this.forgetAll();
    if (!key) throw new Problem('key_not_found');
    return { key, text };
  }

  async remove(id: string): Promise<void> {
    await this.find(id);
    if (!(await this.parts.store.remove(id))) throw new Problem('key_not_found');
    this.forgetAll();
  }

  /** Whose text this is; undefined: of no key that is valid. */
  async verify(text: string): Promise<Operator | undefined> {
    if (!KEY_TEXT.test(text)) return undefined;
    const { store, clock } = this.parts;
    const digest = digestOf(text);
    const name = digest.toString('latin1');
    let known = this.known.get(name);
    if (!known) {
      known = { key: await store.findByDigest(digest, new Date(clock.now())) };
      this.known.set(name, known);
    }
    const { key } = known;
    if (!key || (key.expiresAt && key.expiresAt.getTime() <= clock.now())) return undefined;
    this.noteUse(key.id);
    return { keyId: key.id, name: key.name, role: key.role };
  }

  private forgetAll(): void {
    this.known.clear();
    this.parts.sessions.forgetAll();
  }

  private noteUse(id: string): void {
    const nowMs = this.parts.clock.monotonicMs();
    const usedAtMs = this.usedAtMs.get(id);
    if (usedAtMs !== undefined && nowMs - usedAtMs < USE_EVERY_MS) return;
    this.usedAtMs.set(id, nowMs);
    this.parts.store.noteUse(id, new Date(this.parts.clock.now())).catch(this.parts.onError);
  }
}

const newText = (): string => `pho_${randomBytes(24).toString('base64url')}`;
const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
