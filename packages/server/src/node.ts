import { randomFillSync } from 'node:crypto';
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import pino, { type Logger } from 'pino';
import type { Acceptor } from './accept/acceptor.ts';
import { attemptLog } from './attempt-log.ts';
import { type Config, ConfigError } from './config.ts';
import type { Contract } from './contract/contract.ts';
import { loadContracts } from './contract/load.ts';
import { prepareDataFolder } from './data-folder.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { Clock, Random } from './domain/clock.ts';
import { isShuttingDown, Problem } from './domain/errors.ts';
import { IdSource } from './domain/ids.ts';
import { longestWaitMs } from './domain/policy.ts';
import { SteadyClock } from './domain/steady-clock.ts';
import { Egress } from './egress/egress.ts';
import { EgressGuard } from './egress/guard.ts';
import { systemResolver } from './egress/resolve.ts';
import { Trust } from './egress/trust.ts';
import { CONTRACTS_FOLDER } from './folders.ts';
import { showGauges, showQueue } from './gauges.ts';
import type { App } from './http/app.ts';
import { buildServer } from './http/server.ts';
import { openOperatorKey, openVault, proveMasterKey } from './keyring.ts';
import { openMailer } from './mailer.ts';
import { Maintainer } from './maintain/maintainer.ts';
import type { Notices } from './manage/notices.ts';
import type { OpenIdConfig, OpenIdConnect } from './manage/open-id-connect.ts';
import { NOBODY, type OperatorAddresses, type OperatorNotices } from './manage/operator-notices.ts';
import { Metrics } from './metrics.ts';
import { oneTimeToken } from './processes/one-time-token.ts';
import type { Siblings } from './processes/worker.ts';
import { readinessOf } from './readiness.ts';
import { buildServices, type NodeIdentity, type Services } from './services.ts';
import { openReader } from './sources/open-reader.ts';
import { Database } from './storage/database.ts';
import { isOutage, kindOf } from './storage/database-errors.ts';
import { EmbeddedPostgres } from './storage/embedded.ts';
import { migrate } from './storage/migrate.ts';
import { postgresStore } from './storage/postgres-store.ts';
import { checkDatabase } from './storage/requirements.ts';
import { fromUuidText } from './storage/rows.ts';
import { serversOf } from './storage/servers.ts';
import type { Store } from './storage/store.ts';
import { openTracing } from './tracing.ts';
import { deliverWhenAlone } from './upgrade.ts';
import { VERSION } from './version.ts';

const DNS_TIMEOUT_MS = 5_000;
/** Until the first heartbeat; the row in the database is as new. */
const ALIVE_AT_FIRST_MS = 10_000;
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

/**
 * Builds one node out of its parts, starts them in the order of an event's way backwards, and stops them forwards:
 * nothing is accepted that could not be delivered, and nothing in flight is dropped.
 * @throws ConfigError, DataFolderInUse, DatabaseRefused, MigrationRefused, KeyRefused, BrokenContract
 */
/** Most servers have none: its client is loaded where there is one. */
async function openIdConnect(config: OpenIdConfig): Promise<OpenIdConnect> {
  const { OpenIdConnect } = await import('./manage/open-id-connect.ts');
  return new OpenIdConnect(config);
}

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
  serversOf(connection).rememberIn(config.dataFolder);
  const database = new Database(connection, logInfo, config.databaseConnections);
  const stopDatabase = async () => {
    await database.stop();
    await embedded?.stop();
  };
  let closeServer = async () => {};

  try {
    await checkDatabase(connection, config.databaseConnections, logInfo);
    for (const name of await migrate(connection, logInfo)) log.debug(`Applied migration ${name}.`);
    await database.open();
    const store = postgresStore(database, vault);
    await proveMasterKey(vault, store.settings, store.sealed);
    const operatorKey = await openOperatorKey(config, store.settings, store.sessions);

    const clock = new SteadyClock(machineClock);
    const ids = new IdSource(
      () => clock.now(),
      (target) => randomFillSync(target),
    );
    const node: NodeIdentity = {
      id: 0,
      aliveUntilMs: clock.monotonicMs() + ALIVE_AT_FIRST_MS,
      watermark: ids.nextUuid(),
    };
    const register = () => store.nodes.register(hostname(), process.pid, node.watermark);
    node.id = await register();

    const metrics = new Metrics();
    const guard = new EgressGuard(config.allowNetworks);
    const egress = new Egress(guard, systemResolver(DNS_TIMEOUT_MS), new Trust(config.extraCa), config.proxy);
    const mailer = config.smtp && (await openMailer(config.smtp));
    const tracing = config.isTracing ? await openTracing(VERSION) : undefined;
    let isStopping = false;
    let origin = config.publicUrl ?? '';
    const parts = buildServices({
      origin: () => origin,
      store,
      contracts,
      guard,
      egress,
      allowOwnCa: config.allowOwnCa,
      sources: { configs: config.sources, openReader },
      onSourceState: (source, state, error) =>
        error === null ? log.info({ source, state }, 'source') : log.warn({ source, state, error }, 'source'),
      mailer,
      ids,
      clock,
      random,
      node,
      requests: { max: config.requestsMax, unprovenMax: config.unprovenRequestsMax },
      metrics,
      tracing,
      logAttempt: attemptLog(config, log),
      utilization: eventLoopUtilization(),
      isUp: () => database.up,
      whenUp: () => database.availability.whenUp(),
      isStopping: () => isStopping,
      onError,
    });
    const { acceptor, scheduler, sources, dispatcher, settler, keyVerifier, notices, accountNotices, replays } = parts;
    const { transformer } = parts;
    const maintainer = buildMaintainer(parts, { store, contracts, clock, ids, node, register, log: logInfo, onError });

    database.beforeUp(async () => {
      const queued = await acceptor.recover();
      if (queued > 0) logInfo(`${queued} deliveries whose hand-over was interrupted are in the queue.`);
      await dispatcher.reconcile();
    });
    database.availability.onChange((up) => {
      if (up) dispatcher.resume();
    });
    await maintainer.start();
    await hearOfChanges(database, parts, node, onError);
    await parts.eventTypes.load();
    keyVerifier.start();
    // The embedded database has no other server: whoever stands there was killed.
    if (isEmbedded && (siblings?.start.isFirst ?? true)) await maintainer.takeOver('everybody else');
    showGauges(metrics, parts, database, config);
    showQueue(metrics, store, clock, () => database.up);

    siblings?.share(metrics);
    const app = await buildServer(
      {
        ...parts,
        store,
        contracts,
        ids,
        clock,
        node,
        metrics,
        metricsText: () => siblings?.metricsOfAll() ?? metrics.text(),
        operatorKeyDigest: operatorKey.digest,
        signInToken: siblings?.token ?? oneTimeToken(signInToken),
        pageOrigin: () => origin,
        openId: config.openId && (await openIdConnect(config.openId)),
        egressFacts: { addresses: config.sourceAddresses, ownAuthorities: config.allowOwnCa },
        trustedProxies: config.trustedProxies,
        embedOrigins: config.embedOrigins,
        isReady: readinessOf(database, clock, maintainer),
        isUp: () => database.up,
      },
      log,
    );
    closeServer = () => app.close();
    const url = await listen(app, config);
    origin ||= url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//127.0.0.1');
    // Not before: a start that fails, as on a port that is taken, has sent nothing whose outcome it could not store.
    const start = () => {
      dispatcher.start();
      scheduler.start();
      sources.start();
    };
    const upgrade = await deliverWhenAlone({ database, connection, start, clock, log, onError });
    replays.start();
    accountNotices.start();
    if (config.operatorWebhook || config.operatorNotices) await startNotices(notices, config.operatorWebhook);
    await startOperatorNotices(parts.operatorNotices, config.operatorNotices);
    const stopWarmingUp = warmUp(contracts, clock, onError);

    let stopping: Promise<void> | undefined;
    const stop = async () => {
      stopWarmingUp();
      isStopping = true;
      // From here on nothing waits for a database that is away: what could not be stored is found by whoever starts next.
      database.availability.giveUp();
      const closed = app.close();
      // Neither a search in the history nor a mail server that is silent may hold up what drains.
      const others = Promise.all([replays.stop(), accountNotices.stop()]);
      mailer?.close();
      await notices.stop();
      await upgrade.stop();
      await scheduler.stop();
      await sources.stop();
      await acceptor.stop();
      await dispatcher.stop(DRAIN_MS);
      egress.close();
      await transformer.stop();
      await others;
      await new Promise((resolve) => setImmediate(resolve));
      await settler.drained();
      await dispatcher.letGoAll().catch(onError);
      await maintainer.stop();
      await keyVerifier.stop();
      await tracing?.stop().catch(onError);
      // A connection that has sent nothing, or half a request, would keep the server open for ever.
      app.server.closeAllConnections();
      await closed;
      await store.nodes.leave(node.id).catch(onError);
      await stopDatabase();
    };
    return {
      url,
      freshOperatorKey: operatorKey.fresh,
      signInToken,
      takeOverProcess: (pid) => maintainer.takeOverProcess(pid),
      stop: () => {
        stopping ??= stop();
        return stopping;
      },
    };
  } catch (error) {
    await closeServer();
    await stopDatabase();
    throw error;
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
  onError: (error: unknown) => void,
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
    posthorn_scheduled: () => scheduler.wake(),
    posthorn_event_types: () => eventTypes.loadSoon(),
  });
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
