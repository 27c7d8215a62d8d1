import type { Clock } from '../domain/clock.ts';
import type { LeasedDelivery, SettledAttempt } from '../domain/model.ts';
import type { Directory } from '../fanout/directory.ts';
import type { PaceStore, QueueStore } from '../storage/store.ts';
import type { SlotLimits } from './slots.ts';

/** What a Dispatcher works with. */
export interface DispatcherParts {
  queue: QueueStore;
  paces: PaceStore;
  directory: Directory;
  clock: Clock;
  node: { readonly id: number };
  /** Requests in flight on this node. */
  limits: SlotLimits;
  /** Hands deliveries back unsent; does not give up while the database is away. */
  release: (deliveries: readonly LeasedDelivery[]) => Promise<void>;
  /** Makes one attempt; answers undefined when it was handed back instead. Rejects only while the database is away. */
  attempt: (delivery: LeasedDelivery, forced: boolean) => Promise<SettledAttempt | undefined>;
  /** Stores an outcome, and calls back when it is stored or turned out to be somebody else's. */
  settle: (attempt: SettledAttempt, done: () => void) => void;
  /** Whether the database can be reached and outcomes are not piling up. */
  mayGoOn: () => boolean;
  /** Whether this node's heartbeat is fresh: no other node can have taken over its endpoints with a rate limit. */
  isAlive: () => boolean;
  onError: (error: unknown) => void;
}
