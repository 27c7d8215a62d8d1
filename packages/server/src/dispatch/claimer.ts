import type { Clock } from '../domain/clock.ts';
import type { ActiveDelivery } from '../domain/model.ts';
import type { Directory } from '../fanout/directory.ts';
import type { ClaimedLane, LaneStore, QueueStore } from '../storage/store.ts';
import { BackloggedLanes } from './backlogged-lanes.ts';
import { type Claim, planClaims } from './claim-plan.ts';
import type { DeliveryMemory } from './delivery-memory.ts';
import type { Lane } from './lane.ts';

/** Timers are not set for longer: beyond 24 days they would end at once, and a clock may be set in between. */
const TIMER_MAX_MS = 60_000;
/** A claim that has read all that is due is followed by a rest of so many times as long. */
const REST_SHARE = 3;
const REST_MAX_MS = 50;

interface ClaimerParts {
  queue: QueueStore;
  lanes: LaneStore;
  directory: Directory;
  clock: Clock;
  node: { readonly id: number };
  memory: DeliveryMemory;
  mayGoOn: () => boolean;
  /** Takes a delivery that was read. */
  onClaimed: (lane: Lane, delivery: ActiveDelivery) => void;
  /** The lane is owned by somebody else. */
  onLost: (lane: Lane, epoch: number) => void;
  /** Nothing is under way for the lane any more; it may have been lost meanwhile. */
  onEnded: (lane: Lane) => void;
  onError: (error: unknown) => void;
}

/**
 * Reads into memory what waits in the database: prefetch for lanes that are backlogged, a few hundred deliveries at a time,
 * many lanes in one statement.
 */
export class Claimer {
  readonly backlogged = new BackloggedLanes();
  private claiming: Promise<void> | undefined;
  private isResting = false;

  constructor(private readonly parts: ClaimerParts) {}

  /** Tells that the database holds due deliveries of a lane that this node owns. */
  noteBacklog(lane: Lane): void {
    lane.backlog++;
    this.backlogged.add(lane);
    this.claim();
  }

  /** Nothing of it is due, or it is not this node's any more. */
  forget(lane: Lane): void {
    this.backlogged.delete(lane);
    lane.backlog = 0;
    lane.nextDue?.cancel();
    lane.nextDue = undefined;
  }

  /** Its next delivery is due then: it is looked at again. */
  noteDue(lane: Lane, dueAtMs: number): void {
    if (lane.nextDue && lane.nextDue.atMs <= dueAtMs) return;
    lane.nextDue?.cancel();
    const { clock } = this.parts;
    const cancel = clock.after(Math.min(Math.max(0, dueAtMs - clock.now()) + 1, TIMER_MAX_MS), () => {
      lane.nextDue = undefined;
      if (!lane.isOwned) return;
      if (clock.now() >= dueAtMs) this.noteBacklog(lane);
      else this.noteDue(lane, dueAtMs);
    });
    lane.nextDue = { atMs: dueAtMs, cancel };
  }

  /** Reads what there is room for; one statement at a time. */
  claim(): void {
    if (this.claiming || this.isResting || this.backlogged.size === 0 || !this.parts.mayGoOn()) return;
    const plan = planClaims(this.backlogged, this.parts.memory);
    if (plan.lanes.size === 0) return;
    const startedMs = this.parts.clock.monotonicMs();
    this.claiming = this.claimOnce(plan.lanes, plan.bytesMax).then(
      (isMoreDue) => {
        this.claiming = undefined;
        if (!isMoreDue && !plan.isPartial) this.rest(this.parts.clock.monotonicMs() - startedMs);
        this.claim();
      },
      (error: unknown) => {
        // The next tick tries again: a claim that fails is not repeated at once.
        this.claiming = undefined;
        this.parts.onError(error);
      },
    );
  }

  async stop(): Promise<void> {
    await this.claiming;
  }

  /** The longer a claim takes, the longer the next one gathers: a statement costs as much as reading tens of deliveries. */
  private rest(tookMs: number): void {
    this.isResting = true;
    this.parts.clock.after(Math.min(tookMs * REST_SHARE, REST_MAX_MS), () => {
      this.isResting = false;
      this.claim();
    });
  }

  /** Answers whether more is due than what was read. */
  private async claimOnce(wanted: ReadonlyMap<Lane, Claim>, bytesMax: number): Promise<boolean> {
    const { queue, node, clock } = this.parts;
    for (const lane of wanted.keys()) lane.isClaiming = true;
    try {
      await this.readAccounts(wanted.keys());
      const asked = new Map<string, AskedLane>();
      for (const [lane, claim] of wanted) {
        if (lane.epoch !== undefined) asked.set(lane.endpointId, { ...claim, lane, epoch: lane.epoch, claimed: 0 });
      }
      const inMemory = [...asked.values()].flatMap(({ lane }) => [...lane.inMemory].map(({ uuid }) => uuid));
      const { deliveries, lanes, isCut } = await queue.claim(asked, inMemory, bytesMax, node.id, clock.now());
      this.take(deliveries, asked);
      const answers = new Map(lanes.map((lane) => [lane.endpointId, lane]));
      for (const one of asked.values()) {
        // In between it may have been lost, and even be this node's again.
        if (one.lane.epoch === one.epoch) this.noteClaimed(one, answers.get(one.lane.endpointId), isCut);
      }
      return isCut || [...asked.values()].some(({ claimed, room }) => claimed >= room);
    } finally {
      for (const lane of wanted.keys()) {
        lane.isClaiming = false;
        this.parts.onEnded(lane);
      }
    }
  }

  /** Reads the accounts of lanes that nothing is known of yet, and what has changed of the others' rate limits. */
  private async readAccounts(lanes: Iterable<Lane>): Promise<void> {
    const { directory, onError } = this.parts;
    const read = async (lane: Lane) => {
      const account = directory.peek(lane.accountId) ?? (await directory.get(lane.accountId));
      lane.update(account?.endpoints.get(lane.endpointId));
    };
    // All at once; and one account that cannot be read, its contract gone for instance, holds up nobody else's.
    await Promise.all([...lanes].map((lane) => read(lane).catch(onError)));
  }

  private take(deliveries: readonly ActiveDelivery[], asked: ReadonlyMap<string, AskedLane>): void {
    // What came into memory while the statement was under way, and was noted in the queue meanwhile, is not taken twice.
    const known = new Map<Lane, Set<string>>();
    for (const delivery of deliveries) {
      const one = asked.get(delivery.endpointId);
      if (!one || one.lane.epoch !== one.epoch) continue;
      one.claimed++;
      const ids = known.get(one.lane) ?? new Set([...one.lane.inMemory].map(keyOf));
      known.set(one.lane, ids);
      if (!ids.has(keyOf(delivery))) this.parts.onClaimed(one.lane, delivery);
    }
  }

  private noteClaimed(
    { lane, epoch, room, seen, claimed }: AskedLane,
    answer: ClaimedLane | undefined,
    isCut: boolean,
  ) {
    if (!answer) return this.parts.onLost(lane, epoch);
    if (answer.isGone) return this.endDeleted(lane, epoch);
    if (isCut || claimed >= room || lane.backlog !== seen) this.backlogged.moveToEnd(lane);
    else {
      this.backlogged.delete(lane);
      lane.backlog = 0;
    }
    if (answer.nextDueAtMs !== undefined) this.noteDue(lane, answer.nextDueAtMs);
  }

  /** The endpoint has been deleted: what waits for it ends, a piece at a time. */
  private endDeleted(lane: Lane, epoch: number): void {
    const { lanes, node, onError } = this.parts;
    const { endpointId, accountId } = lane;
    this.backlogged.delete(lane);
    lane.backlog = 0;
    if (lane.isEnding) return;
    lane.isEnding = true;
    const end = async () => {
      while (
        await lanes.endDeleted(
          { endpointId, accountId, epoch },
          [...lane.inMemory].map((d) => d.uuid),
          node.id,
        )
      );
    };
    // After a failure the lane is let go as idle, and then is due at once.
    void end()
      .catch(onError)
      .finally(() => {
        lane.isEnding = false;
        this.parts.onEnded(lane);
      });
  }
}

/** A lane that is claimed for, and how many deliveries of it came. */
interface AskedLane extends Claim {
  lane: Lane;
  epoch: number;
  claimed: number;
}

const keyOf = ({ uuid }: ActiveDelivery) => Buffer.from(uuid.buffer, uuid.byteOffset, uuid.length).toString('latin1');
