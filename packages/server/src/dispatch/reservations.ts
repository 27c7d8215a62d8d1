import { Problem } from '../domain/errors.ts';
import type { ActiveDelivery } from '../domain/model.ts';
import type { KnownEndpoint } from '../fanout/directory.ts';
import type { Claimer } from './claimer.ts';
import type { DeliveryMemory } from './delivery-memory.ts';
import type { Job, Lane, SendOptions } from './lane.ts';
import type { LaneOwnership } from './lane-ownership.ts';
import type { WriteBehind } from './write-behind.ts';

/**
 * The door between accepting and dispatching: what is planned for an endpoint before it is stored. As long as it is open,
 * this node does not let go of the lane.
 */
export interface Reservation {
  /** The epoch that storing relies on; null: the lane is not this node's yet. */
  readonly epoch: number | null;
  /** Whether room is promised: then the delivery goes from memory to the sender, without a row in the queue. */
  readonly isHandedOver: boolean;
  /**
   * It is stored. Answers whether this node sends it from memory: otherwise it waits in the queue.
   * @param epoch the lane's, if it is this node's
   */
  commit(delivery: ActiveDelivery, epoch: number | undefined): boolean;
  /** It is not stored. */
  cancel(): void;
}

interface ReservationParts {
  ownership: LaneOwnership;
  memory: DeliveryMemory;
  claimer: Claimer;
  writeBehind: WriteBehind;
  maySend: () => boolean;
  /** Takes a delivery into memory, and sends it when its turn has come. */
  enqueue: (lane: Lane, job: Job) => void;
}

/** Makes reservations: where a delivery goes is decided before its event is stored. */
export class Reservations {
  constructor(private readonly parts: ReservationParts) {}

  reserve(endpoint: KnownEndpoint, payloadBytes: number, mayHandOver: boolean): Reservation {
    const lane = this.parts.ownership.getOrCreate(endpoint.id, endpoint.accountId, endpoint);
    // With a rate limit everything goes through the queue: it holds the order over all nodes.
    const isHandedOver =
      mayHandOver &&
      this.parts.maySend() &&
      endpoint.ratePerS === undefined &&
      lane.backlog === 0 &&
      !lane.isMoving &&
      // The lane may still be this node's when the event is stored, and not any more when that is answered.
      !lane.isReleasing &&
      this.parts.memory.reserve(lane, payloadBytes);
    return this.reservationOf(lane, payloadBytes, isHandedOver, { forced: false });
  }

  /**
   * For a delivery that somebody waits for: it needs room in memory like all else, but has no share of it.
   * @throws Problem `overloaded`
   */
  reserveNow(endpoint: KnownEndpoint, payloadBytes: number, options: SendOptions): Reservation {
    const lane = this.parts.ownership.getOrCreate(endpoint.id, endpoint.accountId, endpoint);
    if (this.parts.maySend() && !this.parts.memory.reserveForced(lane, payloadBytes)) {
      this.parts.ownership.dropIfUnused(lane);
      throw new Problem('overloaded', 'Too much is being sent right now; try again.');
    }
    return this.reservationOf(lane, payloadBytes, this.parts.maySend(), options);
  }

  private reservationOf(lane: Lane, bytes: number, isHandedOver: boolean, options: SendOptions): Reservation {
    let isOpen = true;
    lane.pinned++;
    if (isHandedOver) lane.reserved++;
    const close = () => {
      if (!isOpen) throw new Error('a reservation is committed or cancelled once');
      isOpen = false;
      lane.pinned--;
      if (!isHandedOver) return;
      lane.reserved--;
      this.parts.memory.unreserve(lane, bytes);
      this.parts.claimer.backlogged.noteChange(lane);
    };
    return {
      epoch: lane.epoch ?? null,
      isHandedOver,
      commit: (delivery, epoch) => {
        close();
        // In between the lane may have been lost: then whoever takes over finds the delivery.
        if (epoch === undefined || lane.epoch !== epoch) {
          this.parts.ownership.dropIfUnused(lane);
          return false;
        }
        if (!isHandedOver) {
          this.parts.claimer.noteBacklog(lane);
          return false;
        }
        // With a row in the queue, it may have been read from there already.
        if (delivery.isStored && lane.hasInMemory(delivery)) return false;
        delivery.epoch = epoch;
        const job = { delivery, options };
        if (!delivery.isStored) this.parts.writeBehind.handedOver(job);
        this.parts.enqueue(lane, job);
        return true;
      },
      cancel: () => {
        close();
        this.parts.ownership.dropIfUnused(lane);
      },
    };
  }
}
