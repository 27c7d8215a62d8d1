import type { Holdings } from './holdings.ts';
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
}

/** The lanes to claim for now: those of `behind` that have room, in their order, within one claim's bounds. */
export function planClaims(behind: Iterable<Lane>, holdings: Holdings): ClaimPlan {
  const lanes = new Map<Lane, Claim>();
  let budget = Math.min(CLAIM_BUDGET, holdings.room);
  const bytesMax = Math.min(CLAIM_BYTES, holdings.bytesRoom);
  // A full memory is the same for every lane: there may be thousands of them.
  if (bytesMax === 0) return { lanes, bytesMax };
  for (const lane of behind) {
    if (budget === 0 || lanes.size >= CLAIM_ENDPOINTS_MAX) break;
    if (lane.isWanted) continue;
    // A lane that is not known well may hold large payloads or hang: it shows what it does with a few first.
    const most = lane.standing === 'healthy' ? CLAIM_MAX : CLAIM_FIRST;
    const room = Math.min(holdings.roomOf(lane), most, budget);
    // Small claims cost as much as large ones: wait until half of what the lane may hold is free.
    if (room < 1 || holdings.bytesRoomOf(lane) <= 0) continue;
    if (room < most && room * 2 < holdings.aheadOf(lane)) continue;
    budget -= room;
    lanes.set(lane, { room, seen: lane.backlog });
  }
  return { lanes, bytesMax };
}
