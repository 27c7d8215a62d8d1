import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import pino, { type Logger } from 'pino';
import { attemptLog } from './attempt-log.ts';
import { Cell, openStorage } from './cells/cell.ts';
import { type CellConfig, Cells, mustBeFirst, type OpenCell } from './cells/cells.ts';
import { Front } from './cells/front.ts';
import { openFurtherCell } from './cells/further-cell.ts';
import { Moves } from './cells/moves.ts';
import { loadOf, readinessOfAll, showCells } from './cells/of-all.ts';
import { type Config, ConfigError } from './config.ts';
import type { Contract } from './contract/contract.ts';
import { loadContracts } from './contract/load.ts';
import { prepareDataFolder } from './data-folder.ts';
import type { Clock, Random } from './domain/clock.ts';
import { isShuttingDown, Problem } from './domain/errors.ts';
import { FIRST } from './domain/first-cell.ts';
import { IdSource } from './domain/ids.ts';
import { SteadyClock } from './domain/steady-clock.ts';
import { Egress } from './egress/egress.ts';
import { EgressGuard } from './egress/guard.ts';
import { systemResolver } from './egress/resolve.ts';
import { Trust } from './egress/trust.ts';
import { CONTRACTS_FOLDER } from './folders.ts';
import { showGauges, showQueue } from './gauges.ts';
import type { App, HttpParts } from './http/app.ts';
import { buildServer, openKeyGuard } from './http/server.ts';
import { openOperatorKey, openVault } from './keyring.ts';
import { openMailer } from './mailer.ts';
import type { Notices } from './manage/notices.ts';
import type { OpenIdConfig, OpenIdConnect } from './manage/open-id-connect.ts';
import { NOBODY, type OperatorAddresses, type OperatorNotices } from './manage/operator-notices.ts';
import { Metrics } from './metrics.ts';
import { oneTimeToken } from './processes/one-time-token.ts';
import type { Siblings } from './processes/worker.ts';
import { openReader } from './sources/open-reader.ts';
import { isOutage, kindOf } from './storage/database-errors.ts';
import { EmbeddedPostgres } from './storage/embedded.ts';
import { openTracing } from './tracing.ts';
import { VERSION } from './version.ts';

const DNS_TIMEOUT_MS = 5_000;
/** When the schemas of a contract are compiled that nobody has needed until then; the next follows as much later. */
const WARM_UP_AFTER_MS = 1_000;
/** How long requests in flight may take to end when the server stops. */
const DRAIN_MS = 25_000;

export interface StartOptions {
  clock: Clock;
  random: Random;
  /** The one-time token of the sign-in link. */
  signInToken: string;
  logger?: Logger;
  /** This node is one of several processes. */
  siblings?: Siblings;
}

export interface RunningNode {
  /** `http://127.0.0.1:8400` */
  url: string;
  /** The operator key, when it was made at this start. */
  freshOperatorKey: string | undefined;
  signInToken: string;
  /** Another process of this server has ended. */
  takeOverProcess(pid: number): Promise<void>;
  stop(): Promise<void>;
}

/** Most servers have none: its client is loaded where there is one. */
async function openIdConnect(config: OpenIdConfig): Promise<OpenIdConnect> {
  const { OpenIdConnect } = await import('./manage/open-id-connect.ts');
  return new OpenIdConnect(config);
}

/**
 * Builds one node out of its parts, starts them in the order of an event's way backwards, and stops them forwards:
 * nothing is accepted that could not be delivered, and nothing in flight is dropped.
 * @throws ConfigError, DataFolderInUse, DatabaseRefused, MigrationRefused, KeyRefused, BrokenContract
 */
export async function startNode(
  config: Config,
  { clock: machineClock, random, signInToken, logger, siblings }: StartOptions,
): Promise<RunningNode> {
  const log = logger ?? openLog(config, siblings);
  const logInfo = (message: string) => log.info(message);
  const onError = (error: unknown) => {
    // While the database cannot be used every part meets the same error; the database itself has said so once.
    if (!isOutage(kindOf(error)) && !isShuttingDown(error)) log.error({ err: error }, 'unexpected error');
  };

  prepareDataFolder(config.dataFolder);
  const contracts = loadContracts(CONTRACTS_FOLDER, config.contractFolders);
  const vault = openVault(config);
  const isEmbedded = config.databaseUrl === undefined;
  const embedded = isEmbedded && !siblings ? new EmbeddedPostgres(config.dataFolder, logInfo) : undefined;
  await embedded?.start();
  const connection = embedded?.connection ?? siblings?.start.connection ?? { connectionString: config.databaseUrl };
  let stopDatabase = async () => {};
  let closeServer = async () => {};

  try {
    const storage = await openStorage(connection, {
      vault,
      folder: config.dataFolder,
      connections: config.databaseConnections,
      log,
    });
    const { database, store } = storage;
    stopDatabase = () => database.stop();
    await mustBeFirst(store);
    const operatorKey = await openOperatorKey(config, store.settings, store.sessions);

    const clock = new SteadyClock(machineClock);
    const ids = new IdSource(
      () => clock.now(),
      (target) => randomFillSync(target),
    );
    const metrics = new Metrics();
    const guard = new EgressGuard(config.allowNetworks);
    const egress = new Egress(guard, systemResolver(DNS_TIMEOUT_MS), new Trust(config.extraCa), config.proxy);
    const mailer = config.smtp && (await openMailer(config.smtp));
    const tracing = config.isTracing ? await openTracing(VERSION) : undefined;
    let isStopping = false;
    let origin = config.publicUrl ?? '';
    const shared = {
      origin: () => origin,
      contracts,
      guard,
      egress,
      allowOwnCa: config.allowOwnCa,
      mailer,
      ids,
      clock,
      random,
      requests: { max: config.requestsMax, unprovenMax: config.unprovenRequestsMax },
      metrics,
      tracing,
      logAttempt: attemptLog(config, log),
      utilization: eventLoopUtilization(),
      isStopping: () => isStopping,
      log,
      onError,
    };
    const delivers = (name: string) => config.cellsDelivered?.includes(name) ?? true;
    const cells = new Cells({
      first: { storage, cell: () => cell },
      configs: config.cells,
      open: (of) => openCell(of),
      clock,
      log,
      onError,
    });
    // Also on a node that has not been told of them: their accounts are not here.
    const areSeveral = config.cells.length > 0 || (await store.accountCells.areSeveral());
    const hasMovedFrom = (name: string) => async (accountId: string) =>
      areSeveral && (await cells.hasMoved(accountId, name));
    const cell: Cell = await Cell.register(storage, store, {
      ...shared,
      hasMoved: hasMovedFrom(FIRST),
      sources: { configs: config.sources, openReader },
      onSourceState: (source, state, error) =>
        error === null ? log.info({ source, state }, 'source') : log.warn({ source, state, error }, 'source'),
      ...(areSeveral ? { routed: cells.routed } : {}),
      onContractsChanged: () => {
        for (const { cell } of cells.all) cell.services.directory.clear();
      },
      onAccountCell: (accountId) => (accountId === '' ? cells.places.forgetAll() : cells.places.forget(accountId)),
    });
    const { services, maintainer } = cell;
    await cell.join();
    await services.eventTypes.load();
    // The embedded database has no other server: whoever stands there was killed.
    if (isEmbedded && (siblings?.start.isFirst ?? true)) await maintainer.takeOver('everybody else');
    const everyCell = () => [cell, ...cells.all.map((one) => one.cell)];
    showGauges(metrics, () => everyCell().map((one) => one.services), database, config);
    if (areSeveral) showCells(metrics, cell, cells);
    showQueue(metrics, areSeveral ? cells.store : store, clock, () => database.up);

    siblings?.share(metrics);
    const moves = new Moves({ cells, first: () => cell, store: store.accountCells, clock, onError });
    const forAllApps = {
      contracts,
      ids,
      clock,
      metrics,
      metricsText: () => siblings?.metricsOfAll() ?? metrics.text(),
      operatorKeyDigest: operatorKey.digest,
      signInToken: siblings?.token ?? oneTimeToken(signInToken),
      pageOrigin: () => origin,
      openId: config.openId && (await openIdConnect(config.openId)),
      egressFacts: { addresses: config.sourceAddresses, ownAuthorities: config.allowOwnCa },
      trustedProxies: config.trustedProxies,
      embedOrigins: config.embedOrigins,
      cells: () => cells.facts(),
      moves,
      load: () => loadOf(everyCell()),
    };
    const keyGuard = await openKeyGuard({ store, clock }, log);
    const appOf = (name: string, of: Cell, more: Partial<HttpParts> = {}) =>
      buildServer(
        {
          ...of.services,
          ...forAllApps,
          store: of.store,
          node: of.node,
          isReady: of.isReady,
          isUp: () => of.isUp,
          hasMoved: hasMovedFrom(name),
          anyKeyVerifier: of.services.keyVerifier,
          ...more,
        },
        log,
        keyGuard,
      );
    const front = new Front(cells);
    const ofAll: Partial<HttpParts> = {
      store: cells.store,
      anyKeyVerifier: cells.keyVerifier,
      isReady: readinessOfAll(cell, cells),
      appOf: (request) => front.appOf(request),
    };
    const app = await appOf(FIRST, cell, areSeveral ? ofAll : {});
    let isDelivering = false;
    const tellsOperator = config.operatorWebhook !== undefined || config.operatorNotices !== undefined;
    const deliver = async (name: string, of: Cell) => {
      if (delivers(name)) await of.deliver();
      if (!tellsOperator) return;
      if (of !== cell) return of.services.notices.begin();
      await startNotices(services.notices, config.operatorWebhook);
    };
    const openCell = (of: CellConfig): Promise<OpenCell> =>
      openFurtherCell(of, {
        first: cell,
        shared,
        hasMoved: hasMovedFrom(of.name),
        vault,
        dataFolder: config.dataFolder,
        connections: config.databaseConnections,
        appOf: (further, more) => appOf(of.name, further, more),
        onOpen: async (further) => {
          if (isDelivering) await deliver(of.name, further);
        },
      });
    closeServer = async () => {
      await cells.stop();
      await app.close();
      for (const one of cells.all) {
        await one.app.close();
        await one.cell.storage.database.stop();
      }
    };
    await cells.start();
    const url = await listen(app, config);
    origin ||= url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//127.0.0.1');
    // Not before: a start that fails, as on a port that is taken, has sent nothing whose outcome it could not store.
    isDelivering = true;
    if (areSeveral) moves.start();
    await deliver(FIRST, cell);
    await startOperatorNotices(services.operatorNotices, config.operatorNotices);
    for (const one of cells.all) await deliver(one.name, one.cell);
    const stopWarmingUp = warmUp(contracts, clock, onError);

    let stopping: Promise<void> | undefined;
    const stop = async () => {
      stopWarmingUp();
      isStopping = true;
      isDelivering = false;
      await Promise.all([cells.stop(), moves.stop()]);
      const all = everyCell();
      const drained = Promise.all(all.map((one) => one.drain(DRAIN_MS)));
      const closed = Promise.all([app, ...cells.all.map((one) => one.app)].map((one) => one.close()));
      mailer?.close();
      await drained;
      egress.close();
      await Promise.all(all.map((one) => one.leave()));
      await tracing?.stop().catch(onError);
      // A connection that has sent nothing, or half a request, would keep the server open for ever.
      app.server.closeAllConnections();
      await closed;
      await Promise.all(all.map((one) => one.close()));
      await embedded?.stop();
    };
    return {
      url,
      freshOperatorKey: operatorKey.fresh,
      signInToken,
      takeOverProcess: async (pid) => {
        await Promise.all(everyCell().map((one) => one.maintainer.takeOverProcess(pid)));
      },
      stop: () => {
        stopping ??= stop();
        return stopping;
      },
    };
  } catch (error) {
    await closeServer();
    await stopDatabase();
    await embedded?.stop();
    throw error;
  }
}

/** Compiles schemas before they are needed: the first events of a contract do not wait for that. Answers what ends it. */
function warmUp(contracts: ReadonlyMap<string, Contract>, clock: Clock, onError: (error: unknown) => void): () => void {
  const cancels = [...contracts.values()].map(({ payloads }, i) =>
    clock.after(WARM_UP_AFTER_MS * (i + 1), () => {
      try {
        payloads.prepare();
      } catch (error) {
        onError(error);
      }
    }),
  );
  return () => {
    for (const cancel of cancels) cancel();
  };
}

/** One line of JSON an entry; of several processes each says which one it is. */
export function openLog({ logLevel }: Pick<Config, 'logLevel'>, siblings?: Siblings): Logger {
  return pino({ level: logLevel, base: siblings ? { process: siblings.start.process } : null });
}

/** Of this process, since it was asked last. */
function eventLoopUtilization(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

async function listen(app: App, { host, port }: Config): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    await app.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new ConfigError(
        'POSTHORN_PORT',
        `port ${port} is in use on ${host}; stop what listens there or choose another`,
      );
    if (code === 'EACCES')
      throw new ConfigError('POSTHORN_PORT', `port ${port} may not be used; choose one above 1023`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new ConfigError('POSTHORN_HOST', `${host} is not an address of this machine`);
    throw error;
  }
}

/** @throws ConfigError */
async function startOperatorNotices(notices: OperatorNotices, addresses: OperatorAddresses = NOBODY): Promise<void> {
  try {
    await notices.start(addresses);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new ConfigError('POSTHORN_OPERATOR_CHAT_URL', error.message);
  }
}

/** @throws ConfigError */
async function startNotices(notices: Notices, webhook: Config['operatorWebhook']): Promise<void> {
  try {
    await notices.start(webhook?.url, webhook?.secret);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const name = error.code === 'invalid_secret' ? 'SECRET' : 'URL';
    throw new ConfigError(`POSTHORN_OPERATOR_WEBHOOK_${name}`, error.message);
  }
}
