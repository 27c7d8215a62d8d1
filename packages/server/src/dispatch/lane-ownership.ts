import { LRUCache } from 'lru-cache';
import type { Clock } from '../domain/clock.ts';
import type { Directory, KnownEndpoint } from '../fanout/directory.ts';
import type { LaneOwner, LaneStore, OwnedLane } from '../storage/store.ts';
import type { Standing } from './circuit-breaker.ts';
import { Lane } from './lane.ts';

/** Until the account has been read. */
const CONCURRENCY_UNKNOWN = 4;
/** An idle lane is kept for so long: the next event of it is likely to come here. */
const IDLE_MS = 10_000;
/** A lane whose next delivery is due sooner is kept, and looked at then. */
const DUE_SOON_MS = 10_000;
const LET_GO_AT_ONCE = 1_000;
const TAKEN_AT_ONCE = 500;
/** Lanes that one node owns; above it, nothing due is taken, and idle ones are not kept. */
const LANES_MAX = 50_000;
/** Lanes that are behind: while there are more, what is due is left to other nodes. */
const BACKLOGGED_MAX = 5_000;
/** How often lanes are looked at that seem to have nothing in the database: a notification can be missed. */
const BEHIND_EVERY_MS = 10_000;
const BEHIND_AT_ONCE = 2_000;
/** After statements that take lanes and whose answer was lost: by then they have ended. */
const RECONCILE_AGAIN_MS = 40_000;
/** Endpoints whose standing is remembered while nothing is sent to them. */
const REMEMBERED_MAX = 50_000;

interface LaneOwnershipParts {
  store: LaneStore;
  directory: Directory;
  clock: Clock;
  node: { readonly id: number };
  /** Whether this node may own lanes now: it is alive, and the database can be reached. */
  mayOwn: () => boolean;
  backlogged: () => number;
  /** A lane became this node's; nothing is known of what waits in the database, unless it is new. */
  onOwned: (lane: Lane, isNew: boolean) => void;
  /** A lane is not this node's any more: what is in memory belongs to somebody else. */
  onLost: (lane: Lane) => void;
  /** A lane with nothing in memory has been let go of. */
  onReleased: (lane: Lane) => void;
  onError: (error: unknown) => void;
}

/**
 * The lanes of this node. A node owns a lane while it has work for it: it takes lanes that are due, and gets those that
 * nobody owns with the events that it accepts. It lets go of idle ones, and of some when another node has less to do.
 */
export class LaneOwnership {
  private readonly lanes = new Map<string, Lane>();
  private readonly remembered = new LRUCache<string, Standing>({ maxSize: REMEMBERED_MAX, sizeCalculation: () => 1 });
  /** Lanes whose release is not confirmed. */
  private readonly releasing = new Map<Lane, number>();
  private readonly holds = new Set<object>();
  private taking: Promise<void> | undefined;
  private isTakingAgain = false;
  private behindAtMs = 0;
  /** When it is compared with the database which lanes are this node's: statements that took some have lost their answer. */
  private reconcileAtMs: number[] = [];

  constructor(private readonly parts: LaneOwnershipParts) {}

  get size(): number {
    return this.lanes.size;
  }

  get isFull(): boolean {
    return this.lanes.size >= LANES_MAX;
  }

  /** Lets go of no lane until the answer is called. */
  hold(): () => void {
    const hold = {};
    this.holds.add(hold);
    return () => this.holds.delete(hold);
  }

  get all(): Iterable<Lane> {
    return this.lanes.values();
  }

  get(endpointId: string): Lane | undefined {
    return this.lanes.get(endpointId);
  }

  getOrCreate(endpointId: string, accountId: string, endpoint?: KnownEndpoint): Lane {
    let lane = this.lanes.get(endpointId);
    if (!lane) {
      lane = new Lane(endpointId, accountId, CONCURRENCY_UNKNOWN);
      lane.standing = this.remembered.get(endpointId) ?? 'unproven';
      if (lane.standing === 'failing') lane.concurrency = 1;
      this.lanes.set(endpointId, lane);
    }
    if (!lane.isKnown) lane.update(endpoint ?? this.parts.directory.peek(accountId)?.endpoints.get(endpointId));
    return lane;
  }

  remember(lane: Lane): void {
    this.remembered.set(lane.endpointId, lane.standing);
  }

  /** A lane that turned out to belong to nobody here is forgotten as soon as nothing relies on it. */
  dropIfUnused(lane: Lane): void {
    if (lane.isOwned || this.releasing.has(lane) || !lane.isIdle) return;
    if (this.lanes.get(lane.endpointId) === lane) this.lanes.delete(lane.endpointId);
  }

  /** What a statement has answered of lanes that this node did not own before. */
  adopt(owners: readonly (LaneOwner & { accountId: string })[]): void {
    for (const { endpointId, accountId, node, epoch, isNew } of owners) {
      if (node !== this.parts.node.id) continue;
      const known = this.lanes.get(endpointId)?.epoch;
      // In between it was somebody else's: what is in memory belongs to the epoch before.
      if (known !== undefined && known < epoch) this.lose(endpointId, known);
      const lane = this.getOrCreate(endpointId, accountId);
      if (!lane.own(epoch)) continue;
      // A release of an epoch before that is not confirmed is over.
      this.releasing.delete(lane);
      this.parts.onOwned(lane, isNew);
    }
  }

  lose(endpointId: string, epoch: number): void {
    const lane = this.lanes.get(endpointId);
    if (!lane?.disown(epoch)) return;
    this.releasing.delete(lane);
    this.parts.onLost(lane);
    this.dropIfUnused(lane);
  }

  /** Others have taken over everything. */
  loseAll(): void {
    for (const lane of this.lanes.values()) if (lane.epoch !== undefined) this.lose(lane.endpointId, lane.epoch);
    for (const [lane, epoch] of this.releasing) if (lane.disown(epoch)) this.parts.onReleased(lane);
    this.releasing.clear();
    for (const lane of this.lanes.values()) this.dropIfUnused(lane);
  }

  /** A statement that takes lanes has failed, and may have been carried out. */
  noteLostAnswer(): void {
    const nowMs = this.parts.clock.monotonicMs();
    this.reconcileAtMs = [nowMs, nowMs + RECONCILE_AGAIN_MS];
  }

  /** Which lanes the database holds to be this node's: those count. */
  async reconcile(): Promise<void> {
    const before = [...this.lanes.values()].map(({ endpointId, epoch }) => ({ endpointId, epoch }));
    const owned = await this.parts.store.owned(this.parts.node.id);
    this.adoptOwned(owned);
    const ids = new Set(owned.map(({ endpointId }) => endpointId));
    // What was let go of or taken meanwhile has another state by now.
    for (const { endpointId, epoch } of before)
      if (epoch !== undefined && !ids.has(endpointId)) this.lose(endpointId, epoch);
  }

  /** Looks after everything once: called again and again. */
  async tick(): Promise<void> {
    if (!this.parts.mayOwn()) return;
    const nowMs = this.parts.clock.monotonicMs();
    const due = this.reconcileAtMs.filter((atMs) => atMs <= nowMs);
    if (due.length > 0) {
      await this.reconcile();
      this.reconcileAtMs = this.reconcileAtMs.filter((atMs) => !due.includes(atMs));
    }
    // In this order: what is given away can be taken by others first.
    await this.takeDue();
    await this.letGoIdle(nowMs);
    if (nowMs - this.behindAtMs < BEHIND_EVERY_MS) return;
    this.behindAtMs = nowMs;
    await this.findBehind();
  }

  /** Takes what is due and belongs to nobody; called while it is under way, it looks once more. */
  takeDue(): Promise<void> {
    this.isTakingAgain = true;
    this.taking ??= this.takeAll().finally(() => {
      this.taking = undefined;
    });
    return this.taking;
  }

  /** Lets go of every lane with nothing in memory: the node stops. */
  async letGoAll(): Promise<void> {
    await this.taking?.catch(() => {});
    await this.afterRateWindows();
    for (const lane of this.lanes.values()) lane.isMoving = true;
    await this.letGo([...this.lanes.values()].filter((lane) => lane.isOwned && lane.isIdle));
  }

  /** Whoever takes a lane begins to count anew: what has just been sent must not count any more. */
  private async afterRateWindows(): Promise<void> {
    const { clock } = this.parts;
    const nowMs = clock.monotonicMs();
    const waitMs = Math.max(0, ...[...this.lanes.values()].map((lane) => lane.rateLimiter?.windowMs(nowMs) ?? 0));
    if (waitMs > 0) await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
  }

  /** Gives lanes that are behind to nodes with less to do, as soon as nothing of them is in memory. */
  giveAway(count: number): void {
    const given = [...this.lanes.values()].filter((lane) => lane.isOwned && lane.backlog > 0 && !lane.isMoving);
    for (const lane of given.slice(0, count)) lane.isMoving = true;
  }

  private async takeAll(): Promise<void> {
    const { store, node, clock, mayOwn, backlogged, onError } = this.parts;
    while (this.isTakingAgain) {
      this.isTakingAgain = false;
      if (!mayOwn()) return;
      const room = Math.min(TAKEN_AT_ONCE, LANES_MAX - this.lanes.size, BACKLOGGED_MAX - backlogged());
      if (room <= 0) return;
      try {
        const taken = await store.take(node.id, clock.now(), room);
        this.adoptOwned(taken);
        if (taken.length === room) this.isTakingAgain = true;
      } catch (error) {
        this.noteLostAnswer();
        onError(error);
      }
    }
  }

  private adoptOwned(owned: readonly OwnedLane[]): void {
    this.adopt(owned.map((lane) => ({ ...lane, node: this.parts.node.id, isNew: false })));
  }

  private async letGoIdle(nowMs: number): Promise<void> {
    const isCrowded = this.lanes.size > LANES_MAX / 2;
    const keptMs = isCrowded ? 0 : IDLE_MS;
    const dueMs = this.parts.clock.now() + DUE_SOON_MS;
    const given: Lane[] = [];
    for (const lane of this.lanes.values()) {
      if (given.length >= (isCrowded ? LET_GO_AT_ONCE * 10 : LET_GO_AT_ONCE)) break;
      const idleForMs = lane.idleForMs(nowMs);
      if (!lane.isOwned || !lane.isIdle || (lane.rateLimiter?.windowMs(nowMs) ?? 0) > 0) continue;
      if (lane.isMoving || (idleForMs >= keptMs && (lane.nextDue?.atMs ?? dueMs) >= dueMs)) given.push(lane);
    }
    await this.letGo(given);
  }

  /** Lets go of lanes that are idle, and of those before them whose release is not confirmed. */
  private async letGo(lanes: readonly Lane[]): Promise<void> {
    if (this.holds.size > 0) return;
    for (const lane of lanes) if (lane.isOwned && lane.isIdle) this.releasing.set(lane, lane.beginRelease());
    const released = [...this.releasing];
    if (released.length === 0) return;
    const given = released.map(([lane, epoch]) => ({ endpointId: lane.endpointId, epoch }));
    // Where this fails nobody knows whether it was stored: it is tried again until it is.
    await this.parts.store.letGo(given, this.parts.node.id);
    for (const [lane, epoch] of released) {
      if (this.releasing.get(lane) === epoch) this.releasing.delete(lane);
      if (!lane.disown(epoch)) continue;
      lane.isMoving = false;
      this.parts.onReleased(lane);
      this.dropIfUnused(lane);
    }
  }

  private async findBehind(): Promise<void> {
    const { store, clock, onOwned } = this.parts;
    const looked = [...this.lanes.values()].filter((lane) => lane.isOwned && lane.backlog === 0);
    for (let at = 0; at < looked.length; at += BEHIND_AT_ONCE) {
      const some = looked.slice(at, at + BEHIND_AT_ONCE);
      const inMemory = some.flatMap((lane) => [...lane.inMemory].map(({ uuid }) => uuid));
      const ids = some.map(({ endpointId }) => endpointId);
      for (const id of await store.behind(ids, inMemory, clock.now())) {
        const lane = this.lanes.get(id);
        if (lane?.isOwned) onOwned(lane, false);
      }
    }
  }
}
