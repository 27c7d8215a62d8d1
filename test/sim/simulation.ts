/** One seed: some nodes, endpoints and publishers under faults; then the faults end, and everything has to end, too. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Contract } from '../../packages/server/src/contract/contract.ts';
import { loadContracts } from '../../packages/server/src/contract/load.ts';
import { decodeId, encodeId } from '../../packages/server/src/domain/ids.ts';
import { generateSecret } from '../../packages/server/src/domain/signature.ts';
import { isPassing } from '../../packages/server/src/storage/database-errors.ts';
import { type DatabaseFaults, NO_FAULTS, SimulatedServer } from './connection.ts';
import { SimulatedNode } from './node.ts';
import { BEHAVIOURS, Receivers } from './receivers.ts';
import { setStatus } from './store.ts';
import { hexOf, Tables } from './tables.ts';
import { World } from './world.ts';

const standard = loadContracts(fileURLToPath(new URL('../../contracts/', import.meta.url))).get('standard');
if (!standard) throw new Error('the contract standard is built in');

const policy = {
  ...standard.policy,
  retryDelaysMs: [1_000, 3_000, 10_000, 30_000],
  jitter: 'tenth' as const,
  retryAfter: { capMs: 20_000, above: 'cap' as const },
};
const RATE_PER_S = 5;
const CONTRACTS: ReadonlyMap<string, Contract> = new Map(
  [
    { ...standard, policy },
    { ...standard, name: 'limited', policy: { ...policy, ratePerS: RATE_PER_S } },
    {
      ...standard,
      name: 'switching',
      policy: { ...policy, autoDisable: { failures: 4, counts: 'attempts' as const } },
    },
  ].map((contract) => [contract.name, contract]),
);
const SECRET = generateSecret('v1');

const STORM_MS = 90_000;
/** After the faults: the last of them is noticed within 35 s, taken over within 20 s, and the longest retry is 33 s away. */
const CALM_MS = 300_000;
/** Before this, a silent connection may not have been noticed, nor a dead node taken over. */
const SETTLED_MS = 60_000;
const ENDPOINTS_MAX = 4;

/** What a seed came to: undefined when everything held. */
export interface Report {
  seed: number;
  trace: string;
  published: number;
  received: number;
  failure: string | undefined;
}

class Broken extends Error {}

export async function simulate(seed: number): Promise<Report> {
  const simulation = new Simulation(seed);
  let failure: string | undefined;
  try {
    await simulation.run();
  } catch (error) {
    failure = error instanceof Broken ? error.message : String((error as Error).stack ?? error);
  }
  const { world, acknowledged, receivers } = simulation;
  return { seed, trace: world.trace, published: acknowledged.size, received: receivers.received.length, failure };
}

export class Simulation {
  readonly world: World;
  readonly receivers: Receivers;
  /** Events that were acknowledged, and to how many endpoints they go. */
  readonly acknowledged = new Map<string, { deliveries: number; endpoints: number }>();
  private readonly server: SimulatedServer;
  private readonly tables = new Tables();
  private nodes: SimulatedNode[] = [];
  private started = 0;
  private published = 0;
  private readonly errors: unknown[] = [];
  private readonly checkedReceived = { count: 0 };

  constructor(seed: number) {
    this.world = new World(seed);
    this.server = new SimulatedServer(this.world);
    this.receivers = new Receivers(this.world);
  }

  async run(): Promise<void> {
    const { world, server } = this;
    this.createAccounts();
    const nodes = world.between(1, 3);
    for (let i = 0; i < nodes; i++) this.startNode();
    await world.run(2_000, () => {});
    server.faults = this.someFaults();
    this.every(50, 400, () => this.publish());
    this.every(500, 6_000, () => this.somethingHappens());
    await world.run(STORM_MS, () => this.check());
    this.endFaults();
    await world.run(
      STORM_MS + CALM_MS,
      () => this.check(),
      () => this.isAllEnded() && world.nowMs > STORM_MS + SETTLED_MS,
    );
    this.checkAtTheEnd();
  }

  /** Again and again while the storm lasts, at chance moments. */
  private every(fromMs: number, toMs: number, run: () => void): void {
    const { world } = this;
    world.after(world.between(fromMs, toMs), () => {
      if (world.nowMs >= STORM_MS) return;
      run();
      this.every(fromMs, toMs, run);
    });
  }

  private createAccounts(): void {
    const { world, tables } = this;
    for (const contract of CONTRACTS.keys()) {
      const account = { contract, version: 1, endpoints: new Set<string>() };
      const count = world.between(1, ENDPOINTS_MAX);
      for (let i = 0; i < count; i++) {
        const uuid = createHash('sha256').update(`${contract} ${i}`).digest().subarray(0, 16);
        const id = encodeId('ep', uuid);
        const url = `http://10.0.0.${i + 1}/${contract}`;
        tables.endpoints.set(id, { id, accountId: contract, uuid, url, status: 'active', failures: 0 });
        account.endpoints.add(id);
        this.receivers.set(url, 'well');
      }
      tables.accounts.set(contract, account);
    }
  }

  private someFaults(): DatabaseFaults {
    const { world } = this;
    if (world.chance(0.3)) return NO_FAULTS;
    const some = () => (world.chance(0.5) ? world.random() * 0.01 : 0);
    return { lostBefore: some(), answerLost: some(), busy: some(), silent: some() / 10 };
  }

  private startNode(): void {
    const { world, server, tables, receivers } = this;
    const node = new SimulatedNode({
      name: `process ${++this.started}`,
      server,
      tables,
      receivers,
      contracts: CONTRACTS,
      secret: SECRET,
      notify: {
        account: (accountId, endpointId) => this.tellAll((one) => one.heardAccount(accountId, endpointId)),
        lanes: (id, endpointIds) => this.tellAll((one) => one.heardLanes(id, endpointIds)),
      },
      onError: (error) => {
        if (!isPassing(error)) this.errors.push(error);
      },
    });
    this.nodes.push(node);
    world.note(`start ${this.started}`);
    void node.start();
  }

  /** Notifications come a little later; some are lost with the connection that listens, and then a gap is told. */
  private tellAll(tell: (node: SimulatedNode) => void): void {
    const { world } = this;
    for (const node of this.nodes) {
      const isLost = world.nowMs < STORM_MS && world.chance(0.02);
      if (isLost) world.after(500 + world.random() * 20_000, () => node.heardGap());
      else world.after(world.random() * 5, () => tell(node));
    }
  }

  private publish(): void {
    const { world, tables } = this;
    const node = this.nodes.filter((one) => one.isRunning && !one.machine.isStopped)[world.between(0, 2)];
    if (!node) return;
    const accountId = world.pick([...tables.accounts.keys()]);
    const payload = Buffer.from(`{"n":${++this.published}}`);
    const isKeyed = world.chance(0.3);
    const endpoints = tables.accounts.get(accountId)?.endpoints.size ?? 0;
    const publication = {
      accountId,
      trigger: 'a.b',
      payload,
      byTopic: false,
      topics: null,
      externalId: null,
      implied: [],
      planned: endpoints,
      keys: isKeyed ? [`key ${this.published}`] : [],
      digest: isKeyed ? createHash('sha256').update(payload).digest() : null,
      warnings: [],
    };
    const burst = world.chance(0.1) ? world.between(2, 40) : 1;
    for (let i = 0; i < (isKeyed ? Math.min(burst, 3) : burst); i++) {
      node.parts.acceptor.accept(publication).then(
        ({ id, deliveries }) => {
          world.note(`acknowledged ${id}`);
          this.acknowledged.set(id, { deliveries, endpoints });
        },
        () => {},
      );
    }
  }

  private somethingHappens(): void {
    const { world, nodes, receivers, tables, server } = this;
    if (nodes.length === 0) return;
    const node = world.pick(nodes);
    const endpoint = world.pick([...tables.endpoints.values()]);
    const happenings = {
      receiver: () => receivers.set(endpoint.url, world.pick(BEHAVIOURS)),
      kill: () => {
        node.kill();
        this.nodes = nodes.filter((one) => one !== node);
        world.after(world.random() * 5_000, () => this.startNode());
      },
      stop: () => node.machine.stopFor(world.pick([100, 3_000, 12_000, 20_000, 40_000])),
      database: () => {
        server.state = world.pick(['refusing', 'read_only'] as const);
        world.after(world.random() * 8_000, () => {
          server.state = 'up';
        });
      },
      clock: () => node.machine.setWallClock(world.pick([-3_600_000, -5_000, 5_000, 3_600_000])),
      status: () => {
        const to = endpoint.status === 'active' ? 'inactive' : 'active';
        setStatus({ tables, server, notify: this.notifications }, endpoint.accountId, endpoint.id, to);
      },
      resend: () => this.resend(node),
      start: () => {
        if (nodes.length < 4) this.startNode();
      },
      faults: () => {
        server.faults = this.someFaults();
      },
    };
    // Receivers change most often.
    const what = world.pick([
      'receiver',
      'receiver',
      ...(Object.keys(happenings) as (keyof typeof happenings)[]),
    ] as const);
    world.note(what);
    happenings[what]();
  }

  private readonly notifications = {
    account: (accountId: string, endpointId: string) => this.tellAll((one) => one.heardAccount(accountId, endpointId)),
    lanes: (id: number, endpointIds: readonly string[]) => this.tellAll((one) => one.heardLanes(id, endpointIds)),
  };

  /** As the API does it. */
  private resend(node: SimulatedNode): void {
    const { tables, world } = this;
    const known = [...tables.queue.values(), ...tables.ended.values()];
    if (known.length === 0 || !node.isRunning) return;
    const row = world.pick(known);
    const { dispatcher } = node.parts;
    if (dispatcher.advance(row.endpointId, Buffer.from(row.id, 'hex'))) return;
    const id = encodeId('dlv', Buffer.from(row.id, 'hex'));
    node.store.queue.retry(row.accountId, id, node.identity.id, dispatcher.ownsLanes).then(
      (owner) => {
        if (!owner) return;
        dispatcher.adopt([owner]);
        dispatcher.noteBacklog([owner.endpointId]);
      },
      () => {},
    );
  }

  private endFaults(): void {
    const { server, receivers, tables } = this;
    server.faults = NO_FAULTS;
    server.state = 'up';
    receivers.allWell();
    // What failed before may still switch one off.
    const activate = () => {
      for (const { id, accountId } of tables.endpoints.values())
        setStatus({ tables, server, notify: this.notifications }, accountId, id, 'active');
      this.world.after(5_000, activate);
    };
    activate();
    if (this.nodes.length === 0) this.startNode();
  }

  private isAllEnded(): boolean {
    const { tables, nodes } = this;
    return (
      tables.queue.size === 0 &&
      nodes.every(({ isRunning, parts }) => isRunning && parts.dispatcher.counts.bytesInMemory === 0)
    );
  }

  /** What holds after every step. */
  private check(): void {
    const [error] = this.errors;
    if (error !== undefined) throw error instanceof Error ? error : new Broken(String(error));
    for (const id of this.tables.queue.keys()) {
      if (this.tables.ended.has(id)) throw new Broken(`delivery ${id} waits and has ended`);
    }
    this.checkRates();
  }

  private checkRates(): void {
    const { received } = this.receivers;
    for (; this.checkedReceived.count < received.length; this.checkedReceived.count++) {
      const last = received[this.checkedReceived.count];
      if (!last?.endpointUrl.endsWith('/limited')) continue;
      const within = received.filter(
        (one) => one.endpointUrl === last.endpointUrl && one.atMs > last.atMs - 1_000 && one.atMs <= last.atMs,
      );
      if (within.length > RATE_PER_S)
        throw new Broken(`${within.length} requests in a second to ${last.endpointUrl} at ${last.atMs}`);
    }
  }

  /** The state of the nodes, for a failure's message. */
  private describe(): string {
    const { world, nodes } = this;
    const lines = nodes.map(({ given, identity, connection, isRunning, parts }) => {
      const { inMemory, inFlight, lanes, backlogged } = parts.dispatcher.counts;
      const aliveMs = Math.round(identity.aliveUntilMs - world.nowMs);
      return `${given.name} (node ${identity.id}, ${isRunning ? 'running' : 'starting'}, database ${connection.isUp ? 'up' : 'down'}, alive for ${aliveMs} ms, ${inMemory} in memory, ${inFlight} in flight, ${lanes} lanes, ${backlogged} backlogged, ${parts.settler.isStalled ? 'stalled' : 'flowing'})`;
    });
    return `at ${Math.round(world.nowMs)} ms: ${lines.join(', ')}`;
  }

  private checkAtTheEnd(): void {
    const { tables, acknowledged, receivers, nodes } = this;
    for (const row of tables.queue.values())
      throw new Broken(
        `delivery ${row.id} still waits after ${row.attempts} attempts, due ${row.dueMs - this.world.wallMs}, lane ${JSON.stringify(tables.lanes.get(row.endpointId))}; ${this.describe()}`,
      );
    const arrived = new Set(receivers.received.map(({ endpointUrl, eventId }) => `${endpointUrl} ${eventId}`));
    const ended = new Map<string, number>();
    for (const row of tables.ended.values()) {
      if (row.status === 'skipped') continue;
      ended.set(row.event.id, (ended.get(row.event.id) ?? 0) + 1);
      const url = tables.endpoints.get(row.endpointId)?.url ?? '';
      if (row.status === 'succeeded' && !arrived.has(`${url} ${row.event.id}`))
        throw new Broken(`event ${row.event.id} succeeded at ${url} and never arrived`);
    }
    for (const [id, { deliveries }] of acknowledged) {
      if (!tables.events.has(hexOf(decodeId('evt', id) ?? new Uint8Array())))
        throw new Broken(`event ${id} was acknowledged and is not stored`);
      // One that was skipped may have been sent later, because somebody asked for it.
      if ((ended.get(id) ?? 0) < deliveries)
        throw new Broken(
          `event ${id} goes to ${deliveries} endpoints, and ${ended.get(id) ?? 0} deliveries have ended; accepted by node ${tables.events.get(hexOf(decodeId('evt', id) ?? new Uint8Array()))?.node}; ${this.describe()}`,
        );
    }
    for (const [id, made] of tables.attempts) {
      made.forEach(({ number, epoch }, i) => {
        if (number !== i + 1) throw new Broken(`delivery ${id} has attempt ${number} where ${i + 1} belongs`);
        if (epoch < (made[i - 1]?.epoch ?? 0))
          throw new Broken(`delivery ${id}: an outcome of an earlier epoch counted`);
      });
    }
    for (const { parts, given } of nodes) {
      const { inMemory, bytesInMemory, inFlight, lanes, backlogged } = parts.dispatcher.counts;
      if (inMemory + bytesInMemory + inFlight > 0 || backlogged > lanes)
        throw new Broken(`${given.name} still has something in memory; ${this.describe()}`);
    }
  }
}
