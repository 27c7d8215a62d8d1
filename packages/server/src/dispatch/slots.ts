import { FairQueue } from '../domain/fair-queue.ts';
import type { Standing } from './circuit-breaker.ts';
import type { Lane } from './lane.ts';

/** Requests in flight at a time. */
export interface SlotLimits {
  /** On this node. */
  all: number;
  /** Of one account, however many endpoints it has. */
  account: number;
  /** Of all endpoints that are not healthy, together; half of it for those that are failing. */
  unproven: number;
}

/** Of all slots: the rest is for healthy endpoints alone, even of accounts that have nothing in flight. */
const PROBES_SHARE = 0.9;

/** One request in flight. */
export interface Slot {
  readonly lane: Lane;
  readonly standing: Standing;
}

interface Account {
  inFlight: number;
  turns: FairQueue<Lane>;
}

/**
 * Requests in flight: so many on this node, and of those so many for one account and for endpoints that are not healthy. A
 * lane that finds no slot free waits for its turn; accounts take turns. An account never has more in flight than there are
 * slots free, so however many receivers begin to hang at once, others find some. An account with nothing in flight gets
 * one slot to try a new endpoint, but none for one that is failing, beyond the share of those.
 */
export class Slots {
  private readonly taken = { all: 0, unproven: 0, failing: 0 };
  /** Lanes that wait, by what they wait for. */
  private readonly turns = {
    all: new FairQueue<Lane>(),
    unproven: new FairQueue<Lane>(),
    failing: new FairQueue<Lane>(),
  };
  private readonly accounts = new Map<string, Account>();
  private readonly max: SlotLimits & { failing: number; probes: number };

  constructor(limits: SlotLimits) {
    this.max = {
      ...limits,
      failing: Math.ceil(limits.unproven / 2),
      probes: Math.floor(limits.all * PROBES_SHARE),
    };
  }

  get inFlight(): number {
    return this.taken.all;
  }

  /** In flight to endpoints that were not healthy when they began. */
  get unproven(): number {
    return this.taken.unproven;
  }

  /** Takes a slot for a lane. Undefined when none is free; then free() names the lane when its turn has come. */
  take(lane: Lane): Slot | undefined {
    const account = this.accounts.get(lane.accountId) ?? { inFlight: 0, turns: new FairQueue<Lane>() };
    const turns = this.obstacle(lane, account);
    if (turns) {
      if (!lane.isQueued) turns.push(lane.accountId, lane);
      lane.isQueued = true;
      return undefined;
    }
    const slot = { lane, standing: lane.standing };
    this.accounts.set(lane.accountId, account);
    this.count(slot, account, 1);
    return slot;
  }

  /** Gives a slot back. Answers the lanes whose turn it is now; while sending pauses, everybody keeps their place. */
  free(slot: Slot, isPaused: boolean): Lane[] {
    const { accountId } = slot.lane;
    const account = this.accounts.get(accountId) ?? { inFlight: 1, turns: new FairQueue<Lane>() };
    this.count(slot, account, -1);
    const next = isPaused ? [] : this.next(account);
    for (const lane of next) lane.isQueued = false;
    if (account.inFlight === 0 && account.turns.size === 0) this.accounts.delete(accountId);
    return next;
  }

  private next(account: Account): Lane[] {
    const { turns, taken, max } = this;
    const lanes = [
      account.turns.shift(),
      turns.all.shift(),
      taken.unproven < max.unproven ? turns.unproven.shift() : undefined,
      taken.failing < max.failing ? turns.failing.shift() : undefined,
    ];
    return lanes.filter((lane) => lane !== undefined);
  }

  /** What a lane has to wait for, if it has to. */
  private obstacle({ standing }: Lane, account: Account): FairQueue<Lane> | undefined {
    const { turns, taken, max } = this;
    if (account.inFlight >= max.account) return account.turns;
    if (taken.all >= max.all) return turns.all;
    if (account.inFlight > 0 && account.inFlight >= max.all - taken.all) return turns.all;
    if (standing === 'healthy') return undefined;
    if (standing === 'unproven' && account.inFlight === 0 && taken.all < max.probes) return undefined;
    if (taken.unproven >= max.unproven) return turns.unproven;
    return standing === 'failing' && taken.failing >= max.failing ? turns.failing : undefined;
  }

  private count({ lane, standing }: Slot, account: Account, change: 1 | -1): void {
    lane.inFlight += change;
    account.inFlight += change;
    this.taken.all += change;
    if (standing !== 'healthy') this.taken.unproven += change;
    if (standing === 'failing') this.taken.failing += change;
  }
}
