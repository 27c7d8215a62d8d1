import { Acceptor } from './accept/acceptor.ts';
import { Backpressure } from './accept/backpressure.ts';
import { Scheduler } from './accept/scheduler.ts';
import type { Contract } from './contract/contract.ts';
import { OAuthTokens } from './deliver/oauth-tokens.ts';
import { Sender } from './deliver/sender.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import type { Clock, Random } from './domain/clock.ts';
import { Problem } from './domain/errors.ts';
import type { IdSource } from './domain/ids.ts';
import type { SettledAttempt } from './domain/model.ts';
import type { Egress } from './egress/egress.ts';
import type { EgressGuard } from './egress/guard.ts';
import { Directory } from './fanout/directory.ts';
import { KeyVerifier } from './keys/verifier.ts';
import { AccountLimits } from './manage/account-limits.ts';
import { AccountNotices } from './manage/account-notices.ts';
import { ApiKeys } from './manage/api-keys.ts';
import { BinForwards } from './manage/bin-forwards.ts';
import { Endpoints } from './manage/endpoints.ts';
import { EventTypes } from './manage/event-types.ts';
import { Feeds } from './manage/feeds.ts';
import { Inspector } from './manage/inspector.ts';
import { type Mailer, NoticeSender } from './manage/notice-sender.ts';
import { Notices } from './manage/notices.ts';
import { OperatorKeys } from './manage/operator-keys.ts';
import { OperatorNotices } from './manage/operator-notices.ts';
import { Ownership } from './manage/ownership.ts';
import { Previews } from './manage/previews.ts';
import { Replays } from './manage/replays.ts';
import { Samples } from './manage/samples.ts';
import { Sessions } from './manage/sessions.ts';
import { Transformations } from './manage/transformations.ts';
import { UrlChecks } from './manage/url-checks.ts';
import { Verification } from './manage/verification.ts';
import { countUp, type Metrics } from './metrics.ts';
import { EndpointHealth } from './settle/endpoint-health.ts';
import { Settler } from './settle/settler.ts';
import { Intake } from './sources/intake.ts';
import type { SourceReader } from './sources/reader.ts';
import type { SourceConfig } from './sources/source-config.ts';
import { Sources } from './sources/sources.ts';
import type { SourceState } from './storage/page-store.ts';
import type { Store } from './storage/store.ts';
import type { Tracing } from './tracing.ts';
import { Transformer } from './transform/transformer.ts';

/** What one account may have of the node's requests in flight, however many endpoints it has. */
const ACCOUNT_SHARE = 0.25;

/** What tells this node from others. It changes when others have declared it dead. */
export interface NodeIdentity {
  id: number;
  /** Of the monotonic clock: until then no other node has taken over the lanes of this one. */
  aliveUntilMs: number;
  /** Deliveries of events before this id are not in this node's memory only. */
  watermark: Uint8Array;
}

/** What one node is made from. */
export interface Dependencies {
  store: Store;
  /** Those with event types that are declared by the API are replaced when these change. */
  contracts: Map<string, Contract>;
  guard: EgressGuard;
  egress: Egress;
  /** Whether endpoints may say whom their receivers' certificates are signed by. */
  allowOwnCa?: boolean;
  /** Where events come from besides the API, and what opens that. */
  sources?: { configs: readonly SourceConfig[]; openReader: (source: SourceConfig) => Promise<SourceReader> };
  /** A source of this node fails, or goes on. */
  onSourceState?: (name: string, state: SourceState, error: string | null) => void;
  /** Where accounts live that messages of sources are for: here, by default. */
  routed?: { acceptor: Pick<Acceptor, 'accept'>; directory: Pick<Directory, 'peek' | 'get'> };
  /** Where the operator's account lives that notices are events of: here, by default. */
  operatorAcceptor?: Pick<Acceptor, 'accept'>;
  /** Of several cells: whether an account that is not in this one is in another, or on its way. */
  hasMoved?: (accountId: string) => Promise<boolean>;
  /** After event types have changed: copies of accounts in other cells have the contract of before. */
  onContractsChanged?: () => void;
  /** Where an SMTP server is configured. */
  mailer: Mailer | undefined;
  ids: IdSource;
  clock: Clock;
  random: Random;
  node: NodeIdentity;
  /** Requests in flight at a time: in all, and to endpoints that are not known to answer well. */
  requests: { max: number; unprovenMax: number };
  metrics: Metrics;
  /** Where traces are wanted. */
  tracing?: Tracing | undefined;
  /** Where attempts are wanted in the log. */
  logAttempt?: ((attempt: SettledAttempt) => void) | undefined;
  /** How much of the time since it was asked last the event loop was busy: 0 to 1. */
  utilization: () => number;
  isUp: () => boolean;
  /** Resolves when the database can be used; rejects when the server stops first. */
  whenUp: () => Promise<void>;
  isStopping: () => boolean;
  onError: (error: unknown) => void;
  /** This server's own address as deliveries reach it, for the inspector's bins. */
  origin: () => string;
}

/** What notices to accounts are signed as. */
const NOTICE_CONTRACT = 'standard';

export type Services = ReturnType<typeof buildServices>;

/** Builds the parts of a node, along the way of an event. Nothing runs yet. */
export function buildServices(dependencies: Dependencies) {
  const { store, contracts, guard, egress, ids, clock, random, node, requests, metrics } = dependencies;
  const { isUp, whenUp, isStopping, onError, origin, mailer, tracing, logAttempt, allowOwnCa = false } = dependencies;
  const makePartitions = (ms: readonly number[]) => store.retention.ensureDays(ms);
  const writtenAs = (kind: 'accept' | 'settle') => (size: number, ms: number) => {
    metrics.batchSize.observe({ kind }, size);
    metrics.batchSeconds.observe({ kind }, ms / 1000);
  };
  const limits = new AccountLimits(() => clock.monotonicMs());
  const directory = new Directory(store.accounts.snapshot, contracts);
  const eventTypes = new EventTypes({
    contracts,
    store: store.eventTypes,
    onChanged: () => {
      directory.clear();
      dependencies.onContractsChanged?.();
    },
    clock,
    onError,
  });
  const verification = new Verification({ clock });
  const transformer = new Transformer(clock);
  const previews = new Previews({ directory, events: store.events, transformer, ids, clock });
  const transformations = new Transformations({ directory, previews, transformer });
  const inspector = new Inspector({ store: store.bins, directory, verification, limits, ids, clock, origin });
  const endpoints = new Endpoints({
    store: store.endpoints,
    directory,
    guard,
    inspector,
    transformer,
    ownership: () => ownership,
    ids,
    clock,
    allowOwnCa,
  });
  const notices = new Notices({
    accounts: store.accounts,
    store: store.endpoints,
    notices: store.notices,
    endpoints,
    directory,
    acceptor: () => dependencies.operatorAcceptor ?? acceptor,
    clock,
    onError,
  });
  const endpointHealth = new EndpointHealth({
    endpoints: store.endpoints,
    health: store.health,
    directory,
    clock,
    announcer: notices,
    onError,
  });
  const settler = new Settler({
    queue: store.queue,
    clock,
    node,
    whenUp,
    isStopping,
    makePartitions,
    noticesOf: (attempts) => notices.ofOutcomes(attempts),
    onLaneLost: (endpointId, epoch) => dispatcher.lose(endpointId, epoch),
    onFlowing: () => dispatcher.resume(),
    onStored: (attempts) => endpointHealth.apply(attempts),
    onSettled: (attempt, counted) => {
      countAttempt(metrics, attempt, counted);
      if (counted) logAttempt?.(attempt);
      tracing?.attempted(attempt);
    },
    onWritten: writtenAs('settle'),
    onError,
  });
  const tokens = new OAuthTokens({ store: store.tokens, egress, guard, clock });
  const sender = new Sender({
    tokens,
    transformer,
    directory,
    egress,
    guard,
    inspector,
    clock,
    random,
    onError,
  });
  const dispatcher = new Dispatcher({
    queue: store.queue,
    lanes: store.lanes,
    directory,
    clock,
    node,
    limits: { all: requests.max, account: Math.ceil(requests.max * ACCOUNT_SHARE), unproven: requests.unprovenMax },
    attempt: (delivery, forced) => sender.attempt(delivery, forced),
    settle: (attempt, done) => settler.settle(attempt, done),
    keep: (delivery, isSending, done) => settler.keep(delivery, isSending, done),
    mayGoOn: () => isUp() && !settler.isFull && !settler.isStalled && clock.monotonicMs() < node.aliveUntilMs,
    onError,
  });
  const backpressure = new Backpressure({
    clock,
    waiting: () => dispatcher.waiting,
    finished: () => settler.finished,
    utilization: dependencies.utilization,
  });
  const acceptor = new Acceptor({
    queue: store.queue,
    directory,
    dispatcher,
    ids,
    clock,
    node,
    makePartitions,
    yieldToDelivering: () => backpressure.yieldToDelivering(),
    onWritten: writtenAs('accept'),
    missing: async (accountId) =>
      new Problem((await dependencies.hasMoved?.(accountId)) ? 'account_moving' : 'account_not_found'),
    onAccepted: tracing && ((event, traceparent) => tracing.accepted(event, traceparent)),
  });
  const scheduler = new Scheduler({
    store: store.scheduledEvents,
    queue: store.queue,
    acceptor,
    directory,
    ids,
    clock,
    isUp,
    onError,
    onPublished: () => {
      metrics.tally.accepted++;
    },
    onRefused: () => {
      metrics.tally.refusedLater++;
    },
  });
  const routed = dependencies.routed ?? { acceptor, directory };
  const intake = new Intake({ store: store.sources, ...routed, ids, clock, whenUp, onError });
  const sources = new Sources({
    configs: dependencies.sources?.configs ?? [],
    openReader: (source) => dependencies.sources?.openReader(source) ?? Promise.reject(new Error('no sources')),
    store: store.sources,
    intake,
    clock,
    node,
    isUp,
    whenUp,
    onError,
    onState: (...state) => dependencies.onSourceState?.(...state),
    onTaken: (source, { accepted, dead }) => {
      metrics.tally.accepted += accepted;
      metrics.sourceMessages.inc({ source, outcome: 'accepted' }, accepted);
      metrics.sourceMessages.inc({ source, outcome: 'dead_letter' }, dead);
    },
  });
  const feeds = new Feeds({ store: store.feeds, clock, isUp, onError });
  const samples = new Samples({ acceptor, directory, limits, deliveries: store.deliveries, clock });
  const ownership = new Ownership({ sender, inspector, limits, ids, clock });
  const keyVerifier = new KeyVerifier({ keys: store.keys, clock, onError });
  const apiKeys = new ApiKeys({ store: store.keys, directory, verifier: keyVerifier, ids, clock });
  const sessions = new Sessions({ store: store.sessions, clock });
  const operatorKeys = new OperatorKeys({ store: store.operatorKeys, sessions, ids, clock, onError });
  const standard = contracts.get(NOTICE_CONTRACT);
  if (!standard) throw new Error(`the contract ${NOTICE_CONTRACT} is built in`);
  const noticeSender = new NoticeSender({ mailer, egress, inspector, contract: standard, ids, clock, onError });
  const operatorNotices = new OperatorNotices({ store: store.accountNotices, events: store.events, guard, clock });
  const accountNotices = new AccountNotices({
    operatorNotices,
    store: store.accountNotices,
    accounts: store.accounts,
    charts: store.charts,
    endpoints,
    directory,
    sender: noticeSender,
    contract: standard,
    ids,
    clock,
    onError,
  });
  const urlChecks = new UrlChecks({ endpoints, inspector, egress, limits });
  const binForwards = new BinForwards({ endpoints, inspector, egress, limits });
  const replays = new Replays({
    store: store.replays,
    directory,
    ids,
    clock,
    onError,
  });
  return {
    directory,
    eventTypes,
    acceptor,
    scheduler,
    sources,
    feeds,
    dispatcher,
    settler,
    endpoints,
    samples,
    apiKeys,
    keyVerifier,
    notices,
    inspector,
    sessions,
    operatorKeys,
    verification,
    previews,
    transformer,
    transformations,
    urlChecks,
    binForwards,
    accountNotices,
    operatorNotices,
    replays,
    limits,
  };
}

function countAttempt(
  metrics: Metrics,
  { delivery, startedAtMs, outcome, decision }: SettledAttempt,
  counted: boolean,
): void {
  const { tally } = metrics;
  if (!counted) {
    tally.fenced++;
    return;
  }
  countUp(tally.attempts, outcome.error ?? 'ok');
  metrics.attemptSeconds.observe(outcome.timings.total / 1000);
  const { firstByte } = outcome.timings;
  if (delivery.attempts === 0 && firstByte !== undefined && !delivery.test)
    metrics.firstByteSeconds.observe((startedAtMs + firstByte - delivery.event.createdAtMs) / 1000);
  if (decision.kind !== 'retry') countUp(tally.finished, decision.kind);
}
