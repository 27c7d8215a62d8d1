import type { Holdings } from './holdings.ts';
import type { Lane } from './lane.ts';

const CLAIM_MAX = 500;
const CLAIM_FIRST = 20;
/** Rows of one claim over all endpoints. */
const CLAIM_BUDGET = 2_000;
const CLAIM_ENDPOINTS_MAX = 200;

/** How many deliveries of a lane to claim, and what its backlog was when that was decided. */
export interface Claim {
  room: number;
  seen: number;
}

/** The lanes to claim for now: those of `behind` that have room, in their order, within one claim's bounds. */
export function planClaims(behind: Iterable<Lane>, holdings: Holdings): Map<Lane, Claim> {
  const wanted = new Map<Lane, Claim>();
  let budget = Math.min(CLAIM_BUDGET, holdings.room);
  for (const lane of behind) {
    if (wanted.size >= CLAIM_ENDPOINTS_MAX) break;
    if (lane.isWanted) continue;
    // A lane that is new here may hold large payloads or hang: it shows what it does with a few first.
    const most = lane.hasAnswered ? CLAIM_MAX : CLAIM_FIRST;
    const room = Math.min(holdings.roomOf(lane), most, budget);
    // Small claims cost as much as large ones: wait until half of what the lane may hold is free.
    if (room < 1 || (room < most && room * 2 < holdings.aheadOf(lane))) continue;
    budget -= room;
    wanted.set(lane, { room, seen: lane.backlog });
  }
  return wanted;
}
