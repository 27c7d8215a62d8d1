/** One seed: some nodes, endpoints and publishers under faults; then the faults end, and everything has to end, too. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Publication } from '../../packages/server/src/accept/publication.ts';
import type { Contract } from '../../packages/server/src/contract/contract.ts';
import { loadContracts } from '../../packages/server/src/contract/load.ts';
import { isShuttingDown } from '../../packages/server/src/domain/errors.ts';
import { encodeId, firstUuidOf } from '../../packages/server/src/domain/ids.ts';
import { generateSecret } from '../../packages/server/src/domain/signature.ts';
import { isPassing, sqlStateOf, UNIQUE_VIOLATION } from '../../packages/server/src/storage/database-errors.ts';
import { NO_FAULTS, SimulatedServer } from './connection.ts';
import { type Acknowledged, Broken, HISTORY_TRIGGER, Invariants } from './invariants.ts';
import { SimulatedNode } from './node.ts';
import { Receivers } from './receivers.ts';
import { describe, type Happening, type Scenario, scenarioOf } from './scenario.ts';
import { AUTO_DISABLE_FAILURES, ORDERED, removeEndpoint, setStatus, startTesting } from './store.ts';
import { hexOf, Tables } from './tables.ts';
import { type Chance, World } from './world.ts';

const standard = loadContracts(fileURLToPath(new URL('../../contracts/', import.meta.url))).get('standard');
if (!standard) throw new Error('the contract standard is built in');

const policy = {
  ...standard.policy,
  retryDelaysMs: [1_000, 3_000, 10_000],
  jitter: 'tenth' as const,
  retryAfter: { capMs: 10_000, above: 'cap' as const },
};
const RATE_PER_S = 5;
const CONTRACTS: ReadonlyMap<string, Contract> = new Map(
  [
    { ...standard, policy },
    { ...standard, name: ORDERED, policy },
    { ...standard, name: 'limited', policy: { ...policy, ratePerS: RATE_PER_S } },
    {
      ...standard,
      name: 'switching',
      policy: { ...policy, autoDisable: { failures: AUTO_DISABLE_FAILURES, counts: 'attempts' as const } },
    },
  ].map((contract) => [contract.name, contract]),
);
const SECRET = generateSecret('v1');
/** After the faults: the last of them is noticed within 60 s, taken over within 20 s, and replays and rates take their time. */
const CALM_MS = 600_000;
const ENDPOINTS_MAX = 4;
const ORDERING_KEYS = 3;
const NODES_MAX = 4;
const DAY_MS = 86_400_000;
/** Ages of what is in the history from the start; the last one may be dropped. */
const HISTORY_DAYS = [3, 20, 45];

/** What a seed came to: no failure when everything held. */
export interface Report {
  seed: number;
  trace: string;
  published: number;
  received: number;
  failure: string | undefined;
  /** What happened, as lines. */
  happenings: string[];
}

/** @param skipped happenings that are left out, by their place: to find those that a failure needs */
export async function simulate(seed: number, skipped: ReadonlySet<number> = new Set()): Promise<Report> {
  const simulation = new Simulation(seed, skipped);
  let failure: string | undefined;
  try {
    await simulation.run();
  } catch (error) {
    const what = error instanceof Broken ? error.message : String((error as Error).stack ?? error);
    failure = `${what}; ${simulation.describe()}`;
  }
  const { world, acknowledged, receivers, scenario } = simulation;
  return {
    seed,
    trace: world.trace,
    published: acknowledged.size,
    received: receivers.received.length,
    failure,
    happenings: scenario.happenings.filter((_, i) => !skipped.has(i)).map(describe),
  };
}

export class Simulation {
  readonly world: World;
  readonly scenario: Scenario;
  readonly receivers: Receivers;
  readonly acknowledged = new Map<string, Acknowledged>();
  /** Events by the idempotency key that they were published under. */
  private readonly byKey = new Map<string, Set<string>>();
  private readonly publishedMs = new WeakMap<Publication, number>();
  /** Deliveries that somebody asked to send again; an answer that is lost says nothing. */
  private readonly askedAgain = new Set<string>();
  private readonly resent: { id: string; atMs: number }[] = [];
  private readonly historyKept: string[] = [];
  private readonly urlOf = new Map<string, string>();
  private readonly server: SimulatedServer;
  private readonly tables = new Tables();
  private readonly publishing: Chance;
  private readonly invariants: Invariants;
  private nodes: SimulatedNode[] = [];
  private started = 0;
  private published = 0;
  private readonly errors: unknown[] = [];

  constructor(
    seed: number,
    private readonly skipped: ReadonlySet<number>,
  ) {
    const world = new World(seed);
    this.world = world;
    this.scenario = scenarioOf(world);
    this.server = new SimulatedServer(world);
    this.receivers = new Receivers(world);
    this.publishing = world.stream('publishing');
    this.invariants = new Invariants({
      ...this,
      world,
      tables: this.tables,
      nodes: () => this.nodes,
      isQuiet: this.scenario.isQuiet,
      retryDelaysMs: policy.retryDelaysMs,
      ratePerS: RATE_PER_S,
      concurrency: policy.concurrency,
    });
  }

  async run(): Promise<void> {
    const { world, scenario } = this;
    this.createAccounts();
    for (let i = 0; i < scenario.nodes; i++) this.startNode();
    scenario.happenings.forEach((happening, i) => {
      if (!this.skipped.has(i)) world.after(happening.atMs, () => this.happen(happening));
    });
    world.after(1_000, () => this.publishAgain());
    world.after(scenario.stormMs, () => this.endFaults());
    const check = () => this.check();
    await world.run(scenario.stormMs, check);
    await world.run(scenario.stormMs + CALM_MS, check, () => this.isAtRest());
    this.invariants.atTheEnd();
  }

  private check(): void {
    const [error] = this.errors;
    if (error !== undefined) throw error instanceof Error ? error : new Broken(String(error));
    this.invariants.afterEveryStep();
  }

  private createAccounts(): void {
    const { world, tables } = this;
    // As after some time of use: retention has looked before.
    tables.settings.set('retention_looked_at', new Date(world.wallMs).toISOString());
    for (const contract of CONTRACTS.keys()) {
      const account = { contract, version: 1, endpoints: new Set<string>() };
      const count = world.between(1, ENDPOINTS_MAX);
      for (let i = 0; i < count; i++) {
        const uuid = createHash('sha256').update(`${contract} ${i}`).digest().subarray(0, 16);
        const id = encodeId('ep', uuid);
        const url = `http://10.0.0.${i + 1}/${contract}`;
        const endpoint = { id, accountId: contract, uuid, url, status: 'active' as const, failures: 0, changes: 0 };
        tables.endpoints.set(id, { ...endpoint, testing: undefined });
        account.endpoints.add(id);
        this.urlOf.set(id, url);
        this.receivers.set(url, this.scenario.isQuiet ? 'busy' : 'well');
        if (i === 0) this.createHistory(contract, id, uuid);
      }
      tables.accounts.set(contract, account);
    }
  }

  private createHistory(accountId: string, endpointId: string, endpointUuid: Uint8Array): void {
    const { tables, world } = this;
    for (const days of HISTORY_DAYS) {
      const createdAtMs = world.wallMs - days * DAY_MS;
      const uuid = firstUuidOf(createdAtMs);
      uuid.set(endpointUuid.subarray(0, 8), 8);
      const id = hexOf(uuid);
      const payload = Buffer.from('{}');
      const facts = { accountId, trigger: HISTORY_TRIGGER, byTopic: false, test: false };
      const event = { ...facts, id: encodeId('evt', uuid), uuid, externalId: null, payload, createdAtMs };
      const delivery = { id, accountId, endpointId, endpointUuid, event, topic: null, test: false };
      tables.events.set(id, { event, node: 0, handedOver: [] });
      tables.ended.set(id, { ...delivery, status: 'succeeded', reason: null, attempts: 1 });
      tables.attempts.set(id, [{ number: 1, epoch: 0, startedMs: createdAtMs, storedMs: 0 }]);
      if (days < 30) this.historyKept.push(id);
    }
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
      notify: this.notifications,
      onError: (error) => {
        // A row that the database refuses is the engine's to deal with.
        const isRefused = sqlStateOf(error) === UNIQUE_VIOLATION;
        if (!isPassing(error) && !isShuttingDown(error) && !isRefused) this.errors.push(error);
      },
    });
    this.nodes.push(node);
    world.note(`start ${this.started}`);
    void node.start();
  }

  /** Notifications come a little later; some are lost with the connection that listens, and then a gap is told. */
  private tellAll(tell: (node: SimulatedNode) => void): void {
    const { world, scenario } = this;
    for (const node of this.nodes) {
      const isLost = !scenario.isQuiet && world.nowMs < scenario.stormMs && world.chance(0.02);
      if (isLost) world.after(500 + world.random() * 20_000, () => node.heardGap());
      else world.after(world.random() * 5, () => tell(node));
    }
  }

  private readonly notifications = {
    account: (accountId: string, endpointId: string) => this.tellAll((one) => one.heardAccount(accountId, endpointId)),
    lanes: (id: number, endpointIds: readonly string[]) => this.tellAll((one) => one.heardLanes(id, endpointIds)),
  };

  private publishAgain(): void {
    const { world, publishing } = this;
    if (world.nowMs >= this.scenario.stormMs) return;
    this.publish();
    world.after(publishing.between(20, 300), () => this.publishAgain());
  }

  private publish(): void {
    const { world, tables, publishing } = this;
    const running = this.nodes.filter((one) => one.isRunning && !one.machine.isStopped);
    const node = running[publishing.between(0, 2)];
    const accountId = publishing.pick([...tables.accounts.keys()]);
    const isKeyed = publishing.chance(0.3);
    const burst = publishing.chance(0.1) ? publishing.between(2, 40) : 1;
    if (!node) return;
    const payload = Buffer.from(`{"n":${++this.published},"key":${this.published % ORDERING_KEYS}}`);
    const publication = {
      accountId,
      trigger: 'a.b',
      payload,
      byTopic: false,
      topics: null,
      externalId: null,
      implied: [],
      planned: tables.accounts.get(accountId)?.endpoints.size ?? 0,
      keys: isKeyed ? [`key ${this.published}`] : [],
      digest: isKeyed ? createHash('sha256').update(payload).digest() : null,
      warnings: [],
    };
    for (let i = 0; i < (isKeyed ? Math.min(burst, 3) : burst); i++) this.send(node, publication);
    // A publisher that is not sure does it again, wherever its connection leads to.
    if (isKeyed && publishing.chance(0.5)) {
      world.after(publishing.random() * 2_000, () => {
        const other = this.nodes[publishing.between(0, NODES_MAX - 1)];
        if (other?.isRunning) this.send(other, publication);
      });
    }
  }

  private send(node: SimulatedNode, publication: Publication): void {
    const { world } = this;
    // When it was tried first: an answer that is lost says nothing.
    const publishedMs = this.publishedMs.get(publication) ?? world.nowMs;
    this.publishedMs.set(publication, publishedMs);
    node.parts.acceptor.accept(publication).then(
      ({ id, deliveries }) => {
        world.note(`acknowledged ${id}`);
        if (!this.acknowledged.has(id)) this.acknowledged.set(id, { publishedMs, atMs: world.nowMs, deliveries });
        for (const key of publication.keys) this.byKey.set(key, (this.byKey.get(key) ?? new Set()).add(id));
      },
      () => {},
    );
  }

  private happen(happening: Happening): void {
    const { world, nodes, receivers, tables, server } = this;
    const { kind, which, other, behaviour, faults, forMs } = happening;
    const oneOf = <T>(list: readonly T[]) => list[Math.floor(which * list.length)];
    const node = oneOf(nodes);
    const endpoint = oneOf([...tables.endpoints.values()]);
    if (!node || !endpoint) return;
    const changed = { tables, server, notify: this.notifications };
    world.note(kind);
    switch (kind) {
      case 'receiver':
        receivers.set(endpoint.url, behaviour);
        break;
      case 'kill':
        node.kill();
        this.replace(node, other * 5_000);
        break;
      case 'shutdown':
        void node.stop().then(() => this.replace(node, other * 5_000));
        break;
      case 'stop':
        node.machine.stopFor(forMs);
        break;
      case 'database':
        server.state = other < 0.5 ? 'refusing' : 'read_only';
        world.after(Math.min(forMs, 8_000), () => {
          server.state = 'up';
        });
        break;
      case 'clock':
        node.machine.setWallClock((other - 0.5) * (forMs > 1_000 ? 7_200_000 : 10_000));
        break;
      case 'database clock':
        server.aheadMs = clockError(other);
        break;
      case 'all clocks':
        server.aheadMs = clockError(other);
        for (const one of nodes) one.machine.setWallClock(server.aheadMs);
        break;
      case 'status':
        setStatus(changed, endpoint.accountId, endpoint.id, endpoint.status === 'active' ? 'inactive' : 'active');
        break;
      case 'remove':
        removeEndpoint(changed, endpoint.accountId, endpoint.id);
        break;
      case 'resend':
        this.resend(node, other);
        break;
      case 'release':
        this.release(node, other);
        break;
      case 'replay':
        this.replay(node, endpoint.accountId, other < 0.5 ? endpoint.id : undefined);
        break;
      case 'testing':
        startTesting(changed, endpoint, world.wallMs + 10_000, 2_000);
        break;
      case 'retention':
        void node.maintainer.dropOld().catch(node.given.onError);
        break;
      case 'start':
        if (nodes.length < NODES_MAX) this.startNode();
        break;
      case 'faults':
        server.faults = faults;
    }
  }

  private replace(node: SimulatedNode, afterMs: number): void {
    this.nodes = this.nodes.filter((one) => one !== node);
    this.world.after(afterMs, () => {
      if (this.nodes.length < NODES_MAX) this.startNode();
    });
  }

  /** As the API does it. */
  private resend(node: SimulatedNode, which: number): void {
    const { tables, world } = this;
    const handedOver = [...tables.events.values()].flatMap((event) => event.handedOver);
    const known = [...tables.queue.values(), ...tables.ended.values(), ...handedOver];
    const row = known[Math.floor(which * known.length)];
    if (!row || !node.isRunning) return;
    const { dispatcher } = node.parts;
    const id = encodeId('dlv', Buffer.from(row.id, 'hex'));
    const askedMs = world.nowMs;
    this.askedAgain.add(row.id);
    if (dispatcher.advance(row.endpointId, Buffer.from(row.id, 'hex'))) {
      this.resent.push({ id: row.id, atMs: askedMs });
      return;
    }
    node.store.queue.retry(row.accountId, id, node.identity.id, dispatcher.ownsLanes).then(
      (owner) => {
        if (!owner) return;
        this.resent.push({ id: row.id, atMs: askedMs });
        dispatcher.adopt([owner]);
        dispatcher.noteBacklog([owner.endpointId]);
      },
      () => {},
    );
  }

  private release(node: SimulatedNode, which: number): void {
    const parked = [...this.tables.queue.values()].filter((row) => row.orderingKey !== null && row.attempts > 0);
    const row = parked[Math.floor(which * parked.length)];
    if (!row || !node.isRunning) return;
    node.store.orderingKeys.release(row.accountId, row.endpointId, row.orderingKey ?? '').catch(() => {});
  }

  private replay(node: SimulatedNode, accountId: string, endpointId: string | undefined): void {
    if (!node.isRunning) return;
    const toMs = this.world.wallMs;
    const filter = { fromMs: toMs - 60_000, toMs, ...(endpointId === undefined ? {} : { endpointId }) };
    node.parts.replays.begin(accountId, filter).catch(() => {});
  }

  private endFaults(): void {
    const { server, receivers, tables } = this;
    server.faults = NO_FAULTS;
    server.state = 'up';
    server.aheadMs = 0;
    for (const { machine } of this.nodes) machine.setWallClock(0);
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

  /** Nothing waits, nothing is under way, and nobody is to be taken over. */
  private isAtRest(): boolean {
    const { tables, nodes, server } = this;
    if (tables.queue.size > 0 || !server.isIdle) return false;
    if ([...tables.replays.values()].some(({ replay }) => replay.status === 'running')) return false;
    if (tables.nodes.size !== nodes.length) return false;
    return nodes.every(
      ({ isRunning, machine, parts, connection, identity }) =>
        isRunning &&
        tables.isAlive(identity.id) &&
        !machine.isStopped &&
        connection.isUp &&
        !parts.settler.isStalled &&
        parts.dispatcher.counts.lanes === tables.lanesOf(identity.id) &&
        parts.acceptor.oldestUnanswered === undefined &&
        parts.dispatcher.counts.bytesInMemory === 0 &&
        parts.dispatcher.counts.inFlight === 0 &&
        [...parts.dispatcher.onlyInMemory].length === 0,
    );
  }

  /** The state of the nodes, for a failure's message. */
  describe(): string {
    const { world, nodes } = this;
    const lines = nodes.map(({ given, identity, connection, isRunning, parts }) => {
      const aliveMs = Math.round(identity.aliveUntilMs - world.nowMs);
      const state = `${isRunning ? 'running' : 'starting'}, database ${connection.isUp ? 'up' : 'down'}, alive for ${aliveMs} ms`;
      const flow = parts.settler.isStalled ? 'stalled' : 'flowing';
      return `${given.name} (node ${identity.id}, ${state}, ${JSON.stringify(parts.dispatcher.counts)}, ${flow})`;
    });
    return `at ${Math.round(world.nowMs)} ms: ${lines.join(', ')}`;
  }
}

/** By how much a clock is wrong: not at all, by seconds, or by up to weeks. */
function clockError(which: number): number {
  if (which < 0.3) return 0;
  return which < 0.6 ? (which - 0.45) * 20_000 : (which - 0.7) * 200 * DAY_MS;
}
