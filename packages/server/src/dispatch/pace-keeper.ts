import type { Clock } from '../domain/clock.ts';
import type { PaceStore } from '../storage/store.ts';
import type { Lane } from './lane.ts';

/** How soon a node asks again for an endpoint that another node sends to, when somebody waits for an answer. */
const ASK_AGAIN_MS = 100;

/**
 * Sees to it that one node at a time sends to an endpoint with a rate limit: a lane is held before anything is sent,
 * and let go when it is empty, when another node has asked for it, or when this node stops.
 */
export class PaceKeeper {
  constructor(
    private readonly parts: {
      paces: PaceStore;
      clock: Clock;
      node: { readonly id: number };
      /** Whether this node's heartbeat is fresh enough to be sure that no other node has taken over. */
      isAlive: () => boolean;
      pump: (lane: Lane) => void;
      onError: (error: unknown) => void;
    },
  ) {}

  /** Whether a request may start now. If not, the lane is pumped again when it may. */
  mayStart(lane: Lane): boolean {
    if (!lane.pace) return true;
    if (!lane.isHeld) {
      if (lane.hasForced) this.ask(lane);
      return false;
    }
    if (!this.parts.isAlive()) return false;
    const waitMs = lane.pace.waitMs(this.parts.clock.now());
    if (waitMs === 0) return true;
    if (waitMs !== undefined) this.wake(lane, waitMs);
    return false;
  }

  started(lane: Lane): void {
    lane.pace?.start(this.parts.clock.now());
  }

  ended(lane: Lane): void {
    lane.pace?.end(this.parts.clock.now());
  }

  /** Tries to hold these lanes. Answers those that may be claimed for. */
  async hold(lanes: readonly Lane[]): Promise<Set<Lane>> {
    const paced = lanes.filter((lane) => lane.pace);
    const free = new Set(lanes.filter((lane) => !lane.pace));
    if (paced.length === 0) return free;
    const asked = paced.map((lane) => ({ endpointId: lane.endpointId, urgent: lane.hasForced }));
    const held = await this.parts.paces.take(asked, this.parts.node.id);
    for (const lane of paced) {
      const answer = held.get(lane.endpointId);
      lane.isHeld = answer !== undefined;
      lane.isWanted = answer?.wanted ?? false;
      if (lane.isHeld && !lane.isWanted) free.add(lane);
    }
    return free;
  }

  /** Lets go of lanes that have nothing to do, or that another node waits for. */
  async letGo(lanes: Iterable<Lane>, all = false): Promise<void> {
    const nowMs = this.parts.clock.now();
    const given = [...lanes].filter((lane) => {
      if (!lane.pace || !lane.isHeld || lane.load > 0) return false;
      return all || lane.isWanted || (lane.backlog === 0 && lane.pace.windowMs(nowMs) === 0);
    });
    if (given.length === 0) return;
    for (const lane of given) lane.isHeld = false;
    const held = given.map((lane) => ({ endpointId: lane.endpointId, windowMs: lane.pace?.windowMs(nowMs) ?? 0 }));
    await this.parts.paces.release(held, this.parts.node.id);
  }

  private ask(lane: Lane): void {
    if (lane.isAsking) return;
    lane.isAsking = true;
    this.hold([lane])
      .catch(this.parts.onError)
      .finally(() => {
        lane.isAsking = false;
        if (lane.isHeld) this.parts.pump(lane);
        else this.wake(lane, ASK_AGAIN_MS);
      });
  }

  private wake(lane: Lane, afterMs: number): void {
    if (lane.isWaking) return;
    lane.isWaking = true;
    this.parts.clock.after(afterMs, () => {
      lane.isWaking = false;
      this.parts.pump(lane);
    });
  }
}
