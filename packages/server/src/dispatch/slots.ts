import type { Lane } from './lane.ts';

interface Account {
  inFlight: number;
  turn: Lane[];
}

/**
 * Requests in flight: so many on this node, and of those so many for one account, however many endpoints it has. A lane
 * that finds no slot free queues for its turn.
 */
export class Slots {
  private taken = 0;
  private readonly turn: Lane[] = [];
  private readonly accounts = new Map<string, Account>();

  constructor(
    private readonly max: number,
    private readonly accountMax: number,
  ) {}

  get inFlight(): number {
    return this.taken;
  }

  /** Takes a slot for a lane. False when none is free; then free() names the lane when its turn has come. */
  take(lane: Lane): boolean {
    const account = this.accounts.get(lane.accountId) ?? { inFlight: 0, turn: [] };
    this.accounts.set(lane.accountId, account);
    const turn = account.inFlight >= this.accountMax ? account.turn : this.taken >= this.max ? this.turn : undefined;
    if (turn) {
      if (!lane.isQueued) turn.push(lane);
      lane.isQueued = true;
      return false;
    }
    lane.inFlight++;
    this.taken++;
    account.inFlight++;
    return true;
  }

  /** Gives a slot back. Answers the lanes whose turn it is now; while sending pauses, everybody keeps their place. */
  free(lane: Lane, isPaused: boolean): Lane[] {
    lane.inFlight--;
    this.taken--;
    const account = this.accounts.get(lane.accountId);
    if (account) account.inFlight--;
    const next = isPaused ? [] : [account?.turn.shift(), this.turn.shift()].filter((other) => other !== undefined);
    for (const other of next) other.isQueued = false;
    if (account && account.inFlight === 0 && account.turn.length === 0) this.accounts.delete(lane.accountId);
    return next;
  }
}
