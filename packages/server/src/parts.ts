import { Acceptor } from './accept/acceptor.ts';
import type { Contract } from './contract/contract.ts';
import { Sender } from './deliver/sender.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import type { Clock, Random } from './domain/clock.ts';
import type { IdSource } from './domain/ids.ts';
import type { LeasedDelivery, SettledAttempt } from './domain/model.ts';
import type { Egress } from './egress/egress.ts';
import type { EgressGuard } from './egress/guard.ts';
import { Directory } from './fanout/directory.ts';
import { KeyVerifier } from './keys/verifier.ts';
import { AccountLimits } from './manage/account-limits.ts';
import { ApiKeys } from './manage/api-keys.ts';
import { Endpoints } from './manage/endpoints.ts';
import { Inspector } from './manage/inspector.ts';
import { Notices } from './manage/notices.ts';
import { Replays } from './manage/replays.ts';
import { Samples } from './manage/samples.ts';
import { Sessions } from './manage/sessions.ts';
import { Verification } from './manage/verification.ts';
import { countUp, type Metrics } from './metrics.ts';
import { Consequences } from './settle/consequences.ts';
import { Settler } from './settle/settler.ts';
import type { Store } from './storage/store.ts';

const IN_FLIGHT_MAX = 1_000;

/** What one node is made from. */
export interface Ground {
  store: Store;
  contracts: ReadonlyMap<string, Contract>;
  guard: EgressGuard;
  egress: Egress;
  ids: IdSource;
  clock: Clock;
  random: Random;
  node: { id: number; aliveUntilMs: number };
  metrics: Metrics;
  /** Hands deliveries back unsent; does not give up while the database is away. */
  release: (deliveries: readonly LeasedDelivery[]) => Promise<void>;
  isUp: () => boolean;
  /** Resolves when the database can be reached; rejects when the server stops first. */
  whenUp: () => Promise<void>;
  onError: (error: unknown) => void;
  /** This server's own address as deliveries reach it, for the inspector's bins. */
  origin: () => string;
}

export type Parts = ReturnType<typeof buildParts>;

/** Builds the parts of a node, along the way of an event. Nothing runs yet. */
export function buildParts(ground: Ground) {
  const { store, contracts, guard, egress, ids, clock, random, node, metrics, release, isUp, whenUp, onError, origin } =
    ground;
  const writtenAs = (kind: 'accept' | 'settle') => (size: number, ms: number) => {
    metrics.batchSize.observe({ kind }, size);
    metrics.batchSeconds.observe({ kind }, ms / 1000);
  };
  const limits = new AccountLimits(() => clock.now());
  const directory = new Directory(store.accounts.snapshot, contracts);
  const verification = new Verification({ clock });
  const inspector = new Inspector({ store: store.bins, directory, verification, limits, ids, clock, origin });
  const endpoints = new Endpoints({ store: store.endpoints, directory, guard, inspector, ids, clock });
  const consequences = new Consequences({
    endpoints: store.endpoints,
    health: store.health,
    directory,
    clock,
    notify: (...args) => notices.publish(...args),
    onError,
  });
  const settler = new Settler({
    queue: store.queue,
    clock,
    node,
    whenUp,
    release: (delivery) => release([delivery]),
    onStored: (attempts) => consequences.draw(attempts),
    onSettled: (attempt, counted) => countAttempt(metrics, attempt, counted),
    onWritten: writtenAs('settle'),
    onError,
  });
  const sender = new Sender({
    directory,
    egress,
    guard,
    inspector,
    clock,
    random,
    release: (delivery) => release([delivery]),
    onError,
  });
  const dispatcher = new Dispatcher({
    queue: store.queue,
    paces: store.paces,
    directory,
    clock,
    node,
    inFlightMax: IN_FLIGHT_MAX,
    release,
    attempt: (delivery, forced) => sender.attempt(delivery, forced),
    settle: (attempt, done) => settler.settle(attempt, done),
    mayGoOn: () => isUp() && !settler.isFull,
    isAlive: () => clock.now() < node.aliveUntilMs,
    onError,
  });
  const acceptor = new Acceptor({
    queue: store.queue,
    directory,
    dispatcher,
    ids,
    clock,
    node,
    onWritten: writtenAs('accept'),
  });
  const notices = new Notices({
    accounts: store.accounts,
    store: store.endpoints,
    endpoints,
    acceptor,
    clock,
    onError,
  });
  const samples = new Samples({ acceptor, directory, limits });
  const keyVerifier = new KeyVerifier({ keys: store.keys, clock, onError });
  const apiKeys = new ApiKeys({ store: store.keys, directory, verifier: keyVerifier, ids, clock });
  const sessions = new Sessions({ store: store.sessions, clock });
  const replays = new Replays({
    store: store.replays,
    directory,
    ids,
    clock,
    noteBacklog: (endpointId, accountId) => dispatcher.noteBacklog(endpointId, accountId),
    onError,
  });
  return {
    directory,
    acceptor,
    dispatcher,
    settler,
    endpoints,
    samples,
    apiKeys,
    keyVerifier,
    notices,
    inspector,
    sessions,
    verification,
    replays,
    limits,
  };
}

function countAttempt(metrics: Metrics, { outcome, decision }: SettledAttempt, counted: boolean): void {
  const { tally } = metrics;
  if (!counted) {
    tally.fenced++;
    return;
  }
  countUp(tally.attempts, outcome.error ?? 'ok');
  metrics.attemptSeconds.observe(outcome.timings.total / 1000);
  if (decision.kind !== 'retry') countUp(tally.finished, decision.kind);
}
