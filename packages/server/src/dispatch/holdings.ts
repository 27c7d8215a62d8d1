import type { LeasedDelivery } from '../domain/model.ts';
import type { Lane } from './lane.ts';

/** Deliveries that one endpoint may have in this node's memory, while it answers well. */
const RUN_AHEAD_MAX = 512;
/** Bounds over all endpoints. Above half of them, only endpoints' concurrency is filled. */
const HELD_MAX = 20_000;
const HELD_BYTES_MAX = 64 * 1024 * 1024;

/** What this node holds in memory of what it has leases of, and how much more it takes. */
export class Holdings {
  private readonly leases = new Set<LeasedDelivery>();
  private bytes = 0;
  private held = 0;

  /** All deliveries whose lease this node holds and knows of, until they are settled or handed back. */
  get leased(): Iterable<LeasedDelivery> {
    return this.leases;
  }

  /** How many wait or are in flight here. */
  get count(): number {
    return this.held;
  }

  take(delivery: LeasedDelivery): void {
    this.leases.add(delivery);
    this.held++;
    this.bytes += delivery.event.payload.length;
  }

  /** Its request has ended; the lease stays until the outcome is stored. */
  putDown(delivery: LeasedDelivery): void {
    this.held--;
    this.bytes -= delivery.event.payload.length;
  }

  /** The lease is gone: settled, handed back or lost. */
  forget(delivery: LeasedDelivery): void {
    this.leases.delete(delivery);
  }

  /** How many more fit, over all endpoints. */
  get room(): number {
    return Math.max(HELD_MAX - this.held, 0);
  }

  /** How much of an endpoint is taken into memory, ahead of sending it. */
  aheadOf(lane: Lane): number {
    const isHalfFull = this.held > HELD_MAX / 2 || this.bytes > HELD_BYTES_MAX / 2;
    if (lane.isFailing || isHalfFull) return lane.concurrency;
    // A second's worth: what another node is to take over soon stays in the database.
    return lane.pace ? Math.min(lane.pace.perS, RUN_AHEAD_MAX) : RUN_AHEAD_MAX;
  }

  /** How many more of an endpoint's deliveries fit. */
  roomOf(lane: Lane): number {
    return Math.min(this.aheadOf(lane) - lane.load, this.room);
  }
}
