import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import { type IdSource, isId } from '../domain/ids.ts';
import { Rounds } from '../domain/rounds.ts';
import type { Directory } from '../fanout/directory.ts';
import type { Replay, ReplayCount, ReplayFilter, ReplayStore } from '../storage/page-store.ts';

const PER_S_MAX = 100;
/** Of one account: the pieces of all running replays take turns. */
const RUNNING_MAX = 5;
const EVERY_MS = 1_000;
/** Replays that one node advances at a time, those first that have waited longest. */
const AT_ONCE = 20;
const AFTER_FAILURE_MS = 30_000;

export interface ReplayPlan extends ReplayCount {
  /** Deliveries a second that are put back into the queue. */
  perS: number;
  seconds: number;
}

/** Sends deliveries again, a second's worth at a time, so that a replay never floods a receiver. */
export class Replays {
  private readonly rounds: Rounds;
  /** Those whose piece is under way. */
  private readonly advancing = new Map<string, Promise<void>>();

  constructor(
    private readonly parts: {
      store: ReplayStore;
      directory: Directory;
      ids: IdSource;
      clock: Clock;
      onError: (error: unknown) => void;
    },
  ) {
    this.rounds = new Rounds(parts);
  }

  start(): void {
    this.rounds.every(EVERY_MS, () => this.advance());
  }

  async stop(): Promise<void> {
    await this.rounds.stop();
    await Promise.all(this.advancing.values());
  }

  /** How many deliveries, at what rate, for how long: without sending anything. */
  async plan(accountId: string, filter: ReplayFilter): Promise<ReplayPlan> {
    const account = await this.parts.directory.get(accountId);
    if (!account) throw new Problem('account_not_found');
    if (filter.toMs <= filter.fromMs) {
      throw new Problem('invalid_request', '#/to: is not after from', [
        { pointer: '#/to', detail: 'is not after from' },
      ]);
    }
    const endpoint = filter.endpointId === undefined ? undefined : account.endpoints.get(filter.endpointId);
    if (filter.endpointId !== undefined && !endpoint) throw new Problem('endpoint_not_found');
    const counted = await this.parts.store.count(accountId, filter);
    const { count } = counted;
    const perS = Math.min(PER_S_MAX, endpoint?.ratePerS ?? account.contract.policy.ratePerS ?? PER_S_MAX);
    return { ...counted, perS, seconds: Math.ceil(count / perS) };
  }

  async begin(accountId: string, wanted: ReplayFilter): Promise<Replay> {
    const { store, ids, clock } = this.parts;
    // What happens while it runs is sent by itself.
    const filter = { ...wanted, toMs: Math.min(wanted.toMs, clock.now()) };
    const { count, perS } = await this.plan(accountId, filter);
    const replay: Replay = { id: ids.next('rpl'), accountId, filter, total: count, done: 0, perS, status: 'running' };
    if (!(await store.create(replay, clock.now(), RUNNING_MAX))) {
      throw new Problem(
        'limit_reached',
        `At most ${RUNNING_MAX} replays of an account run at a time: cancel one first.`,
      );
    }
    return replay;
  }

  async find(accountId: string, id: string): Promise<Replay> {
    const replay = isId('rpl', id) ? await this.parts.store.find(accountId, id) : undefined;
    if (!replay) throw new Problem('replay_not_found');
    return replay;
  }

  list(accountId: string, limit: number): Promise<Replay[]> {
    return this.parts.store.list(accountId, limit);
  }

  async cancel(accountId: string, id: string): Promise<Replay> {
    await this.find(accountId, id);
    const replay = await this.parts.store.cancel(accountId, id);
    if (!replay) throw new Problem('replay_not_found');
    return replay;
  }

  /** Begins the pieces that are due, and waits for none: a search that takes seconds holds up its own replay alone. */
  private async advance(): Promise<void> {
    const { store, clock } = this.parts;
    const room = AT_ONCE - this.advancing.size;
    if (room <= 0) return;
    for (const id of await store.due(clock.now(), room, [...this.advancing.keys()])) {
      this.advancing.set(
        id,
        this.advanceOne(id).finally(() => this.advancing.delete(id)),
      );
    }
  }

  private async advanceOne(id: string): Promise<void> {
    const { store, clock, onError } = this.parts;
    try {
      await store.advance(id, clock.now());
    } catch (error) {
      onError(error);
      await store.postpone(id, clock.now() + AFTER_FAILURE_MS).catch(onError);
    }
  }
}
