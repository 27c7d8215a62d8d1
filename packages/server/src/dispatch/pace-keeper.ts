import type { Clock } from '../domain/clock.ts';
import type { PaceStore } from '../storage/store.ts';
import type { Lane } from './lane.ts';
import { WINDOW_MS } from './pace.ts';

/** How soon a node asks again for an endpoint that another node sends to, when somebody waits for an answer. */
const ASK_AGAIN_MS = 100;

/**
 * Sees to it that one node at a time sends to an endpoint with a rate limit: a lane is held before anything is sent,
 * and let go when it is empty, when another node has asked for it, or when this node stops.
 */
export class PaceKeeper {
  private readonly releasing = new Set<string>();

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
      this.ask(lane);
      return false;
    }
    if (!this.parts.isAlive()) return false;
    const waitMs = lane.pace.waitMs(this.parts.clock.monotonicMs());
    if (waitMs === 0) return true;
    if (waitMs !== undefined) this.wake(lane, waitMs);
    return false;
  }

  /** Tries to hold these lanes. Answers those that may be claimed for. */
  async hold(lanes: readonly Lane[]): Promise<Set<Lane>> {
    const free = new Set(lanes.filter((lane) => !lane.pace));
    // What is being let go of is asked for when that is over: the two statements could overtake each other.
    const paced = lanes.filter((lane) => lane.pace && !this.releasing.has(lane.endpointId));
    if (paced.length === 0) return free;
    const asked = paced.map((lane) => ({ endpointId: lane.endpointId, urgent: lane.hasForced }));
    const held = await this.take(asked);
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
    const nowMs = this.parts.clock.monotonicMs();
    const given = [...lanes].filter((lane) => {
      if (!lane.isHeld) return false;
      if (all || !lane.pace) return true;
      return lane.load === 0 && (lane.isWanted || (lane.backlog === 0 && lane.pace.windowMs(nowMs) === 0));
    });
    if (given.length === 0) return;
    const held = given.map((lane) => {
      lane.isHeld = false;
      lane.isWanted = false;
      // A request that is still under way counts from its end, which nobody will tell.
      const windowMs = lane.inFlight > 0 ? WINDOW_MS : (lane.pace?.windowMs(nowMs) ?? 0);
      return { endpointId: lane.endpointId, windowMs };
    });
    held.sort((a, b) => (a.endpointId < b.endpointId ? -1 : 1));
    for (const { endpointId } of held) this.releasing.add(endpointId);
    try {
      await this.parts.paces.release(held, this.parts.node.id);
    } finally {
      for (const { endpointId } of held) this.releasing.delete(endpointId);
    }
  }

  /** A failure here concerns endpoints with a limit only: the others are claimed for all the same. */
  private async take(asked: { endpointId: string; urgent: boolean }[]): Promise<Map<string, { wanted: boolean }>> {
    try {
      return await this.parts.paces.take(asked, this.parts.node.id);
    } catch (error) {
      this.parts.onError(error);
      return new Map();
    }
  }

  private ask(lane: Lane): void {
    if (lane.isAsking) return;
    lane.isAsking = true;
    this.hold([lane])
      .catch(this.parts.onError)
      .finally(() => {
        lane.isAsking = false;
        if (lane.isHeld) this.parts.pump(lane);
        else if (lane.hasForced) this.wake(lane, ASK_AGAIN_MS);
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
