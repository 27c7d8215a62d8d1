import { watermarkOf } from '../../packages/server/src/cells/cell.ts';
import type { Contract } from '../../packages/server/src/contract/contract.ts';
import { IdSource } from '../../packages/server/src/domain/ids.ts';
import { SteadyClock } from '../../packages/server/src/domain/steady-clock.ts';
import { parseNetwork } from '../../packages/server/src/egress/address.ts';
import type { Egress } from '../../packages/server/src/egress/egress.ts';
import { EgressGuard } from '../../packages/server/src/egress/guard.ts';
import { Maintainer } from '../../packages/server/src/maintain/maintainer.ts';
import { Metrics } from '../../packages/server/src/metrics.ts';
import { buildServices, type NodeIdentity, type Services } from '../../packages/server/src/services.ts';
import type { Store } from '../../packages/server/src/storage/store.ts';
import { Connection, type SimulatedServer } from './connection.ts';
import type { Receivers } from './receivers.ts';
import { type Notifications, simulatedStore } from './store.ts';
import type { Tables } from './tables.ts';
import { MachineClock } from './world.ts';

export const RETENTION_DAYS = 30;
const DRAIN_MS = 25_000;

export interface NodeParts {
  name: string;
  server: SimulatedServer;
  tables: Tables;
  receivers: Receivers;
  contracts: ReadonlyMap<string, Contract>;
  notify: Notifications;
  secret: string;
  onError: (error: unknown) => void;
}

/** One process: the real parts of a node on a simulated store, clock and network. */
export class SimulatedNode {
  readonly machine: MachineClock;
  readonly connection: Connection;
  readonly store: Store;
  readonly parts: Services;
  readonly identity: NodeIdentity;
  readonly maintainer: Maintainer;
  private readonly clock: SteadyClock;
  isRunning = false;
  private isStopping = false;

  constructor(readonly given: NodeParts) {
    const { server, tables, receivers, contracts, notify, secret, name, onError } = given;
    const { world } = server;
    this.machine = new MachineClock(world);
    this.clock = new SteadyClock(this.machine);
    const { clock } = this;
    this.connection = new Connection(name, server, this.machine);
    this.store = simulatedStore({ tables, connection: this.connection, server, notify, secret });
    const chance = world.stream(name);
    const ids = new IdSource(
      () => clock.now(),
      (target) => {
        for (let i = 0; i < target.length; i++) target[i] = Math.floor(chance.random() * 256);
        return target;
      },
    );
    this.identity = { id: 0, aliveUntilMs: clock.monotonicMs() + 10_000, watermark: ids.nextUuid() };
    const send = (_account: string, request: Parameters<Egress['send']>[1]) =>
      new Promise((resolve, reject) => {
        receivers.send(name, request).then(
          (outcome) => this.machine.deliver(() => resolve(outcome)),
          (error) => this.machine.deliver(() => reject(error)),
        );
      });
    this.parts = buildServices({
      store: this.store,
      contracts: new Map(contracts),
      guard: new EgressGuard([parseNetwork('10.0.0.0/8')]),
      egress: { send, close: () => {} } as unknown as Egress,
      mailer: undefined,
      ids,
      clock,
      random: chance.random,
      node: this.identity,
      requests: { max: 100, unprovenMax: 50 },
      metrics: new Metrics(),
      utilization: () => 0,
      isUp: () => this.connection.isUp,
      whenUp: () => this.connection.whenUp(),
      isStopping: () => this.isStopping,
      onError,
      origin: () => 'http://posthorn.invalid',
    });
    const { acceptor, dispatcher, settler, samples } = this.parts;
    this.maintainer = new Maintainer({
      store: this.store,
      clock,
      node: this.identity,
      watermark: () => watermarkOf(acceptor, dispatcher, ids),
      register: () => this.store.nodes.register(name, 1, this.identity.watermark),
      onDeclaredDead: () => dispatcher.loseAll(),
      retentionDays: new Map([...contracts.keys()].map((contract) => [contract, RETENTION_DAYS])),
      longestWaitMs: 86_400_000 * 3,
      sendSamples: (accountId, endpointId) => samples.sendRound(accountId, endpointId),
      finished: () => settler.finished,
      load: () => dispatcher.counts,
      giveAway: (count) => dispatcher.giveAway(count),
      onTakenOver: () => dispatcher.noteBacklog(['']),
      log: (message) => world.note(message),
      onError,
    });
    this.connection.beforeUp(
      async () => {
        await acceptor.recover();
        await dispatcher.reconcile();
      },
      () => dispatcher.resume(),
    );
  }

  /** Tries until the database lets it in, as a supervisor would. */
  async start(): Promise<void> {
    for (;;) {
      try {
        await this.connection.whenUp();
        this.identity.id = await this.store.nodes.register(this.given.name, 1, this.identity.watermark);
        await this.maintainer.start();
        break;
      } catch {
        await new Promise<void>((resolve) => void this.machine.after(500, resolve));
      }
    }
    if (this.isStopping) return;
    this.parts.dispatcher.start();
    this.parts.replays.start();
    this.isRunning = true;
  }

  /** As node.ts does it. */
  async stop(): Promise<void> {
    const { replays, acceptor, dispatcher, settler } = this.parts;
    const { onError } = this.given;
    this.isRunning = false;
    this.isStopping = true;
    this.connection.giveUp();
    await replays.stop();
    await acceptor.stop();
    await dispatcher.stop(DRAIN_MS);
    await settler.drained();
    await dispatcher.letGoAll().catch(onError);
    await this.maintainer.stop();
    await this.store.nodes.leave(this.identity.id).catch(onError);
    this.machine.kill();
  }

  /** kill -9: its statements go on at the server, and nothing is heard of anything. */
  kill(): void {
    this.isRunning = false;
    this.machine.kill();
  }

  heardAccount(accountId: string, endpointId: string): void {
    this.machine.deliver(() => {
      this.parts.directory.forget(accountId);
      this.parts.dispatcher.recheck(accountId, endpointId).catch(this.given.onError);
    });
  }

  /** It listens again: what was told in between is not known. */
  heardGap(): void {
    this.machine.deliver(() => this.parts.directory.clear());
  }

  heardLanes(node: number, endpointIds: readonly string[]): void {
    this.machine.deliver(() => {
      if (node === this.identity.id) this.parts.dispatcher.noteBacklog(endpointIds);
    });
  }
}
