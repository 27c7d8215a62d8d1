import type { BackloggedLanes } from './backlogged-lanes.ts';
import type { DeliveryMemory } from './delivery-memory.ts';
import type { Lane } from './lane.ts';

const CLAIM_MAX = 500;
const CLAIM_FIRST = 20;
/** Rows of one claim over all endpoints. */
const CLAIM_BUDGET = 2_000;
/** Payloads of one claim over all endpoints. */
const CLAIM_BYTES = 16 * 1024 * 1024;
const CLAIM_ENDPOINTS_MAX = 200;

/** How many deliveries of a lane to claim, and what its backlog was when that was decided. */
export interface Claim {
  room: number;
  seen: number;
}

export interface ClaimPlan {
  lanes: Map<Lane, Claim>;
  bytesMax: number;
  /** Whether there are more lanes than one claim is for. */
  isPartial: boolean;
}

/**
 * The lanes to claim for now, those that have waited longest first, within one claim's bounds. Lanes that are full are set
 * aside: they cost this plan one look, and the next ones none.
 */
export function planClaims(backlogged: BackloggedLanes, memory: DeliveryMemory): ClaimPlan {
  const lanes = new Map<Lane, Claim>();
  let budget = Math.min(CLAIM_BUDGET, memory.room);
  const bytesMax = Math.min(CLAIM_BYTES, memory.bytesRoom);
  // A full memory is the same for every lane: there may be thousands of them.
  if (bytesMax === 0) return { lanes, bytesMax, isPartial: false };
  for (const lane of backlogged.candidates(memory.isUnprovenFull)) {
    if (budget === 0 || lanes.size >= CLAIM_ENDPOINTS_MAX) return { lanes, bytesMax, isPartial: true };
    if (!lane.isOwned || lane.isMoving) continue;
    // A lane that is not known well may hold large payloads or hang: it shows what it does with a few first.
    const most = lane.standing === 'healthy' ? CLAIM_MAX : CLAIM_FIRST;
    const ahead = memory.aheadOf(lane);
    // Small claims cost as much as large ones: wait until half of what the lane may hold is free.
    const isWorthIt = (room: number) => room >= 1 && (room >= most || room * 2 >= ahead);
    if (!isWorthIt(ahead - lane.load)) {
      backlogged.setAside(lane);
      continue;
    }
    const room = Math.min(memory.roomOf(lane), most, budget);
    if (!isWorthIt(room)) continue;
    budget -= room;
    lanes.set(lane, { room, seen: lane.backlog });
  }
  return { lanes, bytesMax, isPartial: false };
}
