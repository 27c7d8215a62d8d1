import { hostname } from 'node:os';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Acceptor } from '../accept/acceptor.ts';
import type { Contract } from '../contract/contract.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { IdSource } from '../domain/ids.ts';
import { longestWaitMs } from '../domain/policy.ts';
import type { Rounds } from '../domain/rounds.ts';
import type { SteadyClock } from '../domain/steady-clock.ts';
import { proveMasterKey } from '../keyring.ts';
import { Maintainer } from '../maintain/maintainer.ts';
import { readinessOf } from '../readiness.ts';
import { buildServices, type Dependencies, type NodeIdentity, type Services } from '../services.ts';
import { Database } from '../storage/database.ts';
import { migrate } from '../storage/migrate.ts';
import { postgresStore } from '../storage/postgres-store.ts';
import { checkDatabase } from '../storage/requirements.ts';
import { fromUuidText } from '../storage/rows.ts';
import { serversOf } from '../storage/servers.ts';
import type { Store } from '../storage/store.ts';
import type { Vault } from '../storage/vault.ts';
import { deliverWhenAlone } from '../upgrade.ts';

/** Until the first heartbeat; the row in the database is as new. */
const ALIVE_AT_FIRST_MS = 10_000;

/** A database that is checked, migrated and open. */
export interface Storage {
  connection: pg.ClientConfig;
  database: Database;
  store: Store;
}

/** @throws DatabaseUnavailable, DatabaseRefused, MigrationRefused, KeyRefused */
export async function openStorage(
  connection: pg.ClientConfig,
  {
    vault,
    folder,
    connections,
    log,
    mayBeUsed,
  }: {
    vault: Vault;
    /** Where it is remembered which of several servers was the newest. */
    folder: string;
    connections: number;
    log: Logger;
    /** Looks at it before anything in it is changed. */
    mayBeUsed?: (database: Database) => Promise<void>;
  },
): Promise<Storage> {
  const logInfo = (message: string) => log.info(message);
  serversOf(connection).rememberIn(folder);
  const database = new Database(connection, logInfo, connections);
  try {
    await checkDatabase(connection, connections, logInfo);
    await mayBeUsed?.(database);
    for (const name of await migrate(connection, logInfo)) log.debug(`Applied migration ${name}.`);
    await database.open();
    const store = postgresStore(database, vault);
    await proveMasterKey(vault, store.settings, store.sealed);
    return { connection, database, store };
  } catch (error) {
    await database.stop();
    throw error;
  }
}

/** What a cell is made from besides its database: what all cells of a node share, and what the node has for this one. */
export interface CellParts extends Omit<Dependencies, 'store' | 'node' | 'clock' | 'isUp' | 'whenUp'> {
  clock: SteadyClock;
  log: Logger;
  /** Whether event types are read here: once for all cells. */
  readsEventTypes?: boolean;
  /** An account lives in another cell from now on; '': any may. */
  onAccountCell?: (accountId: string) => void;
}

/**
 * All that a node does with one database: it accepts, delivers, settles and maintains what the accounts in there have. A node
 * has one of them, or several beside each other that know nothing of each other.
 */
export class Cell {
  readonly node: NodeIdentity;
  readonly services: Services;
  readonly maintainer: Maintainer;
  readonly isReady: ReturnType<typeof readinessOf>;
  private upgrade: Rounds | undefined;
  private delivering: Promise<void> | undefined;

  /** @param store the database's, or one that looks elsewhere for what is not in there */
  static async register(storage: Storage, store: Store, parts: CellParts): Promise<Cell> {
    const { clock, ids } = parts;
    const node = { id: 0, aliveUntilMs: clock.monotonicMs() + ALIVE_AT_FIRST_MS, watermark: ids.nextUuid() };
    const register = () => store.nodes.register(hostname(), process.pid, node.watermark);
    node.id = await register();
    return new Cell(storage, store, node, register, parts);
  }

  private constructor(
    readonly storage: Storage,
    readonly store: Store,
    node: NodeIdentity,
    register: () => Promise<number>,
    private readonly parts: CellParts,
  ) {
    const { database } = storage;
    const { clock, contracts, ids, log, onError } = parts;
    this.node = node;
    this.services = buildServices({
      ...parts,
      store,
      node,
      isUp: () => database.up,
      whenUp: () => database.availability.whenUp(),
    });
    this.maintainer = buildMaintainer(this.services, {
      store,
      contracts,
      clock,
      ids,
      node,
      register,
      log: (message) => log.info(message),
      onError,
    });
    this.isReady = readinessOf(database, clock, this.maintainer);
  }

  get isUp(): boolean {
    return this.storage.database.up;
  }

  /** Takes its place among the nodes, and hears of what others change. */
  async join(): Promise<void> {
    const { database } = this.storage;
    const { acceptor, dispatcher, keyVerifier } = this.services;
    database.beforeUp(async () => {
      const queued = await acceptor.recover();
      if (queued > 0) this.parts.log.info(`${queued} deliveries whose hand-over was interrupted are in the queue.`);
      await dispatcher.reconcile();
    });
    database.availability.onChange((up) => {
      if (up) dispatcher.resume();
    });
    await this.maintainer.start();
    await hearOfChanges(database, this.services, this.node, this.parts);
    keyVerifier.start();
  }

  /** Delivers at once, or when the last node of the version before has stopped; asked again, nothing more happens. */
  deliver(): Promise<void> {
    this.delivering ??= this.beginDelivering();
    return this.delivering;
  }

  private async beginDelivering(): Promise<void> {
    const { dispatcher, scheduler, sources, replays, accountNotices } = this.services;
    const start = () => {
      dispatcher.start();
      scheduler.start();
      sources.start();
    };
    this.upgrade = await deliverWhenAlone({ ...this.storage, ...this.parts, start });
    replays.start();
    accountNotices.start();
  }

  /** Takes and begins nothing more; what is in flight ends, or is left after `graceMs` for whoever takes over. */
  async drain(graceMs: number): Promise<void> {
    const { acceptor, scheduler, sources, dispatcher, notices, accountNotices, replays } = this.services;
    // From here on nothing waits for a database that is away: what could not be stored is found by whoever starts next.
    this.storage.database.availability.giveUp();
    // Neither a search in the history nor a mail server that is silent may hold up what drains.
    const others = Promise.all([replays.stop(), accountNotices.stop()]);
    await notices.stop();
    await this.delivering?.catch(() => {});
    await this.upgrade?.stop();
    await scheduler.stop();
    await sources.stop();
    await acceptor.stop();
    await dispatcher.stop(graceMs);
    await others;
  }

  /** After it has drained: stores what came of it, and leaves. */
  async leave(): Promise<void> {
    const { settler, dispatcher, keyVerifier, transformer } = this.services;
    const { onError } = this.parts;
    await transformer.stop();
    await new Promise((resolve) => setImmediate(resolve));
    await settler.drained();
    await dispatcher.letGoAll().catch(onError);
    await this.maintainer.stop();
    await keyVerifier.stop();
  }

  /** The end: nothing uses its database any more. */
  async close(): Promise<void> {
    await this.store.nodes.leave(this.node.id).catch(this.parts.onError);
    await this.storage.database.stop();
  }
}

interface MaintenanceParts {
  store: Store;
  contracts: ReadonlyMap<string, Contract>;
  clock: SteadyClock;
  ids: IdSource;
  node: NodeIdentity;
  register: () => Promise<number>;
  log: (message: string) => void;
  onError: (error: unknown) => void;
}

function buildMaintainer(
  { acceptor, dispatcher, settler, samples }: Services,
  { contracts, ids, ...parts }: MaintenanceParts,
): Maintainer {
  return new Maintainer({
    ...parts,
    watermark: () => watermarkOf(acceptor, dispatcher, ids),
    onDeclaredDead: () => dispatcher.loseAll(),
    retentionDays: new Map([...contracts].map(([name, contract]) => [name, contract.policy.retentionDays])),
    longestWaitMs: Math.max(...[...contracts.values()].map(({ policy }) => longestWaitMs(policy))),
    sendSamples: (accountId, endpointId) => samples.sendRound(accountId, endpointId),
    finished: () => settler.finished,
    load: () => dispatcher.counts,
    giveAway: (count) => dispatcher.giveAway(count),
    onTakenOver: () => dispatcher.noteBacklog(['']),
  });
}

/** What other nodes change, and put into lanes of this one. */
function hearOfChanges(
  database: Database,
  { directory, dispatcher, eventTypes, keyVerifier, scheduler }: Services,
  node: NodeIdentity,
  { onError, onAccountCell, readsEventTypes = true }: CellParts,
): Promise<void> {
  return database.listen({
    posthorn_account: (changed) => {
      const [accountId = '', endpointUuid] = changed.split(' ');
      if (accountId === '') directory.clear();
      else directory.forget(accountId);
      if (endpointUuid === undefined) return;
      dispatcher.recheck(accountId, fromUuidText('ep', endpointUuid)).catch(onError);
    },
    posthorn_lanes: (told) => {
      const [id, ...endpointUuids] = told.split(' ');
      if (Number(id) === node.id) dispatcher.noteBacklog(endpointUuids.map((uuid) => fromUuidText('ep', uuid)));
    },
    posthorn_keys: () => keyVerifier.forgetAll(),
    posthorn_account_cell: (accountId) => onAccountCell?.(accountId),
    posthorn_scheduled: () => scheduler.wake(),
    posthorn_event_types: () => (readsEventTypes ? eventTypes.loadSoon() : undefined),
  });
}

/** An id below that of every event whose deliveries may be in this node's memory only. */
export function watermarkOf(acceptor: Acceptor, dispatcher: Dispatcher, ids: IdSource): Uint8Array {
  let smallest = ids.nextUuid();
  const unanswered = acceptor.oldestUnanswered;
  if (unanswered && Buffer.compare(unanswered, smallest) < 0) smallest = unanswered;
  for (const { event } of dispatcher.onlyInMemory) {
    if (Buffer.compare(event.uuid, smallest) < 0) smallest = event.uuid;
  }
  return smallest;
}
