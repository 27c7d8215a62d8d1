import type { Clock } from '../domain/clock.ts';
import { retryAtMs } from '../domain/decide.ts';
import type { ActiveDelivery, SettledAttempt } from '../domain/model.ts';
import { Rounds } from '../domain/rounds.ts';
import type { Directory, KnownEndpoint } from '../fanout/directory.ts';
import type { LaneOwner, LaneStore, QueueStore } from '../storage/store.ts';
import { assess } from './circuit-breaker.ts';
import { Claimer } from './claimer.ts';
import { DeliveryMemory } from './delivery-memory.ts';
import type { Job, Lane, SendOptions } from './lane.ts';
import { LaneOwnership } from './lane-ownership.ts';
import { LONG_FAILURE_MS, RECOVERY_MS, Recovery } from './recovery.ts';
import { type Reservation, Reservations } from './reservations.ts';
import { type Slot, type SlotLimits, Slots } from './slots.ts';
import { WriteBehind } from './write-behind.ts';

export type { SendOptions } from './lane.ts';
export type { Reservation } from './reservations.ts';

const TICK_MS = 500;

/** What a Dispatcher works with. */
export interface DispatcherParts {
  queue: QueueStore;
  lanes: LaneStore;
  directory: Directory;
  clock: Clock;
  node: { readonly id: number };
  /** Requests in flight on this node. */
  limits: SlotLimits;
  /** Makes one attempt; answers undefined when its endpoint is inactive. Rejects only while the database is away. */
  attempt: (delivery: ActiveDelivery, forced: boolean) => Promise<SettledAttempt | undefined>;
  /** Stores an outcome, and calls back when it is stored or turned out not to count. */
  settle: (attempt: SettledAttempt, done: () => void) => void;
  /** Notes in the queue a delivery that is in memory, and calls back when that is done. */
  keep: (delivery: ActiveDelivery, isSending: boolean, done: () => void) => void;
  /** Whether the database can be reached, outcomes are not piling up, and no other node may have taken over. */
  mayGoOn: () => boolean;
  onError: (error: unknown) => void;
}

/**
 * Decides what is sent next. One lane per endpoint; a lane is filled from memory (hand-over of fresh events) or, when it is
 * backlogged, by claims from the database. Lanes with work take turns, so no endpoint waits for another's queue.
 *
 * waiting (nodes of the version before still deliver) -> running -> draining (stop) -> stopped
 */
export class Dispatcher {
  private readonly slots: Slots;
  private readonly memory = new DeliveryMemory();
  private readonly claimer: Claimer;
  private readonly ownership: LaneOwnership;
  private readonly writeBehind: WriteBehind;
  private readonly reservations: Reservations;
  private readonly rounds: Rounds;
  private state: 'waiting' | 'running' | 'draining' | 'stopped' = 'waiting';
  private idleListeners: (() => void)[] = [];

  constructor(private readonly parts: DispatcherParts) {
    const { lanes, clock } = parts;
    this.slots = new Slots(parts.limits);
    this.rounds = new Rounds(parts);
    this.writeBehind = new WriteBehind({ clock, keep: (job, isSending) => this.keep(job, isSending) });
    this.claimer = new Claimer({
      ...parts,
      memory: this.memory,
      mayGoOn: () => this.maySend,
      onClaimed: (lane, delivery) => this.enqueue(lane, { delivery, options: { forced: isAskedFor(delivery) } }),
      onLost: (lane, epoch) => this.ownership.lose(lane.endpointId, epoch),
      onEnded: (lane) => this.ownership.dropIfUnused(lane),
    });
    this.ownership = new LaneOwnership({
      ...parts,
      store: lanes,
      mayOwn: () => this.maySend,
      backlogged: () => this.claimer.backlogged.size,
      onOwned: (lane, isNew) => {
        if (!isNew) this.claimer.noteBacklog(lane);
      },
      onLost: (lane) => this.onLost(lane),
      onReleased: (lane) => this.claimer.forget(lane),
    });
    this.reservations = new Reservations({
      ownership: this.ownership,
      memory: this.memory,
      claimer: this.claimer,
      writeBehind: this.writeBehind,
      maySend: () => this.maySend,
      enqueue: (lane, job) => this.enqueue(lane, job),
    });
  }

  start(): void {
    if (this.state !== 'waiting') return;
    this.state = 'running';
    this.rounds.every(TICK_MS, () => this.tick());
    this.ownership.takeDue().catch(this.parts.onError);
  }

  /** Whether lanes that nobody owns become this node's when it accepts something for them. */
  get ownsLanes(): boolean {
    return this.state === 'running' && !this.ownership.isFull;
  }

  /** Deliveries of which the database knows nothing but what stands with their events. */
  get onlyInMemory(): Iterable<ActiveDelivery> {
    return this.writeBehind.onlyInMemory();
  }

  /** Deliveries for endpoints that answer well, in memory and not in flight. */
  get waiting(): number {
    const inFlight = this.slots.inFlight - this.slots.unproven;
    return this.memory.amount.count - this.memory.unprovenAmount.count - inFlight;
  }

  get counts() {
    return {
      inFlight: this.slots.inFlight,
      inFlightUnproven: this.slots.unproven,
      inMemory: this.memory.amount.count,
      bytesInMemory: this.memory.amount.bytes,
      bytesInMemoryUnproven: this.memory.unprovenAmount.bytes,
      lanes: this.ownership.size,
      backlogged: this.claimer.backlogged.size,
    };
  }

  reserve(endpoint: KnownEndpoint, payloadBytes: number, mayHandOver: boolean): Reservation {
    return this.reservations.reserve(endpoint, payloadBytes, mayHandOver);
  }

  /**
   * For a delivery that somebody waits for: it needs room in memory like all else, but has no share of it.
   * @throws Problem `overloaded`
   */
  reserveNow(endpoint: KnownEndpoint, payloadBytes: number, options: SendOptions): Reservation {
    return this.reservations.reserveNow(endpoint, payloadBytes, options);
  }

  /** What a statement has answered of lanes that were not this node's before. */
  adopt(owners: readonly (LaneOwner & { accountId: string })[]): void {
    this.ownership.adopt(owners);
  }

  /** A statement relied on owning a lane in this epoch, in vain; by now it may be this node's in a later one. */
  lose(endpointId: string, epoch: number): void {
    this.ownership.lose(endpointId, epoch);
  }

  /** A statement that takes lanes has failed, and may have been carried out. */
  noteLostAnswer(): void {
    this.ownership.noteLostAnswer();
  }

  /**
   * No lane is let go of before the answer is called: should this node die until then, whoever takes over looks in the
   * accounts of its lanes for what it handed over.
   */
  holdLanes(): () => void {
    return this.ownership.hold();
  }

  /** After the database was away: which lanes are this node's. */
  reconcile(): Promise<void> {
    return this.state === 'running' ? this.ownership.reconcile() : Promise.resolve();
  }

  /** Moves a delivery that waits in this node's memory before the others. False when it does not wait here. */
  advance(endpointId: string, uuid: Uint8Array): boolean {
    const lane = this.ownership.get(endpointId);
    const job = lane?.take(uuid);
    if (!lane || !job) return false;
    job.options = { ...job.options, forced: true };
    lane.pushFirst(job);
    this.pump(lane);
    return true;
  }

  /** Somebody else has put something into the queue; of lanes that this node owns, or that are due and nobody's. */
  noteBacklog(endpointIds: readonly string[]): void {
    for (const id of endpointIds) {
      const lane = this.ownership.get(id);
      if (lane?.isOwned) this.claimer.noteBacklog(lane);
      else if (this.state === 'running') this.ownership.takeDue().catch(this.parts.onError);
    }
  }

  /** Goes on after a pause: the database is back, or outcomes have been stored. */
  resume(): void {
    if (!this.maySend) return;
    for (const lane of this.ownership.all) if (lane.waiting > 0) this.pump(lane);
    this.claimer.claim();
  }

  /** An endpoint has changed: what this node has in memory of it goes on, or goes back. */
  async recheck(accountId: string, endpointId: string): Promise<void> {
    const account = this.ownership.get(endpointId) && (await this.parts.directory.get(accountId));
    const endpoint = account?.endpoints.get(endpointId);
    const lane = this.ownership.get(endpointId);
    lane?.update(endpoint);
    if (lane && endpoint?.status === 'inactive') this.handBack(lane, lane.takeUnforcedBehind(0));
    this.noteBacklog([endpointId]);
  }

  /** This node was declared dead, and others own its lanes now. */
  loseAll(): void {
    this.ownership.loseAll();
  }

  /** Other nodes have less to do: some lanes that are behind go to them. */
  giveAway(count: number): void {
    this.ownership.giveAway(count);
  }

  /**
   * Sends nothing more, hands back what waits, and resolves when every request in flight has ended, or after `graceMs`;
   * what is still in flight then is found by whoever takes over.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'draining';
    await this.rounds.stop();
    this.writeBehind.stop();
    await this.claimer.stop();
    this.handBackAll();
    if (this.slots.inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.idleListeners.push(resolve);
        this.parts.clock.after(graceMs, resolve);
      });
    }
    this.handBackAll();
    this.state = 'stopped';
  }

  /** After everything is stored. */
  async letGoAll(): Promise<void> {
    await this.ownership.letGoAll();
  }

  private get maySend(): boolean {
    return this.state === 'running' && this.parts.mayGoOn();
  }

  private async tick(): Promise<void> {
    // Whatever was not woken is woken here: pauses end without telling, and every signal can be missed once.
    this.resume();
    await this.ownership.tick();
  }

  private limitOf(lane: Lane): number {
    const account = this.parts.directory.peek(lane.accountId);
    return account?.endpoints.get(lane.endpointId)?.concurrency ?? lane.concurrency;
  }

  private enqueue(lane: Lane, job: Job): void {
    this.memory.add(lane, job);
    if (job.options.forced && !job.options.isPatient) lane.pushFirst(job);
    else lane.push(job);
    this.pump(lane);
  }

  /**
   * Starts what may start. The account has been read before: between the decision to send and the request nothing is waited
   * for, or it would leave after the rate limit, or the node's right to send, has ended.
   */
  private pump(lane: Lane, isAccountRead = false): void {
    if (!this.maySend || !lane.isOwned || lane.waiting === 0) return;
    if (!isAccountRead && !(lane.isKnown && this.parts.directory.peek(lane.accountId))) {
      this.readAccount(lane);
      return;
    }
    while (lane.waiting > 0 && lane.inFlight < lane.concurrency && this.isWithinRate(lane)) {
      const slot = this.slots.take(lane);
      if (!slot) return;
      const job = lane.shift();
      if (job) void this.run(slot, job);
    }
  }

  private readAccount(lane: Lane): void {
    if (lane.isReadingAccount) return;
    lane.isReadingAccount = true;
    this.parts.directory
      .get(lane.accountId)
      .then(
        (account) => {
          // Its rate limit is not known yet when it was claimed while the account could not be read.
          // By now there may be a newer copy of it.
          const newest = this.parts.directory.peek(lane.accountId) ?? account;
          lane.update(newest?.endpoints.get(lane.endpointId));
          return true;
        },
        (error: unknown) => {
          this.parts.onError(error);
          return false;
        },
      )
      .then((isRead) => {
        lane.isReadingAccount = false;
        // Otherwise the next tick tries again.
        if (isRead) this.pump(lane, true);
      });
  }

  /** Whether the rate limit, and a recovery, allow a request now. If not, the lane is pumped again when they do. */
  private isWithinRate(lane: Lane): boolean {
    if (lane.switchedOnAtMs !== undefined) this.beginRecovery(lane, lane.switchedOnAtMs);
    if (!lane.rateLimiter && !lane.recovery) return true;
    const { clock } = this.parts;
    const nowMs = clock.monotonicMs();
    if (lane.recovery?.isOver(nowMs)) lane.recovery = undefined;
    const ownMs = lane.rateLimiter ? lane.rateLimiter.waitMs(nowMs) : 0;
    const waitMs = ownMs === undefined ? undefined : Math.max(ownMs, lane.recovery?.waitMs(nowMs) ?? 0);
    if (waitMs === 0) return true;
    if (waitMs !== undefined && !lane.isWaking) {
      lane.isWaking = true;
      clock.after(waitMs, () => {
        lane.isWaking = false;
        this.pump(lane);
      });
    }
    return false;
  }

  /** It was switched on at a moment of the clock that other nodes have, too. */
  private beginRecovery(lane: Lane, switchedOnAtMs: number): void {
    const { clock } = this.parts;
    lane.switchedOnAtMs = undefined;
    const agoMs = clock.now() - switchedOnAtMs;
    // The account is read again and again meanwhile: what is under way goes on.
    if (agoMs >= 0 && agoMs < RECOVERY_MS) lane.recovery ??= new Recovery(clock.monotonicMs() - agoMs);
  }

  /** What failed for long begins gently when it answers again. */
  private noteFailing(lane: Lane): void {
    if (lane.standing !== 'failing' && lane.failingSinceMs === undefined) return;
    const nowMs = this.parts.clock.monotonicMs();
    if (lane.standing === 'failing') {
      lane.failingSinceMs ??= nowMs;
      lane.recovery = undefined;
      return;
    }
    const failedForMs = nowMs - (lane.failingSinceMs ?? nowMs);
    lane.failingSinceMs = undefined;
    if (failedForMs >= LONG_FAILURE_MS) lane.recovery = new Recovery(nowMs);
  }

  /** One attempt: sent, its outcome assessed and stored; then the next. */
  private async run(slot: Slot, job: Job): Promise<void> {
    const { lane } = slot;
    const { delivery, options } = job;
    // The limit may change while the request is under way: it ends where it began.
    const { rateLimiter } = lane;
    rateLimiter?.start(this.parts.clock.monotonicMs());
    lane.recovery?.start(this.parts.clock.monotonicMs());
    this.writeBehind.started(job);
    try {
      const mayGoOn = this.parts.directory.peek(lane.accountId) !== undefined || (await this.readsAgain(job, lane));
      const attempt = mayGoOn && (await this.parts.attempt(delivery, options.forced));
      if (attempt === false) this.putBack(lane, job);
      else if (attempt) this.finish(lane, job, attempt);
      else {
        // The copy in memory says that the endpoint is inactive; a claim will say what the database says.
        this.parts.directory.forget(lane.accountId);
        this.handBack(lane, [job]);
      }
    } catch (error) {
      // The database went away before anything was sent: the job waits here for its return.
      this.parts.onError(error);
      this.putBack(lane, job);
    }
    rateLimiter?.end(this.parts.clock.monotonicMs());
    this.goOn(slot);
  }

  /**
   * Its account may have left memory since it was read. Reading it again takes time, in which this node may lose the right to
   * send: then the job is looked at again.
   */
  private async readsAgain({ delivery }: Job, lane: Lane): Promise<boolean> {
    await this.parts.directory.get(lane.accountId);
    return this.maySend && lane.epoch === delivery.epoch;
  }

  private putBack(lane: Lane, job: Job): void {
    if (lane.epoch === job.delivery.epoch) lane.push(job);
    else this.drop(lane, job);
  }

  private finish(lane: Lane, job: Job, attempt: SettledAttempt): void {
    this.memory.free(lane, job);
    this.writeBehind.ended(job);
    const assessed = assess(lane, this.limitOf(lane), attempt.outcome);
    this.memory.move(lane, () => Object.assign(lane, assessed));
    this.noteFailing(lane);
    this.ownership.remember(lane);
    if (lane.standing === 'failing' && lane.waiting > lane.concurrency * 2) {
      // What a failing endpoint will not get soon waits in the database, not in memory.
      this.handBack(lane, lane.takeUnforcedBehind(lane.concurrency));
      if (lane.isOwned) this.claimer.noteBacklog(lane);
    }
    this.parts.settle(attempt, () => {
      this.remove(lane, job);
      job.options.onSettled?.(attempt);
      const dueAtMs = retryAtMs(attempt, this.parts.clock.now());
      if (!lane.isOwned) return;
      if (dueAtMs !== undefined) this.claimer.noteDue(lane, dueAtMs);
      // The next in line is due.
      else if (job.delivery.orderingKey !== null) this.claimer.noteBacklog(lane);
    });
  }

  /** After one request has ended: the next of a lane that waits for its turn, then the next of this one. */
  private goOn(slot: Slot): void {
    const { lane } = slot;
    for (const next of this.slots.free(slot, !this.parts.mayGoOn())) this.pump(next);
    this.claimer.backlogged.noteChange(lane);
    this.pump(lane);
    this.claimer.claim();
    if (this.slots.inFlight === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }

  /** Gives jobs back to the queue, unsent: they keep their place. Those without a row in the queue get one first. */
  private handBack(lane: Lane, jobs: readonly Job[]): void {
    for (const job of jobs) {
      const { delivery, options } = job;
      this.memory.free(lane, job);
      this.writeBehind.ended(job);
      if (delivery.isStored) this.remove(lane, job);
      else {
        this.parts.keep(delivery, false, () => {
          this.remove(lane, job);
          if (lane.isOwned && this.state === 'running') this.claimer.noteBacklog(lane);
        });
      }
      options.onSettled?.(undefined);
    }
    this.claimer.backlogged.noteChange(lane);
  }

  private handBackAll(): void {
    for (const lane of this.ownership.all) this.handBack(lane, lane.takeBehind(0));
  }

  private keep(job: Job, isSending: boolean): void {
    this.parts.keep(job.delivery, isSending, () => this.writeBehind.stored(job));
  }

  private remove(lane: Lane, job: Job): void {
    this.memory.remove(lane, job);
    this.writeBehind.stored(job);
    this.ownership.dropIfUnused(lane);
  }

  /** What waits in memory is somebody else's. What is in flight ends, and does not count. */
  private onLost(lane: Lane): void {
    this.claimer.forget(lane);
    for (const job of lane.takeBehind(0)) this.drop(lane, job);
  }

  private drop(lane: Lane, job: Job): void {
    this.memory.free(lane, job);
    this.writeBehind.ended(job);
    this.remove(lane, job);
    job.options.onSettled?.(undefined);
  }
}

/** Tests are sent whatever the status of their endpoint, and so is what somebody asked to send again. */
function isAskedFor({ test, isUrgent }: ActiveDelivery): boolean {
  return test || isUrgent;
}
