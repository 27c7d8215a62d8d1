import type { Job, Lane } from './lane.ts';

/** Deliveries that one endpoint may have in this node's memory, while it answers well. */
const RUN_AHEAD_MAX = 512;
/** Bounds over all endpoints. Above half of them, only endpoints' concurrency is filled. */
const HELD_MAX = 20_000;
const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** What endpoints that are not healthy may have of both, together. */
const UNPROVEN_SHARE = 0.5;

interface Amount {
  count: number;
  bytes: number;
}

/** The deliveries in this node's memory, and how much more it takes: backpressure and bulkheads, in numbers and in bytes. */
export class DeliveryMemory {
  private readonly all: Amount = { count: 0, bytes: 0 };
  /** Of lanes that are not healthy. */
  private readonly unproven: Amount = { count: 0, bytes: 0 };

  /** How many wait or are in flight here, and the bytes of their payloads. */
  get amount(): Readonly<Amount> {
    return this.all;
  }

  get unprovenAmount(): Readonly<Amount> {
    return this.unproven;
  }

  /** Promises room for a delivery that is about to be stored; false when there is none. */
  reserve(lane: Lane, bytes: number): boolean {
    if (this.roomOf(lane) <= 0 || bytes > this.bytesRoomOf(lane)) return false;
    this.count(lane, 0, bytes);
    return true;
  }

  /** The same for a delivery that somebody waits for: it has no share, only the bounds over all endpoints. */
  reserveForced(lane: Lane, bytes: number): boolean {
    if (this.room === 0 || bytes > this.bytesRoom) return false;
    this.count(lane, 0, bytes);
    return true;
  }

  unreserve(lane: Lane, bytes: number): void {
    this.count(lane, 0, -bytes);
  }

  add(lane: Lane, job: Job): void {
    job.inLane = lane.inMemory.add(job.delivery);
    this.count(lane, 1, job.delivery.event.payload.length);
  }

  /** It waits no more, or its request has ended: it takes up no room, and is not read again before it is removed. */
  free(lane: Lane, { delivery }: Job): void {
    this.count(lane, -1, -delivery.event.payload.length);
  }

  /** Its outcome is stored, or it is handed back: from now on the database alone knows of it. */
  remove(lane: Lane, { inLane }: Job): void {
    if (inLane) lane.inMemory.remove(inLane);
  }

  /** A lane has become healthy, or is so no longer: what it holds counts with the others of its kind. */
  move(lane: Lane, change: () => void): void {
    const { count, bytes } = lane.held;
    this.count(lane, -count, -bytes);
    change();
    this.count(lane, count, bytes);
  }

  /** How many more fit, over all endpoints. */
  get room(): number {
    return Math.max(HELD_MAX - this.all.count, 0);
  }

  get bytesRoom(): number {
    return Math.max(HELD_BYTES_MAX - this.all.bytes, 0);
  }

  /** Whether endpoints that are not healthy have all that they may have together. */
  get isUnprovenFull(): boolean {
    return this.unproven.count >= HELD_MAX * UNPROVEN_SHARE || this.unproven.bytes >= HELD_BYTES_MAX * UNPROVEN_SHARE;
  }

  /** How much of an endpoint is taken into memory, ahead of sending it. */
  aheadOf(lane: Lane): number {
    const isHalfFull = this.all.count > HELD_MAX / 2 || this.all.bytes > HELD_BYTES_MAX / 2;
    if (lane.standing === 'failing' || isHalfFull) return lane.concurrency;
    // A second's worth: it is not sent sooner.
    return lane.rateLimiter ? Math.min(lane.rateLimiter.perS, RUN_AHEAD_MAX) : RUN_AHEAD_MAX;
  }

  /** How many more of an endpoint's deliveries fit. */
  roomOf(lane: Lane): number {
    const share = lane.standing === 'healthy' ? this.room : HELD_MAX * UNPROVEN_SHARE - this.unproven.count;
    return Math.min(this.aheadOf(lane) - lane.load, this.room, share);
  }

  bytesRoomOf(lane: Lane): number {
    if (lane.standing === 'healthy') return this.bytesRoom;
    return Math.min(this.bytesRoom, HELD_BYTES_MAX * UNPROVEN_SHARE - this.unproven.bytes);
  }

  private count(lane: Lane, count: number, bytes: number): void {
    const amounts = lane.standing === 'healthy' ? [lane.held, this.all] : [lane.held, this.all, this.unproven];
    for (const amount of amounts) {
      amount.count += count;
      amount.bytes += bytes;
    }
  }
}
