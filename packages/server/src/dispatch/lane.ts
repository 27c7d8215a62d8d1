import type { LeasedDelivery, SettledAttempt } from '../domain/model.ts';
import type { KnownEndpoint } from '../fanout/directory.ts';
import { Pace } from './pace.ts';
import type { Standing } from './standing.ts';

export interface SendOptions {
  /** Send although the endpoint is inactive: somebody asked for just this delivery. */
  forced: boolean;
  /** Behind what waits for the same endpoint already, not before it. */
  isPatient?: boolean;
  /** Called when the outcome is stored, or with undefined when the attempt came to nothing. */
  onSettled?: (attempt: SettledAttempt | undefined) => void;
}

export interface Job {
  delivery: LeasedDelivery;
  options: SendOptions;
}

const COMPACTED_AT = 1_024;

/** Deliveries of one endpoint that this node holds leases of, in order, and what it knows of those in the database. */
export class Lane {
  readonly endpointId: string;
  readonly accountId: string;
  /** Room promised to deliveries that are being stored. */
  reserved = 0;
  inFlight = 0;
  /** Requests at a time, between 1 and the contract's limit. */
  concurrency: number;
  /** How it has answered so far: what it may have of the node's requests and memory. */
  standing: Standing = 'unproven';
  /** In a row. */
  failures = 0;
  /** What it has in this node's memory, and what is promised to it; kept by Holdings. */
  readonly held = { count: 0, bytes: 0 };
  /** Raised when deliveries of this endpoint are seen in the database; 0 when none are due there. */
  backlog = 0;
  isClaiming = false;
  isQueued = false;
  /** Whether the account has been read: concurrency and pace are known then. */
  isKnown = false;
  /** In contracts and endpoints with a rate limit. */
  pace: Pace | undefined;
  /** Of a lane with a pace: whether this node may send, whether another has asked for it, and what is under way. */
  isHeld = false;
  isWanted = false;
  isAsking = false;
  isWaking = false;
  private jobs: (Job | undefined)[] = [];
  private head = 0;

  constructor(endpointId: string, accountId: string, concurrency: number) {
    this.endpointId = endpointId;
    this.accountId = accountId;
    this.concurrency = concurrency;
  }

  /** What its account says of it; undefined: nothing yet, or it is gone. */
  learn(endpoint: KnownEndpoint | undefined): void {
    if (!endpoint) return;
    if (!this.isKnown && this.standing !== 'failing') this.concurrency = endpoint.contract.policy.concurrency;
    this.isKnown = true;
    const { ratePerS } = endpoint;
    if (ratePerS === undefined) this.pace = undefined;
    else if (this.pace) this.pace.perS = ratePerS;
    else this.pace = new Pace(ratePerS);
  }

  get waiting(): number {
    return this.jobs.length - this.head;
  }

  /** Everything that takes up room here. */
  get load(): number {
    return this.waiting + this.inFlight + this.reserved;
  }

  get isIdle(): boolean {
    return this.load === 0 && this.backlog === 0 && !this.isClaiming && !this.isHeld;
  }

  /** Whether somebody waits for the first delivery here. */
  get hasForced(): boolean {
    return this.jobs[this.head]?.options.forced === true;
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
