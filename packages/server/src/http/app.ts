import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Acceptor } from '../accept/acceptor.ts';
import type { Scheduler } from '../accept/scheduler.ts';
import type { Moves } from '../cells/moves.ts';
import type { Contract } from '../contract/contract.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Clock } from '../domain/clock.ts';
import type { IdSource } from '../domain/ids.ts';
import type { Directory } from '../fanout/directory.ts';
import type { KeyVerifier } from '../keys/verifier.ts';
import type { AccountLimits } from '../manage/account-limits.ts';
import type { AccountNotices } from '../manage/account-notices.ts';
import type { ApiKeys } from '../manage/api-keys.ts';
import type { BinForwards } from '../manage/bin-forwards.ts';
import type { Endpoints } from '../manage/endpoints.ts';
import type { EventTypes } from '../manage/event-types.ts';
import type { Feeds } from '../manage/feeds.ts';
import type { Inspector } from '../manage/inspector.ts';
import type { OpenIdConnect } from '../manage/open-id-connect.ts';
import type { OperatorKeys } from '../manage/operator-keys.ts';
import type { Previews } from '../manage/previews.ts';
import type { Replays } from '../manage/replays.ts';
import type { Samples } from '../manage/samples.ts';
import type { Sessions } from '../manage/sessions.ts';
import type { Transformations } from '../manage/transformations.ts';
import type { UrlChecks } from '../manage/url-checks.ts';
import type { Verification } from '../manage/verification.ts';
import type { Metrics } from '../metrics.ts';
import type { OneTimeToken } from '../processes/one-time-token.ts';
import type { Sources } from '../sources/sources.ts';
import type { Store } from '../storage/store.ts';

/** A Fastify instance whose handlers know the types of their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** One of the databases that accounts live in, and how it is doing as far as that can be asked. */
export interface CellFacts {
  name: string;
  isUp: boolean;
  takesNewAccounts: boolean;
  facts: { accounts: number; waiting: number; finishedPerS: number; sizeBytes: number } | undefined;
}

/** What routes are built from. */
export interface HttpParts {
  store: Store;
  contracts: ReadonlyMap<string, Contract>;
  directory: Directory;
  acceptor: Acceptor;
  scheduler: Scheduler;
  sources: Sources;
  feeds: Feeds;
  dispatcher: Dispatcher;
  endpoints: Endpoints;
  samples: Samples;
  apiKeys: ApiKeys;
  keyVerifier: Pick<KeyVerifier, 'verify'>;
  inspector: Inspector;
  sessions: Sessions;
  operatorKeys: OperatorKeys;
  /** Where operators may sign in elsewhere. */
  openId?: OpenIdConnect | undefined;
  verification: Verification;
  previews: Previews;
  eventTypes: EventTypes;
  transformations: Transformations;
  urlChecks: UrlChecks;
  binForwards: BinForwards;
  accountNotices: AccountNotices;
  limits: AccountLimits;
  replays: Replays;
  /** Where people reach the page; it stands in links. */
  pageOrigin: () => string;
  /** What receivers may want to know of requests, and what endpoints may say of receivers. */
  egressFacts: { addresses: readonly string[]; ownAuthorities: boolean };
  /** Networks whose word for whom they ask is believed (`X-Forwarded-For`). */
  trustedProxies: readonly string[];
  /** Origins whose pages may embed ours in an iframe. */
  embedOrigins: readonly string[];
  ids: IdSource;
  clock: Clock;
  node: { readonly id: number };
  metrics: Metrics;
  /** SHA-256 of the operator key, in hexadecimal. */
  operatorKeyDigest: string;
  /** What `/metrics` shows: of all processes of this server. */
  metricsText: () => Promise<string>;
  /** Of the sign-in link. */
  signInToken: OneTimeToken;
  /** Whether the database can be reached and its migrations are current. */
  isReady: () => Promise<{ ready: boolean; reason?: string; warnings: string[]; databaseMs?: number }>;
  isUp: () => boolean;
  /** Of several cells: who answers a request instead. */
  appOf?: ((request: FastifyRequest) => App | undefined | Promise<App | undefined>) | undefined;
  /** Of a key nobody knows whose it is: that may be an account of another cell. */
  anyKeyVerifier: Pick<KeyVerifier, 'verify'>;
  /** Takes accounts from one of them to another. */
  moves: Moves;
  /** Whether an account that is not in this cell is in another by now, or on its way. */
  hasMoved: (accountId: string) => Promise<boolean>;
  /** The databases of this installation, the first one first. */
  cells: () => Promise<CellFacts[]>;
  /** What this node has in flight and in memory, of all cells. */
  load: () => { inFlight: number; inMemory: number; backlogged: number };
}
