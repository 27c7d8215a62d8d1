import { LRUCache } from 'lru-cache';
import { Problem } from '../domain/errors.ts';
import type { LeasedDelivery, SettledAttempt } from '../domain/model.ts';
import type { KnownEndpoint } from '../fanout/directory.ts';
import { Behind } from './behind.ts';
import { type ClaimPlan, planClaims } from './claim-plan.ts';
import type { DispatcherParts } from './dispatcher-parts.ts';
import { Holdings } from './holdings.ts';
import { type Job, Lane, type SendOptions } from './lane.ts';
import { PaceKeeper } from './pace-keeper.ts';
import { type Slot, Slots } from './slots.ts';
import { assess, type Standing } from './standing.ts';

export type { SendOptions } from './lane.ts';

const DISCOVER_MAX = 1_000;
/** Until the account has been read. */
const CONCURRENCY_UNKNOWN = 4;
const DISCOVER_EVERY_MS = 1_000;
/** Endpoints whose standing is remembered while nothing is sent to them. */
const REMEMBERED_MAX = 50_000;

/**
 * Decides what is sent next. One lane per endpoint; a lane is filled from memory (hand-over of fresh events) or, when it
 * has fallen behind, by claims from the database. Lanes with work take turns, so no endpoint waits for another's queue.
 *
 * A lane: empty -> filled by hand-over -> (run-ahead full) behind: new events stay in the database -> claims drain it
 * -> empty. States of the dispatcher: running -> draining (stop) -> stopped.
 */
export class Dispatcher {
  private readonly lanes = new Map<string, Lane>();
  private readonly slots: Slots;
  private readonly behind = new Behind();
  private readonly holdings = new Holdings();
  private readonly remembered = new LRUCache<string, Standing>({ max: REMEMBERED_MAX });
  private state: 'running' | 'draining' | 'stopped' = 'running';
  private claiming: Promise<void> | undefined;
  private discovering: Promise<void> | undefined;
  private discoverAfter: string | undefined;
  private cancelTimer: () => void = () => {};
  private idleListeners: (() => void)[] = [];
  private readonly paceKeeper: PaceKeeper;

  constructor(private readonly parts: DispatcherParts) {
    this.paceKeeper = new PaceKeeper({ ...parts, pump: (lane) => this.pump(lane) });
    this.slots = new Slots(parts.limits);
  }

  start(): void {
    this.discover();
  }

  get leased(): Iterable<LeasedDelivery> {
    return this.holdings.leased;
  }

  get counts() {
    return {
      inFlight: this.slots.inFlight,
      inFlightUnproven: this.slots.unproven,
      held: this.holdings.amount.count,
      heldBytes: this.holdings.amount.bytes,
      heldBytesUnproven: this.holdings.unprovenAmount.bytes,
      lanes: this.lanes.size,
      behind: this.behind.size,
    };
  }

  /** Promises room for a delivery that is about to be stored with this node's lease. */
  reserve(endpoint: KnownEndpoint, payloadBytes: number): boolean {
    // With a rate limit everything goes through the database: it holds the order over all nodes.
    if (this.state !== 'running' || endpoint.ratePerS !== undefined || !this.parts.mayGoOn()) return false;
    const lane = this.laneOf(endpoint.id, endpoint.accountId, endpoint);
    return lane.backlog === 0 && this.holdings.reserve(lane, payloadBytes);
  }

  /**
   * Promises room for a delivery that somebody waits for, and that `sendNow` gets when it is stored with this node's lease.
   * @throws Problem `overloaded`
   */
  reserveNow(endpointId: string, accountId: string, payloadBytes: number): void {
    if (!this.holdings.reserveForced(this.laneOf(endpointId, accountId), payloadBytes)) {
      throw new Problem('overloaded', 'Too much is being sent right now; try again.');
    }
  }

  unreserve(endpointId: string, payloadBytes: number): void {
    const lane = this.lanes.get(endpointId);
    if (!lane) return;
    this.holdings.unreserve(lane, payloadBytes);
    this.behind.noteChange(lane);
    this.dropIfIdle(lane);
  }

  /** Takes a delivery that was stored with a reservation. */
  handOver(delivery: LeasedDelivery, endpoint: KnownEndpoint): void {
    const lane = this.laneOf(endpoint.id, endpoint.accountId, endpoint);
    this.holdings.unreserve(lane, delivery.event.payload.length);
    this.enqueue(lane, { delivery, options: { forced: false } });
  }

  /** Takes a leased delivery that somebody waits for, and that room has been promised to. */
  sendNow(delivery: LeasedDelivery, options: SendOptions): void {
    const lane = this.laneOf(delivery.endpointId, delivery.accountId);
    this.holdings.unreserve(lane, delivery.event.payload.length);
    this.holdings.take(lane, delivery);
    if (options.isPatient) lane.push({ delivery, options });
    else lane.pushFirst({ delivery, options });
    this.prepare([lane]).then(() => this.pump(lane), this.parts.onError);
  }

  /** Moves a delivery that waits in this node's memory before the others. False when it does not wait here. */
  advance(endpointId: string, uuid: Uint8Array): boolean {
    const lane = this.lanes.get(endpointId);
    const job = lane?.take(uuid);
    if (!lane || !job) return false;
    lane.pushFirst({ ...job, options: { ...job.options, forced: true } });
    this.pump(lane);
    return true;
  }

  /** Tells that the database holds due deliveries of an endpoint. */
  noteBacklog(endpointId: string, accountId: string): void {
    if (this.state !== 'running') return;
    const lane = this.laneOf(endpointId, accountId);
    lane.backlog++;
    this.behind.add(lane);
    this.claim();
  }

  /** Goes on after a pause: the database is back, or outcomes have been stored. */
  resume(): void {
    if (this.state !== 'running' || !this.parts.mayGoOn()) return;
    for (const lane of this.lanes.values()) {
      this.pump(lane);
      this.dropIfIdle(lane);
    }
    this.claim();
  }

  /** An endpoint has changed: where this node knows it, what it holds of it goes on, or goes back. */
  async recheck(accountId: string, endpointId: string): Promise<void> {
    if (!this.lanes.has(endpointId)) return;
    const account = await this.parts.directory.get(accountId);
    const endpoint = account?.endpoints.get(endpointId);
    const lane = this.lanes.get(endpointId);
    if (!lane) return;
    lane.learn(endpoint);
    if (endpoint?.status === 'active') this.noteBacklog(endpointId, accountId);
    else {
      this.putOff(lane);
      await this.handBack(lane, lane.takeUnforcedBehind(0));
    }
  }

  /** Forgets everything leased: this node was declared dead, and others hold the leases now. */
  forgetAll(): void {
    for (const lane of this.lanes.values()) {
      lane.isHeld = false;
      for (const job of lane.takeBehind(0)) this.letGo(lane, job);
    }
  }

  /**
   * Sends nothing more, hands back what waits, and resolves when every request in flight has ended, or after `graceMs`;
   * what is still in flight then is left to its lease.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'draining';
    this.cancelTimer();
    await this.claiming;
    await this.discovering;
    await this.handBackAll();
    if (this.slots.inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.idleListeners.push(resolve);
        this.parts.clock.after(graceMs, resolve);
      });
    }
    await this.handBackAll();
    await this.paceKeeper.letGo(this.lanes.values(), true).catch(this.parts.onError);
    this.state = 'stopped';
  }

  private async handBackAll(): Promise<void> {
    for (const lane of this.lanes.values()) await this.handBack(lane, lane.takeBehind(0)).catch(() => {});
  }

  private laneOf(endpointId: string, accountId: string, endpoint?: KnownEndpoint): Lane {
    let lane = this.lanes.get(endpointId);
    if (!lane) {
      lane = new Lane(endpointId, accountId, CONCURRENCY_UNKNOWN);
      lane.standing = this.remembered.get(endpointId) ?? 'unproven';
      if (lane.standing === 'failing') lane.concurrency = 1;
      this.lanes.set(endpointId, lane);
    }
    if (!lane.isKnown) lane.learn(endpoint ?? this.parts.directory.peek(accountId)?.endpoints.get(endpointId));
    return lane;
  }

  /** Reads the accounts of lanes that nothing is known of yet, and what has changed of the others' rate limits. */
  private async prepare(lanes: Iterable<Lane>): Promise<void> {
    const { directory, onError } = this.parts;
    const read = async (lane: Lane) => {
      const account = directory.peek(lane.accountId) ?? (await directory.get(lane.accountId));
      lane.learn(account?.endpoints.get(lane.endpointId));
    };
    // All at once; and one account that cannot be read, its contract gone for instance, holds up nobody else's.
    await Promise.all([...lanes].map((lane) => read(lane).catch(onError)));
  }

  private limitOf(lane: Lane): number {
    const account = this.parts.directory.peek(lane.accountId);
    return account?.endpoints.get(lane.endpointId)?.contract.policy.concurrency ?? CONCURRENCY_UNKNOWN;
  }

  private enqueue(lane: Lane, job: Job): void {
    this.holdings.take(lane, job.delivery);
    lane.push(job);
    this.pump(lane);
  }

  /** Gives a job up that is not sent by this node. */
  private letGo(lane: Lane, { delivery, options }: Job): void {
    this.holdings.putDown(lane, delivery);
    this.holdings.forget(delivery);
    this.behind.noteChange(lane);
    options.onSettled?.(undefined);
  }

  private pump(lane: Lane): void {
    if (this.state !== 'running' || !this.parts.mayGoOn()) return;
    while (lane.waiting > 0 && lane.inFlight < lane.concurrency) {
      const slot = this.paceKeeper.mayStart(lane) ? this.slots.take(lane) : undefined;
      if (!slot) return;
      const job = lane.shift();
      if (job) void this.run(slot, job);
    }
  }

  private async run(slot: Slot, job: Job): Promise<void> {
    const { lane } = slot;
    // The limit may change while the request is under way: it ends where it began.
    const { pace } = lane;
    pace?.start(this.parts.clock.monotonicMs());
    try {
      this.finish(lane, job, await this.parts.attempt(job.delivery, job.options.forced));
    } catch (error) {
      // The database went away before anything was sent: the job waits here for its return.
      this.parts.onError(error);
      lane.push(job);
    }
    pace?.end(this.parts.clock.monotonicMs());
    this.goOn(slot);
  }

  private finish(lane: Lane, job: Job, attempt: SettledAttempt | undefined): void {
    if (!attempt) {
      this.letGo(lane, job);
      return;
    }
    this.holdings.putDown(lane, job.delivery);
    const assessed = assess(lane, this.limitOf(lane), attempt.outcome);
    this.holdings.move(lane, () => Object.assign(lane, assessed));
    this.remembered.set(lane.endpointId, lane.standing);
    if (lane.standing === 'failing' && lane.waiting > lane.concurrency * 2) this.handBackRest(lane);
    this.parts.settle(attempt, () => {
      this.holdings.forget(job.delivery);
      job.options.onSettled?.(attempt);
      this.wakeForRetry(lane, attempt);
    });
  }

  /** After one request has ended: the next of a lane that waits for its turn, then the next of this one. */
  private goOn(slot: Slot): void {
    const { lane } = slot;
    for (const next of this.slots.free(slot, !this.parts.mayGoOn())) this.pump(next);
    this.behind.noteChange(lane);
    this.pump(lane);
    this.claim();
    this.dropIfIdle(lane);
    if (this.slots.inFlight === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }

  /** Retries that come soon are not left to the next look into the database. */
  private wakeForRetry(lane: Lane, { decision }: SettledAttempt): void {
    if (decision.kind !== 'retry' || decision.delayMs > 2 * DISCOVER_EVERY_MS) return;
    this.parts.clock.after(decision.delayMs + 5, () => this.noteBacklog(lane.endpointId, lane.accountId));
  }

  private dropIfIdle(lane: Lane): void {
    if (lane.isIdle) this.lanes.delete(lane.endpointId);
  }

  private claim(): void {
    if (this.claiming || this.behind.size === 0 || this.state !== 'running' || !this.parts.mayGoOn()) return;
    const plan = planClaims(this.behind, this.holdings);
    if (plan.lanes.size === 0) return;
    this.claiming = this.claimOnce(plan).then(
      () => {
        this.claiming = undefined;
        this.claim();
      },
      (error: unknown) => {
        // The next look into the database tries again: a claim that fails is not repeated at once.
        this.claiming = undefined;
        this.parts.onError(error);
      },
    );
  }

  private async claimOnce({ lanes: wanted, bytesMax }: ClaimPlan): Promise<void> {
    const { queue, node, clock } = this.parts;
    for (const lane of wanted.keys()) lane.isClaiming = true;
    try {
      await this.prepare(wanted.keys());
      const held = await this.paceKeeper.hold([...wanted.keys()].filter((lane) => lane.isKnown));
      const room = new Map(
        [...wanted].filter(([lane]) => held.has(lane)).map(([lane, { room }]) => [lane.endpointId, room]),
      );
      const { leased, isCut } =
        room.size === 0 ? { leased: [], isCut: false } : await queue.claim(room, bytesMax, node.id, clock.now());
      const counts = new Map<string, number>();
      for (const delivery of leased) {
        counts.set(delivery.endpointId, (counts.get(delivery.endpointId) ?? 0) + 1);
        this.enqueue(this.laneOf(delivery.endpointId, delivery.accountId), { delivery, options: { forced: false } });
      }
      for (const [lane, { room, seen }] of wanted) {
        if (!held.has(lane)) this.putOff(lane);
        else this.noteClaimed(lane, isCut || (counts.get(lane.endpointId) ?? 0) >= room, seen);
      }
    } finally {
      for (const lane of wanted.keys()) {
        lane.isClaiming = false;
        this.dropIfIdle(lane);
      }
    }
  }

  /** Nothing is due, another node sends to it, or it is gone: the next look into the database sees. */
  private putOff(lane: Lane): void {
    this.behind.delete(lane);
    lane.backlog = 0;
  }

  private noteClaimed(lane: Lane, isMoreLeft: boolean, seen: number): void {
    if (isMoreLeft || lane.backlog !== seen) this.behind.moveToEnd(lane);
    else this.putOff(lane);
  }

  /** What a failing endpoint will not get soon waits in the database, not in memory. */
  private handBackRest(lane: Lane): void {
    const rest = lane.takeUnforcedBehind(lane.concurrency);
    if (rest.length === 0) return;
    this.handBack(lane, rest)
      .then(() => this.noteBacklog(lane.endpointId, lane.accountId))
      .catch(this.parts.onError);
  }

  private async handBack(lane: Lane, jobs: readonly Job[]): Promise<void> {
    if (jobs.length === 0) return;
    for (const job of jobs) this.letGo(lane, job);
    await this.parts.release(jobs.map((job) => job.delivery));
  }

  /** Looks for waiting work that this node does not know of: retries, and what other nodes left. */
  private discover(): void {
    this.discovering = this.discoverOnce()
      .catch(this.parts.onError)
      .finally(() => {
        if (this.state === 'running')
          this.cancelTimer = this.parts.clock.after(DISCOVER_EVERY_MS, () => this.discover());
      });
  }

  private async discoverOnce(): Promise<void> {
    await this.paceKeeper.letGo(this.lanes.values());
    // Whatever was not woken is woken here: pauses end without telling, and every signal can be missed once.
    this.resume();
    if (!this.parts.mayGoOn()) return;
    const { queue, clock } = this.parts;
    const found = await queue.discover(this.discoverAfter, DISCOVER_MAX);
    this.discoverAfter = found.length < DISCOVER_MAX ? undefined : found.at(-1)?.endpointId;
    for (const { endpointId, accountId, dueAtMs, active } of found) {
      if (!active) continue;
      const waitMs = dueAtMs - clock.now();
      if (waitMs <= 0) this.noteBacklog(endpointId, accountId);
      else if (waitMs < DISCOVER_EVERY_MS) clock.after(waitMs + 1, () => this.noteBacklog(endpointId, accountId));
    }
  }
}
