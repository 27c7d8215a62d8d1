import { Bag, type Entry } from '../domain/bag.ts';
import type { ActiveDelivery, SettledAttempt } from '../domain/model.ts';
import type { KnownEndpoint } from '../fanout/directory.ts';
import type { Standing } from './circuit-breaker.ts';
import { EndpointRateLimiter } from './endpoint-rate-limiter.ts';
import type { Recovery } from './recovery.ts';
import type { Watched } from './write-behind.ts';

export interface SendOptions {
  /** Send although the endpoint is inactive: somebody asked for just this delivery. */
  forced: boolean;
  /** Behind what waits for the same endpoint already, not before it. */
  isPatient?: boolean;
  /** Called when the outcome is stored, or with undefined when the attempt came to nothing. */
  onSettled?: (attempt: SettledAttempt | undefined) => void;
}

/** A delivery in this node's memory: it waits, is in flight, or its outcome is not stored yet. */
export interface Job {
  readonly delivery: ActiveDelivery;
  options: SendOptions;
  /** Its places in the lane's memory and in the write-behind. */
  inLane?: Entry<ActiveDelivery>;
  inWriteBehind?: Entry<Watched> | undefined;
}

/**
 * Who owns the lane, as far as this node knows:
 *
 *     unowned ──own()──▶ owned ──beginRelease()──▶ releasing ──▶ (removed)
 *        ▲                 │                          │
 *        └────disown()─────┴──────────────────────────┘   own() again, in a later epoch, is possible from each
 *
 * - `unowned` events are being stored that may make it this node's
 * - `owned` this node sends; its deliveries are claimed
 * - `releasing` nothing of it is in memory, and the database is being told
 */
interface Ownership {
  name: 'unowned' | 'owned' | 'releasing';
  /** `unowned`: the last one in which it was this node's, 0 if none. */
  epoch: number;
}

const COMPACTED_AT = 1_024;

/** Deliveries of one endpoint in this node's memory, in order, and what it knows of those in the database. */
export class Lane {
  readonly endpointId: string;
  readonly accountId: string;
  private ownership: Ownership = { name: 'unowned', epoch: 0 };
  /** Deliveries that room is promised to while they are being stored. */
  reserved = 0;
  /** Reservations: accepting relies on the ownership of this lane until they are committed or cancelled. */
  pinned = 0;
  inFlight = 0;
  /** Requests at a time, between 1 and the contract's limit. */
  concurrency: number;
  /** How it has answered so far: what it may have of the node's requests and memory. */
  standing: Standing = 'unproven';
  /** In a row. */
  failures = 0;
  /** What it has in this node's memory, and what is promised to it; kept by DeliveryMemory. */
  readonly held = { count: 0, bytes: 0 };
  /** Raised when deliveries of this endpoint are seen in the database; 0 when none are due there. */
  backlog = 0;
  isClaiming = false;
  /** Its endpoint has been deleted, and what waits for it is being ended. */
  isEnding = false;
  isReadingAccount = false;
  isQueued = false;
  /** Whether the account has been read: concurrency and rate limit are known then. */
  isKnown = false;
  /** In contracts and endpoints with a rate limit. */
  rateLimiter: EndpointRateLimiter | undefined;
  /** Since when it has been failing. */
  failingSinceMs: number | undefined;
  /** It answers again after a long time. */
  recovery: Recovery | undefined;
  /** When it was switched on again, after it had been switched off for its failures; undefined once that has been seen. */
  switchedOnAtMs: number | undefined;
  /** Whether it is looked at again when the rate limit allows the next request. */
  isWaking = false;
  /** When the next delivery in the database is due that is not due yet, as far as this node knows. */
  nextDue: { atMs: number; cancel: () => void } | undefined;
  /** Deliveries that are not read from the database: they wait, are in flight, or their outcome is not stored yet. */
  readonly inMemory = new Bag<ActiveDelivery>();
  /** Another node has less to do: nothing new is taken into memory, so that the lane can be let go. */
  isMoving = false;
  private idleAtMs: number | undefined;
  private jobs: (Job | undefined)[] = [];
  private head = 0;

  /** What the endpoint may have at most; 0 until its account has been read. */
  private concurrencyMax = 0;

  constructor(endpointId: string, accountId: string, concurrency: number) {
    this.endpointId = endpointId;
    this.accountId = accountId;
    this.concurrency = concurrency;
  }

  /** Undefined unless this node owns the lane, and sends. */
  get epoch(): number | undefined {
    return this.ownership.name === 'owned' ? this.ownership.epoch : undefined;
  }

  get isOwned(): boolean {
    return this.ownership.name === 'owned';
  }

  get isReleasing(): boolean {
    return this.ownership.name === 'releasing';
  }

  /**
   * An epoch that is not later than what is known is old news: statements are answered in another order than they are
   * carried out. Answers whether the lane is this node's in a new epoch.
   */
  own(epoch: number): boolean {
    if (epoch <= this.ownership.epoch) return false;
    this.ownership = { name: 'owned', epoch };
    return true;
  }

  /** @returns the epoch that is let go of */
  beginRelease(): number {
    if (this.ownership.name !== 'owned') throw new Error(`a lane that is ${this.ownership.name} cannot be released`);
    const { epoch } = this.ownership;
    this.ownership = { name: 'releasing', epoch };
    return epoch;
  }

  /** It is somebody else's, or nobody's; nothing happens when it is this node's in a later epoch. */
  disown(epoch: number): boolean {
    if (this.ownership.name === 'unowned' || this.ownership.epoch !== epoch) return false;
    this.ownership = { name: 'unowned', epoch };
    return true;
  }

  /** What its account says of it; undefined: nothing yet, or it is gone. */
  update(endpoint: KnownEndpoint | undefined): void {
    if (!endpoint) return;
    const mayHaveMore = endpoint.concurrency > this.concurrencyMax && this.standing !== 'failing';
    this.concurrency = mayHaveMore ? endpoint.concurrency : Math.min(this.concurrency, endpoint.concurrency);
    this.concurrencyMax = endpoint.concurrency;
    this.isKnown = true;
    const { ratePerS, recoveringAtMs } = endpoint;
    this.switchedOnAtMs = recoveringAtMs;
    if (ratePerS === undefined) this.rateLimiter = undefined;
    else if (this.rateLimiter) this.rateLimiter.perS = ratePerS;
    else this.rateLimiter = new EndpointRateLimiter(ratePerS);
  }

  get waiting(): number {
    return this.jobs.length - this.head;
  }

  /** Everything that takes up room here. */
  get load(): number {
    return this.waiting + this.inFlight + this.reserved;
  }

  /** Nothing of it is in memory, and nothing is known to wait. */
  get isIdle(): boolean {
    const isEmpty = this.load === 0 && this.pinned === 0 && this.inMemory.size === 0;
    return isEmpty && !this.isClaiming && !this.isEnding && (this.backlog === 0 || this.isMoving);
  }

  /** For how long it has been idle, when asked again and again. */
  idleForMs(nowMs: number): number {
    this.idleAtMs = this.isIdle ? (this.idleAtMs ?? nowMs) : undefined;
    return this.idleAtMs === undefined ? 0 : nowMs - this.idleAtMs;
  }

  hasInMemory({ uuid }: ActiveDelivery): boolean {
    for (const one of this.inMemory) if (Buffer.compare(one.uuid, uuid) === 0) return true;
    return false;
  }

  push(job: Job): void {
    this.jobs.push(job);
  }

  /** Puts a job before all others. */
  pushFirst(job: Job): void {
    if (this.head > 0) this.jobs[--this.head] = job;
    else this.jobs.unshift(job);
  }

  shift(): Job | undefined {
    const job = this.jobs[this.head];
    if (!job) return undefined;
    // Nothing that has been sent is held on to, payload and all.
    this.jobs[this.head++] = undefined;
    // A lane that never empties gives back what it has left behind.
    if (this.head === this.jobs.length || (this.head >= COMPACTED_AT && this.head * 2 >= this.jobs.length)) {
      this.jobs = this.jobs.slice(this.head);
      this.head = 0;
    }
    return job;
  }

  /** Takes out everything behind the first `kept`. */
  takeBehind(kept: number): Job[] {
    return this.jobs.splice(this.head + kept).filter((job) => job !== undefined);
  }

  /** Takes out what is behind the first `kept`, but for what somebody asked for: that is sent whatever happens. */
  takeUnforcedBehind(kept: number): Job[] {
    const behind = this.takeBehind(kept);
    this.jobs.push(...behind.filter((job) => job.options.forced));
    return behind.filter((job) => !job.options.forced);
  }

  /** Takes out one waiting delivery. */
  take(uuid: Uint8Array): Job | undefined {
    const at = this.jobs.findIndex((job) => job !== undefined && Buffer.compare(job.delivery.uuid, uuid) === 0);
    return at < 0 ? undefined : this.jobs.splice(at, 1)[0];
  }
}
