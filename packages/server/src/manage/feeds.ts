import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { TooManyRequests } from '../domain/too-many-requests.ts';
import type { Feed, FeedPage, FeedPlace, FeedStore } from '../storage/page-store.ts';

/** One query answers all who wait. */
const LOOK_EVERY_MS = 200;
/** How long a feed may take to begin before somebody is told to come back. */
const BEGIN_MAX_MS = 10_000;
const BEGIN_AGAIN_S = 5;
const WAITING_MAX = 1_000;
const WAITING_OF_ACCOUNT_MAX = 50;

/** Where a reader begins: with the oldest event that is kept, with what happens from now on, or where a page of that feed ended. */
export type FeedStart = 'oldest' | 'newest' | { feed: string; place: FeedPlace };

interface Waiter {
  accountId: string;
  after: number;
  wake: () => void;
}

/** Feeds of accounts, and those who wait for what comes next. */
export class Feeds {
  private readonly waiters = new Set<Waiter>();
  private isLooking = false;
  private hasStopped = false;

  constructor(
    private readonly parts: { store: FeedStore; clock: Clock; isUp: () => boolean; onError: (error: unknown) => void },
  ) {}

  /**
   * One page; when there is nothing, what comes within `waitMs`.
   * @throws Problem `invalid_cursor`; TooManyRequests when the feed takes long to begin, or too many wait
   */
  async read(
    accountId: string,
    from: FeedStart,
    { limit, waitMs, signal }: { limit: number; waitMs: number; signal: AbortSignal },
  ): Promise<FeedPage & { feed: string }> {
    const { store } = this.parts;
    const feed = await this.begin(accountId);
    const page = await store.read(accountId, feed, placeIn(feed, from), limit);
    // Whoever begins has missed nothing.
    const first = { ...page, missed: from === 'oldest' ? 0 : page.missed, feed: feed.id };
    const hasNews = first.events.length > 0 || first.missed > 0;
    if (hasNews || page.next.kind === 'history' || waitMs <= 0) return first;
    await this.wait(accountId, page.next.after, waitMs, signal);
    const later = await store.open(accountId);
    if (later?.id !== feed.id) return first;
    return { ...(await store.read(accountId, later, page.next, limit)), feed: feed.id };
  }

  /** Nobody waits any more. */
  stop(): void {
    this.hasStopped = true;
    for (const { wake } of this.waiters) wake();
  }

  private async begin(accountId: string): Promise<Feed> {
    const { store, clock } = this.parts;
    const untilMs = clock.monotonicMs() + BEGIN_MAX_MS;
    for (;;) {
      const feed = await store.open(accountId);
      if (feed) return feed;
      if (clock.monotonicMs() > untilMs || this.hasStopped)
        throw new TooManyRequests(BEGIN_AGAIN_S, 'The feed is beginning: come back in some seconds.');
      await this.pause();
    }
  }

  private wait(accountId: string, after: number, waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.hasStopped || signal.aborted) return Promise.resolve();
    const ofAccount = [...this.waiters].filter((waiter) => waiter.accountId === accountId).length;
    if (this.waiters.size >= WAITING_MAX) throw new Problem('overloaded');
    if (ofAccount >= WAITING_OF_ACCOUNT_MAX)
      throw new TooManyRequests(1, `At most ${WAITING_OF_ACCOUNT_MAX} readers of an account wait at a time.`);
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        signal.removeEventListener('abort', wake);
        this.waiters.delete(waiter);
        resolve();
      };
      const waiter: Waiter = { accountId, after, wake };
      const cancel = this.parts.clock.after(waitMs, wake);
      signal.addEventListener('abort', wake);
      this.waiters.add(waiter);
      if (!this.isLooking) void this.look();
    });
  }

  private async look(): Promise<void> {
    const { store, isUp, onError } = this.parts;
    this.isLooking = true;
    while (this.waiters.size > 0) {
      await this.pause();
      if (!isUp()) continue;
      try {
        const positions = await store.positions([...new Set([...this.waiters].map(({ accountId }) => accountId))]);
        for (const { accountId, after, wake } of this.waiters) {
          // Without one, the account is gone.
          if ((positions.get(accountId) ?? Number.POSITIVE_INFINITY) > after) wake();
        }
      } catch (error) {
        onError(error);
      }
    }
    this.isLooking = false;
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => void this.parts.clock.after(LOOK_EVERY_MS, resolve));
  }
}

/** @throws Problem `invalid_cursor` for a place of another feed: of an account that was made again, or a database from a backup */
function placeIn(feed: Feed, from: FeedStart): FeedPlace {
  if (from === 'oldest') return { kind: 'history', after: '' };
  if (from === 'newest') return { kind: 'feed', after: feed.position };
  const { place } = from;
  if (from.feed !== feed.id || (place.kind === 'feed' && place.after > feed.position))
    throw new Problem(
      'invalid_cursor',
      'This cursor is of another feed: the account was made again, or restored. Begin without one.',
    );
  return place;
}
