import { Rounds } from '../domain/rounds.ts';
import type { ClockComparison, SteadyClock } from '../domain/steady-clock.ts';
import type { Store } from '../storage/store.ts';
import { RetentionClock } from './retention-clock.ts';
import { SilentNodes } from './silent-nodes.ts';

const BEAT_EVERY_MS = 3_000;
/** A node is dead that has given no heartbeat for so long; with the looks in between, take-over is below 30 s. */
const DEAD_AFTER_MS = 15_000;
const PARTITIONS_EVERY_MS = 3_600_000;
const PARTITIONS_AHEAD = 7;
const RETENTION_EVERY_MS = 600_000;
const PURGE_EVERY_MS = 2_000;
/** What lies in between is read row by row with every chart. */
const COUNTS_EVERY_MS = 10_000;
/** Headers of endpoints that were stored before sealing existed: after an upgrade. */
const SEAL_EVERY_MS = 5_000;
const SEALED_AT_ONCE = 100;
const TESTING_EVERY_MS = 2_000;
const TESTING_MAX = 200;
/** Below the time after which others take over: until then this node may rely on what only it may do. */
const ALIVE_MS = 10_000;
const CALLS_KEPT_MS = 3_600_000;
const KEY_DAYS_KEPT_MS = 90 * 86_400_000;
const DAY_MS = 86_400_000;
const REPLAYS_KEPT_MS = 30 * DAY_MS;
/** Scheduled events that could not be published. */
const REFUSED_KEPT_MS = 30 * DAY_MS;
const DEAD_LETTERS_KEPT_MS = 30 * DAY_MS;
const AUDIT_KEPT_MS = 366 * DAY_MS;
/** Idempotency keys outlive the promised 24 hours by a margin. */
const KEYS_KEPT_MS = 2 * DAY_MS;
const NOTICES_KEPT_MS = 7 * DAY_MS;
/** The setting that holds the database's time of the last look of retention. */
const LAST_LOOK = 'retention_looked_at';
/** After clocks have gone back: statements that were under way then may still store what the wrong time has planned. */
const BRING_FORWARD_MS = 90_000;
/** By more than this, a clock is told of. */
const CLOCK_OFF_MS = 60_000;

export interface MaintainerParts {
  store: Store;
  clock: SteadyClock;
  node: { id: number; aliveUntilMs: number; watermark: Uint8Array };
  /** An id below that of every event whose deliveries may be in this node's memory only. */
  watermark: () => Uint8Array;
  /** Makes a new row for a node that others have declared dead. */
  register: () => Promise<number>;
  /** Told when this node had been declared dead: every lane that it owned is somebody else's. */
  onDeclaredDead: () => void;
  /** How long each contract keeps history, in days. */
  retentionDays: ReadonlyMap<string, number>;
  /** The longest that a delivery of any contract waits for its next attempt. */
  longestWaitMs: number;
  /** Sends the samples of an endpoint in testing mode. */
  sendSamples: (accountId: string, endpointId: string) => Promise<void>;
  /** How many deliveries this node has finished since its start. */
  finished: () => number;
  /** What this node has in flight and in memory. */
  load: () => { inFlight: number; inMemory: number; backlogged: number };
  /** Gives so many lanes that are behind to other nodes. */
  giveAway: (count: number) => void;
  /** Something may be due that nobody owns. */
  onTakenOver: () => void;
  log: (message: string) => void;
  onError: (error: unknown) => void;
}

/** What is done again and again: heartbeat, take-over of dead nodes, partitions, retention. */
export class Maintainer {
  private readonly rounds: Rounds;
  private purgedDay = 0;
  private lastBeat: { monotonicMs: number; finished: number } | undefined;
  private readonly silentNodes = new SilentNodes(DEAD_AFTER_MS);
  private bringForwardUntilMs = Number.NEGATIVE_INFINITY;
  /** Once more after the start: a statement of a node that has ended may have been under way. */
  private bringForwardAgainMs = Number.POSITIVE_INFINITY;
  private retentionClock: RetentionClock | undefined;
  /** What an operator should know of, by what it is about; shown with the node's readiness. */
  private readonly troubles = new Map<'clock' | 'retention', string>();

  constructor(private readonly parts: MaintainerParts) {
    this.rounds = new Rounds(parts);
  }

  /** What an operator should know of and mend. */
  get warnings(): readonly string[] {
    return [...this.troubles.values()];
  }

  async start(): Promise<void> {
    await this.compareClocks();
    await this.bringForward();
    this.bringForwardAgainMs = this.parts.clock.monotonicMs() + BRING_FORWARD_MS;
    await this.makePartitions();
    this.rounds.every(BEAT_EVERY_MS, () => this.beat());
    // Apart from the heartbeat: these may take longer than others wait for one.
    this.rounds.every(BEAT_EVERY_MS, () => this.takeOverDead());
    this.rounds.every(BEAT_EVERY_MS, () => this.bringForwardIfNeeded());
    this.rounds.every(PARTITIONS_EVERY_MS, () => this.makePartitions());
    this.rounds.every(RETENTION_EVERY_MS, () => this.dropOld());
    this.rounds.every(PURGE_EVERY_MS, () => this.purge());
    this.rounds.every(PURGE_EVERY_MS, () => this.removeClosed());
    this.rounds.every(COUNTS_EVERY_MS, () => this.addUpCounts());
    this.rounds.every(SEAL_EVERY_MS, () => this.sealHeaders());
    this.rounds.every(TESTING_EVERY_MS, () => this.test());
  }

  /** Called when everything else is stored: the last of it may have been planned by a clock that is set right by now. */
  async stop(): Promise<void> {
    await this.rounds.stop();
    const { onError } = this.parts;
    await this.compareClocks().catch(onError);
    await this.bringForwardIfNeeded().catch(onError);
  }

  private async beat(): Promise<void> {
    const { store, node, clock, register, onDeclaredDead, log } = this.parts;
    const aliveUntilMs = clock.monotonicMs() + ALIVE_MS;
    // Before it is stored: from now on nothing older is handed over.
    node.watermark = this.parts.watermark();
    const load = { finishedPerS: this.finishedPerS(), ...this.parts.load() };
    if (!(await store.nodes.beat(node.id, load, node.watermark))) {
      onDeclaredDead();
      node.watermark = this.parts.watermark();
      node.id = await register();
      log(`This node was silent for too long and others took over its deliveries; it goes on as node ${node.id}.`);
    }
    node.aliveUntilMs = aliveUntilMs;
    await this.compareClocks();
    await this.balance();
  }

  private async takeOverDead(): Promise<void> {
    const { store, node, clock } = this.parts;
    const others = (await store.nodes.list()).filter(({ id }) => id !== node.id);
    await this.takeOver(this.silentNodes.look(others, clock.monotonicMs()));
  }

  /** A process of this server has ended: nobody has to wait for its heartbeat. */
  async takeOverProcess(pid: number): Promise<void> {
    const nodes = await this.parts.store.nodes.list();
    const own = nodes.find(({ id }) => id === this.parts.node.id);
    await this.takeOver(nodes.filter((one) => one.pid === pid && one.host === own?.host));
  }

  /** @param silent `everybody else` of an embedded database: whoever else stands there is a server that was killed */
  async takeOver(silent: Parameters<Store['nodes']['declareDead']>[1]): Promise<void> {
    const { store, node, clock, onTakenOver, log } = this.parts;
    for (const dead of await store.nodes.declareDead(node.id, silent)) {
      const { deliveries, lanes } = await store.nodes.takeOver(dead, clock.now());
      if (lanes > 0) log(`Took over ${lanes} endpoints of dead node ${dead.id}, ${deliveries} deliveries from memory.`);
      onTakenOver();
    }
  }

  /** Where another node has less than half as many lanes that are behind, half of the difference goes there. */
  private async balance(): Promise<void> {
    const { store, node, load, giveAway } = this.parts;
    const own = load().backlogged;
    if (own < 2) return;
    const others = (await store.nodes.list()).filter(({ id }) => id !== node.id).map(({ backlogged }) => backlogged);
    const least = Math.min(...others);
    if (others.length > 0 && least * 2 < own) giveAway(Math.floor((own - least) / 2));
  }

  /** Since the heartbeat before, to a tenth. */
  private finishedPerS(): number {
    const { clock, finished } = this.parts;
    const before = this.lastBeat;
    this.lastBeat = { monotonicMs: clock.monotonicMs(), finished: finished() };
    const tookS = before ? (this.lastBeat.monotonicMs - before.monotonicMs) / 1000 : 0;
    if (!before || tookS <= 0) return 0;
    return Math.round(((this.lastBeat.finished - before.finished) / tookS) * 10) / 10;
  }

  private async compareClocks(): Promise<void> {
    const { store, clock, log } = this.parts;
    const databaseMs = await store.retention.databaseMs();
    const compared = clock.compare(databaseMs);
    if (Math.abs(compared.movedMs) > CLOCK_OFF_MS) {
      log(`The clocks of this machine and of the database moved by ${Math.round(compared.movedMs / 1000)} s.`);
      await this.makePartitions();
    }
    if (compared.movedMs < -CLOCK_OFF_MS) this.bringForwardUntilMs = clock.monotonicMs() + BRING_FORWARD_MS;
    this.note('clock', clockTrouble(compared));
  }

  private async bringForwardIfNeeded(): Promise<void> {
    const nowMs = this.parts.clock.monotonicMs();
    if (nowMs > this.bringForwardUntilMs && nowMs < this.bringForwardAgainMs) return;
    if (nowMs >= this.bringForwardAgainMs) this.bringForwardAgainMs = Number.POSITIVE_INFINITY;
    await this.bringForward();
  }

  /** What was planned while both clocks were ahead does not wait until then; at the start, too. */
  private async bringForward(): Promise<void> {
    const { store, clock, longestWaitMs, log } = this.parts;
    const nowMs = clock.now();
    const soonMs = nowMs + CLOCK_OFF_MS;
    const count = await store.queue.bringForward({ nowMs, soonMs, latestMs: soonMs + longestWaitMs });
    if (count > 0) log(`${count} deliveries that were planned by a wrong clock are due now.`);
  }

  /** Keeps a trouble for the operator to see, and tells of it when it is new or over. */
  private note(about: 'clock' | 'retention', trouble: string | undefined): void {
    const before = this.troubles.get(about);
    if (trouble === undefined) this.troubles.delete(about);
    else this.troubles.set(about, trouble);
    if ((before === undefined) !== (trouble === undefined)) this.parts.log(trouble ?? `Mended: ${before}`);
  }

  private async test(): Promise<void> {
    const { store, clock, sendSamples, onError } = this.parts;
    for (const { accountId, endpointId } of await store.endpoints.testingDue(clock.now(), TESTING_MAX)) {
      await sendSamples(accountId, endpointId).catch(onError);
    }
  }

  private async purge(): Promise<void> {
    while (!this.rounds.isStopped && (await this.parts.store.retention.purge()));
  }

  private async addUpCounts(): Promise<void> {
    while (!this.rounds.isStopped && (await this.parts.store.retention.addUpCounts()));
  }

  private async removeClosed(): Promise<void> {
    while (!this.rounds.isStopped && (await this.parts.store.accounts.removeClosed()));
  }

  private async sealHeaders(): Promise<void> {
    while (!this.rounds.isStopped && (await this.parts.store.endpoints.sealPlainHeaders(SEALED_AT_ONCE)));
  }

  private async makePartitions(): Promise<void> {
    const today = Math.floor(this.parts.clock.now() / DAY_MS) * DAY_MS;
    const days = Array.from({ length: PARTITIONS_AHEAD + 2 }, (_, i) => today + (i - 1) * DAY_MS);
    await this.parts.store.retention.ensureDays(days);
  }

  /** Retention: what is older than a contract promises to keep. */
  async dropOld(): Promise<void> {
    const { store, clock } = this.parts;
    // Before the first look, the newest event says when this was last used.
    this.retentionClock ??= new RetentionClock(
      toMs(await store.settings.get(LAST_LOOK)) ?? (await store.retention.newestDayMs()),
    );
    const databaseMs = await store.retention.databaseMs();
    const time = this.retentionClock.look({ databaseMs, nodeMs: clock.now(), monotonicMs: clock.monotonicMs() });
    if (!time.isAllowed) {
      if (!time.quietly) this.note('retention', `Retention drops nothing for now: ${time.reason}.`);
      return;
    }
    this.note('retention', undefined);
    await this.dropBefore(time.nowMs);
    await store.settings.put(LAST_LOOK, new Date(time.nowMs).toISOString());
  }

  private async dropBefore(nowMs: number): Promise<void> {
    const { store, retentionDays } = this.parts;
    const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
    const longest = Math.max(...retentionDays.values());
    const { keptMs } = await store.retention.dropBefore(today - longest * DAY_MS);
    if (today !== this.purgedDay) {
      // Days hold the events of all contracts: those that promise less are thinned out before the day is dropped, and
      // so is a day that something unfinished keeps.
      for (const [contract, days] of retentionDays) {
        const isThinned = days < longest || keptMs.length > 0;
        if (isThinned) await store.retention.purgeContractBefore(contract, today - days * DAY_MS);
      }
      this.purgedDay = today;
    }
    await store.keys.dropCallsBefore(nowMs - CALLS_KEPT_MS);
    await store.keys.dropDaysBefore(nowMs - KEY_DAYS_KEPT_MS);
    await store.sessions.dropBefore(nowMs);
    await store.bins.dropExpired(nowMs);
    await store.endpoints.dropOldHeaders();
    await store.notices.dropBefore(nowMs - NOTICES_KEPT_MS);
    await store.replays.dropBefore(nowMs - REPLAYS_KEPT_MS);
    await store.scheduledEvents.dropRefusedBefore(nowMs - REFUSED_KEPT_MS);
    await store.sources.dropBefore(nowMs - DEAD_LETTERS_KEPT_MS);
    await store.audit.dropBefore(nowMs - AUDIT_KEPT_MS);
    while (!this.rounds.isStopped && (await store.retention.dropKeysBefore(nowMs - KEYS_KEPT_MS)));
  }
}

function clockTrouble({ machineAheadMs, databaseAheadMs }: ClockComparison): string | undefined {
  const off = (ms: number) => `${Math.round(Math.abs(ms) / 1000)} s ${ms > 0 ? 'ahead' : 'behind'}`;
  if (Math.abs(machineAheadMs) > CLOCK_OFF_MS)
    return `The clock of this machine is ${off(machineAheadMs)}; it is not used.`;
  if (Math.abs(databaseAheadMs) > CLOCK_OFF_MS) return `The clock of the database is ${off(databaseAheadMs)}.`;
  return undefined;
}

function toMs(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time);
}
