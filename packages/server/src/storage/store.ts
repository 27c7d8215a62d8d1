import type { EndpointAuth } from '../domain/endpoint-auth.ts';
import type { EndpointTls } from '../domain/endpoint-tls.ts';
import type { EventType, EventTypeVersion } from '../domain/event-type.ts';
import type {
  Account,
  ActiveDelivery,
  Attempt,
  Delivery,
  DeliveryStatus,
  Endpoint,
  EndpointSecret,
  EndpointStatus,
  InactiveReason,
  SettledAttempt,
  SkipReason,
  StoredEvent,
} from '../domain/model.ts';
import type { AttemptError } from '../domain/outcome.ts';
import type { Subscription } from '../domain/subscription.ts';
import type {
  AccountNoticeStore,
  AuditStore,
  BinStore,
  ChartStore,
  FeedStore,
  OperatorKeyStore,
  OrderingKeyStore,
  ReplayStore,
  ScheduledEventStore,
  SessionStore,
  SourceStore,
} from './page-store.ts';

/** An account with its endpoints as they stood at `version`: what a node keeps in memory. */
export interface AccountSnapshot {
  account: Pick<Account, 'id' | 'name' | 'contract' | 'metadata'>;
  version: string;
  /** Whether its events are numbered. */
  hasFeed: boolean;
  endpoints: EndpointSnapshot[];
}

export interface EndpointSnapshot {
  id: string;
  url: string;
  status: EndpointStatus;
  subscriptions: Subscription[];
  headers: Record<string, string>;
  /** Under which the headers are stored, sealed; `null` when there are none. */
  headersId: string | null;
  version: string | null;
  rateLimit: number | null;
  concurrency: number | null;
  thin: boolean;
  provenUrl: string | null;
  testingUntil: Date | null;
  /** When it was switched on again that had been switched off for its failures. */
  recoveringAt: Date | null;
  /** Newest first. */
  secrets: EndpointSecret[];
  auth: EndpointAuth | null;
  tls: EndpointTls | null;
  transformation: string | null;
}

/** A repeat of this key answers this event, for at least 24 hours. */
export interface IdempotencyEntry {
  accountId: string;
  key: string;
  eventId: string;
  /** SHA-256 over what the request meant; another one under the same key is a conflict. */
  digest: Buffer;
  deliveries: number;
}

/** An entry with the publisher's own id of its event. */
export interface FoundKey extends IdempotencyEntry {
  externalId: string | null;
}

/** A part of the publication that stands at this place of the batch. */
interface OfPublication {
  publication: number;
}

/** A delivery of a batch that gets a row in the queue, unless it is handed over and its lane turns out to be this node's. */
export interface PlannedDelivery extends OfPublication {
  delivery: ActiveDelivery;
  dueAtMs: number;
  isHandedOver: boolean;
}

export interface SkippedDelivery extends OfPublication {
  delivery: ActiveDelivery;
  reason: SkipReason;
}

/** An event of a batch, and those of its deliveries that this node sends from memory. */
export interface PlannedEvent extends OfPublication {
  event: StoredEvent;
  handedOver: readonly ActiveDelivery[];
}

/** A lane that a batch is about: the epoch in which the node believes to own it, or null. */
export interface BatchLane {
  endpointUuid: Uint8Array;
  accountId: string;
  epoch: number | null;
}

export interface AcceptBatch {
  /** Account id -> the version that was fanned out by; null where any will do, as long as the account is open. */
  versions: ReadonlyMap<string, string | null>;
  /** Whether one of the accounts has a feed. */
  hasFeed: boolean;
  /** The account of each publication. */
  accountIds: readonly string[];
  events: PlannedEvent[];
  keys: (OfPublication & IdempotencyEntry)[];
  /** Without those that are handed over in a lane that the node believes to own. */
  planned: PlannedDelivery[];
  skipped: SkippedDelivery[];
  /** By endpoint: of every delivery of the batch that is not skipped. */
  lanes: Map<string, BatchLane>;
  nowMs: number;
}

export interface AcceptResult {
  /** Publications that were not stored: their account is stale, one of their keys is taken, or a lane is lost. */
  refused: ReadonlySet<number>;
  /** Accounts that have changed since they were read, or are gone. */
  stale: readonly string[];
  /** Of each lane that the node did not own before: who does now. */
  lanes: readonly LaneOwner[];
  /** Endpoints whose lane the node owns no more. */
  lost: readonly string[];
}

/** Who owns a lane; `node` is null when nobody does. */
export interface LaneOwner {
  endpointId: string;
  node: number | null;
  epoch: number;
  /** There was no row of it before: nothing of it waits in the queue. */
  isNew: boolean;
}

/** A lane that this node owns. */
export interface OwnedLane {
  endpointId: string;
  accountId: string;
  epoch: number;
}

/** What a claim found out about a lane. */
export interface ClaimedLane {
  endpointId: string;
  /** The endpoint has been deleted. */
  isGone: boolean;
  /** When the next delivery is due that is not due yet. */
  nextDueAtMs: number | undefined;
}

export interface Claimed {
  deliveries: ActiveDelivery[];
  /** Of those lanes that were asked for and are owned. */
  lanes: ClaimedLane[];
  /** More of these endpoints is due, and did not fit into the bytes. */
  isCut: boolean;
}

/** What is to be noted in the queue of a delivery that is still in memory. */
export interface KeptDelivery {
  delivery: ActiveDelivery;
  /** Whether it is being sent right now. */
  isSending: boolean;
}

/** A node that is to be taken over. */
export interface DeadNode {
  id: number;
  /** What its database connections begin with; null: a node of the version before. */
  name: string | null;
  watermark: string | null;
}

/** A position in a list that is sorted newest first. */
export interface Page {
  limit: number;
  before?: string;
}

/** What is looked for in what was sent and answered. */
export interface Search {
  /** In the event's payload, however its characters are escaped there, or in the body of an answer. */
  text: string;
  /** In the headers of requests and answers, too: they may hold credentials. */
  inHeaders: boolean;
  /** Or a value at a place in the payload; a name in an array means that of each of its members. */
  at?: { path: readonly (string | number)[]; value: string };
}

export interface DeliveryFilter {
  ids?: readonly string[];
  topic?: string;
  search?: Search;
  endpointId?: string;
  eventId?: string;
  status?: DeliveryStatus;
  lastStatus?: number;
  lastError?: AttemptError;
  test?: boolean;
  trigger?: string;
  fromMs?: number;
  toMs?: number;
}

export interface DeliveryRow extends Delivery {
  /** Attempts of this round, while it is not finished: a resend begins a new one. */
  tries: number | null;
  lastStatus: number | null;
  lastError: AttemptError | null;
}

export interface EndpointStats {
  succeeded: number;
  discarded: number;
  skipped: number;
  waiting: number;
  oldestDueAt: Date | null;
  lastSuccessAt: Date | null;
}

export interface NewEndpoint extends Omit<Endpoint, 'number'> {
  secret: string;
}

export interface EndpointChange {
  url?: string;
  description?: string;
  subscriptions?: Subscription[];
  headers?: Record<string, string>;
  version?: string;
  /** `null` takes the limit away. */
  rateLimit?: number | null;
  /** `null` takes it away. */
  concurrency?: number | null;
  thin?: boolean;
  provenUrl?: string;
  /** Only if it is still inactive: what is active moves to a proven URL alone. */
  whileInactive?: boolean;
  /** `null` takes it away. */
  auth?: EndpointAuth | null;
  tls?: EndpointTls | null;
  transformation?: string | null;
}

/** What one batch of outcomes saw of an endpoint, in order. */
export interface HealthSeen {
  endpointId: string;
  /** Failures before the first success. */
  leading: number;
  hadSuccess: boolean;
  /** Failures after the last success. */
  trailing: number;
  longest: number;
  /** So many in a row switch it off; at half of them the operator is told. */
  limit: number;
  /** What a notice of it begins with, as JSON text; null where the operator is not told. */
  about: string | null;
}

export interface HealthCounted {
  endpointId: string;
  /** Failures in a row before the batch, after it, and at most in between. */
  before: number;
  after: number;
  peak: number;
  /** Since when the endpoint has its status, in seconds as text; null: it has never changed. */
  statusAt: string | null;
}

export interface SwitchOff {
  accountId: string;
  endpointId: string;
  reason: 'consecutive_failures' | 'gone';
  nowMs: number;
  notice: NoticeText | undefined;
  /** Only if it still has its status since then: whoever switched it on in between has the last word. */
  statusAt?: string | null;
}

/** What the operator is told, as it is stored until it is published. `payload` is JSON text. */
export interface NoticeText {
  trigger: string;
  payload: string;
}

export interface HealthStore {
  /**
   * Counts failures in a row over all nodes, and tells the operator of endpoints that begin to fail or recover. Answers
   * endpoints whose count is, or was, above zero.
   */
  count(seen: readonly HealthSeen[]): Promise<HealthCounted[]>;
  /** Switches an endpoint off if it is active and not in testing mode, and tells so. False when it was not. */
  switchOff(change: SwitchOff): Promise<boolean>;
}

/** What the operator is to be told: written with the change that it tells of, and kept until it is published. */
export interface NoticeStore {
  list(limit: number): Promise<(NoticeText & { id: string })[]>;
  remove(ids: readonly string[]): Promise<void>;
  dropBefore(ms: number): Promise<void>;
}

export interface ApiKey {
  id: string;
  accountId: string;
  label: string;
  scopes: string[];
  /** The first characters of the key, to recognise it by. */
  prefix: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  /** Until when a text from before the last rotation is valid, too. */
  previousUntil: Date | null;
  enabled: boolean;
  /** Networks whose calls are taken, as `10.0.0.0/8`; none: all. */
  networks: string[];
  lastRefusedAt: Date | null;
  lastRefusal: string | null;
  /** The last days on which it was used, newest first. */
  days: KeyDay[];
}

/** What a key was used for on a day of UTC (`2026-11-27`). */
export interface KeyDay {
  day: string;
  calls: number;
  /** The key was known, and not let through. */
  refusals: number;
}

/** What one node has seen of a key since it was noted last. */
export interface KeyUse {
  usedAtMs?: number;
  refused?: { atMs: number; reason: string };
  days: Map<string, { calls: number; refusals: number }>;
}

/** What verifying a key needs to know. */
export interface KnownKey {
  id: string;
  accountId: string;
  contract: string;
  scopes: string[];
  /** When this digest stops being valid. */
  expiresAtMs: number;
  enabled: boolean;
  networks: string[];
}

export interface KeyStore {
  create(key: ApiKey, digest: Buffer, max: number): Promise<boolean>;
  find(accountId: string, id: string): Promise<ApiKey | undefined>;
  list(accountId: string, page: Page): Promise<ApiKey[]>;
  change(
    accountId: string,
    id: string,
    change: { label?: string; scopes?: string[]; expiresAt?: Date | null; enabled?: boolean; networks?: string[] },
  ): Promise<ApiKey | undefined>;
  remove(accountId: string, id: string): Promise<boolean>;
  /** Gives the key a new text; the one before is valid until `overlapUntil`. */
  rotate(
    accountId: string,
    id: string,
    digest: Buffer,
    prefix: string,
    overlapUntil: Date,
  ): Promise<ApiKey | undefined>;
  verify(digests: readonly Buffer[]): Promise<(KnownKey | undefined)[]>;
  /** Notes what keys were used for, by their ids. */
  used(uses: ReadonlyMap<string, KeyUse>): Promise<void>;
  /** Counts a call in this minute; answers how many there have been. */
  countCall(id: string, minuteMs: number): Promise<number>;
  dropCallsBefore(ms: number): Promise<void>;
  dropDaysBefore(ms: number): Promise<void>;
}

export interface AccountStore {
  /** False when the id is taken. */
  create(account: Omit<Account, 'number'>): Promise<'created' | 'exists' | 'being_deleted'>;
  find(id: string): Promise<Account | undefined>;
  /** @param search text in the id or the name */
  list(page: Page, search?: string): Promise<Account[]>;
  change(id: string, change: Partial<Pick<Account, 'name' | 'metadata'>>): Promise<Account | undefined>;
  /** Closes the account for good, and deletes its endpoints, keys and sessions; what it has stored is removed soon after. */
  close(id: string): Promise<boolean>;
  /** Removes a piece of what closed accounts have stored, the account itself last; false when nothing can be removed now. */
  removeClosed(): Promise<boolean>;
  snapshot(id: string): Promise<AccountSnapshot | undefined>;
}

export interface StoredToken {
  token: string;
  renewAtMs: number;
  expiresAtMs: number;
}

/** Tokens of OAuth 2 that nodes share. `config`: a digest of what one was asked for with. */
export interface TokenStore {
  find(endpointId: string, config: Buffer): Promise<StoredToken | undefined>;
  /** @returns false while another node asks for one */
  claim(endpointId: string, config: Buffer, nowMs: number, untilMs: number): Promise<boolean>;
  keep(endpointId: string, config: Buffer, token: StoredToken, digest: Buffer): Promise<void>;
  /** Another node may ask. */
  release(endpointId: string, config: Buffer): Promise<void>;
  /** Only if it is this one that is stored. */
  forget(endpointId: string, digest: Buffer): Promise<void>;
}

export interface EndpointStore {
  /** Whether nodes of the version before run. */
  isBesideOlderNodes(): Promise<boolean>;
  /** Undefined when the account has `max` endpoints already. */
  create(endpoint: NewEndpoint, max: number): Promise<Endpoint | undefined>;
  find(accountId: string, id: string): Promise<Endpoint | undefined>;
  list(accountId: string, page: Page): Promise<Endpoint[]>;
  change(accountId: string, id: string, change: EndpointChange): Promise<Endpoint | undefined>;
  /**
   * What waits for an endpoint that becomes active is due at `nowMs`, whatever it waited for.
   * @param provenUrl with it, only if this is still its URL
   */
  setStatus(
    accountId: string,
    id: string,
    status: EndpointStatus,
    reason: InactiveReason | null,
    nowMs: number,
    provenUrl?: string,
  ): Promise<Endpoint | undefined>;
  remove(accountId: string, id: string, notice?: NoticeText): Promise<boolean>;
  /** By the number that vendors' APIs show. */
  findByNumber(accountId: string, number: number): Promise<Endpoint | undefined>;
  /** The current secret, for the page of the account. */
  secretOf(accountId: string, id: string): Promise<string | undefined>;
  /** Begins (a time) or ends (`null`) testing mode. */
  setTesting(
    accountId: string,
    id: string,
    until: Date | null,
    firstAt: Date,
    intervalMs: number,
  ): Promise<Endpoint | undefined>;
  /** Endpoints in testing mode whose sample is due now; the next is due an interval later. */
  testingDue(nowMs: number, limit: number): Promise<{ endpointId: string; accountId: string }[]>;
  /** Adds a current secret; those before it sign until `overlapUntil`, at most `keep` of them. */
  rotateSecret(
    accountId: string,
    id: string,
    secret: string,
    publicKey: string | null,
    overlapUntil: Date,
    keep: number,
    nowMs: number,
  ): Promise<Endpoint | undefined>;
  /** Seals the headers of so many endpoints that were stored before sealing existed; false when none is left. */
  sealPlainHeaders(limit: number): Promise<boolean>;
  /** Removes replaced headers that no attempt of the days that are kept was made with. */
  dropOldHeaders(): Promise<void>;
  stats(accountId: string, id: string, sinceMs: number): Promise<EndpointStats>;
}

export type PayloadMode = 'off' | 'warn' | 'reject';

/** What a change of event types comes to. */
export interface EventTypeChange<T> {
  answer: T;
  put: readonly EventType[];
  /** How strictly publishing is checked from now on; undefined: as before. */
  mode?: PayloadMode;
}

/** Event types that were declared by the API. */
export interface EventTypeStore {
  /** By contract. */
  all(): Promise<Map<string, { mode?: PayloadMode; types: EventType[] }>>;
  /** Decides by what is there, which nobody else changes meanwhile. What `decide` throws changes nothing. */
  change<T>(contract: string, decide: (before: EventType[]) => EventTypeChange<T>): Promise<T>;
  /** Newest first. */
  versions(contract: string, name: string, limit: number): Promise<EventTypeVersion[]>;
  remove(contract: string, name: string): Promise<boolean>;
}

export interface EventStore {
  /** By Posthorn's id or the publisher's own. */
  find(accountId: string, id: string): Promise<StoredEvent | undefined>;
  /** How large an event's payload is, by Posthorn's id; undefined when it is not kept. */
  payloadBytes(accountId: string, id: string): Promise<number | undefined>;
  /** A page also ends after 8 MiB of payloads; `more` tells whether something follows. */
  list(
    accountId: string,
    page: Page,
    filter: { trigger?: string; fromMs?: number; toMs?: number },
  ): Promise<{ events: StoredEvent[]; more: boolean }>;
}

export interface DeliveryStore {
  find(accountId: string, id: string): Promise<DeliveryRow | undefined>;
  list(accountId: string, page: Page, filter: DeliveryFilter): Promise<DeliveryRow[]>;
  /** How many a list would show, counted up to `max`. */
  count(accountId: string, filter: DeliveryFilter, max: number): Promise<number>;
  /** The newest attempts in order, or the one of that number; the newest of them with what was answered. */
  attempts(deliveryId: string, most: { limit: number; withBodies: number }, number?: number): Promise<Attempt[]>;
}

/** The way of an event, in batches. `node` owns the lanes that a statement is about. */
export interface QueueStore {
  /** @param ownsLanes whether lanes that nobody owns become this node's */
  accept(batch: AcceptBatch, node: number, ownsLanes: boolean): Promise<AcceptResult>;
  findKeys(keys: readonly { accountId: string; key: string }[]): Promise<FoundKey[]>;
  /**
   * Reads due deliveries of lanes that this node owns.
   * @param lanes how many of each, and in which epoch
   * @param inMemory what is not read again
   * @param bytesMax of payloads
   */
  claim(
    lanes: ReadonlyMap<string, { epoch: number; room: number }>,
    inMemory: readonly Uint8Array[],
    bytesMax: number,
    node: number,
    nowMs: number,
  ): Promise<Claimed>;
  /**
   * Makes deliveries due at `nowMs` that were planned by a clock that was ahead: those after `latestMs`, and of those after
   * `soonMs` what was planned in the future. Answers how many.
   */
  bringForward(times: { nowMs: number; soonMs: number; latestMs: number }): Promise<number>;
  /**
   * Answers the ids (`dlv_…`) whose outcome did not count: their lane is lost, or what was sent is not what waits there.
   * @param isRepeated some of it may have been stored before: that counts, and is not stored again
   */
  settle(
    attempts: readonly SettledAttempt[],
    node: number,
    nowMs: number,
    notices: readonly (NoticeText & { deliveryUuid: Uint8Array })[],
    isRepeated: boolean,
  ): Promise<ReadonlyMap<string, 'lane_lost' | 'not_counted'>>;
  /** Notes deliveries in the queue that stay in memory, or are handed back. Answers those whose lane is lost. */
  keep(deliveries: readonly KeptDelivery[], node: number): Promise<ReadonlySet<ActiveDelivery>>;
  /** A retry by hand is due before all others. Answers who owns its lane; undefined: it cannot be sent again. */
  retry(
    accountId: string,
    id: string,
    node: number,
    ownsLanes: boolean,
  ): Promise<(LaneOwner & { accountId: string }) | undefined>;
  /** Puts deliveries into the queue that were handed over and that nobody sends any more. Answers how many. */
  requeue(deliveries: readonly ActiveDelivery[], nowMs: number): Promise<number>;
}

export interface LaneStore {
  /** Takes lanes that nobody owns and whose next delivery is due. */
  take(node: number, nowMs: number, limit: number): Promise<OwnedLane[]>;
  /** Lets go of lanes with nothing in memory; each says when its next delivery is due. */
  letGo(lanes: readonly { endpointId: string; epoch: number }[], node: number): Promise<void>;
  /** Of these lanes, those with due deliveries that are not in memory: a notification can be missed. */
  behind(endpointIds: readonly string[], inMemory: readonly Uint8Array[], nowMs: number): Promise<string[]>;
  /** All lanes that the node owns. */
  owned(node: number): Promise<OwnedLane[]>;
  /** Ends a piece of what waits for an endpoint that was deleted; false when nothing is left. */
  endDeleted(lane: OwnedLane, inMemory: readonly Uint8Array[], node: number): Promise<boolean>;
}

/** What a node does, as of a heartbeat. */
export interface NodeLoad {
  /** Deliveries that it finished a second since the heartbeat before. */
  finishedPerS: number;
  inFlight: number;
  inMemory: number;
  /** Lanes whose deliveries wait in the database. */
  backlogged: number;
}

export interface NodeFacts {
  id: number;
  /** The name of its machine, and the number of its process there. */
  host: string;
  pid: number;
  startedAt: Date;
  heartbeatAt: Date;
  /** Another text with every heartbeat. */
  heartbeat: string;
}

/**
 * An account on its way: `copying` events while it goes on where it is; `held` while it is nowhere; `switched`: it is to be opened
 * where it comes to; `following`: it lives there, and its history comes after it.
 */
export interface AccountMove {
  accountId: string;
  /** The account's: another one may be made under its id. */
  number: string;
  from: string;
  to: string;
  state: 'copying' | 'held' | 'switched' | 'following' | 'finished';
  /** The last row that has been copied. */
  after: string | undefined;
  copied: number;
  error: string | null;
  startedAt: Date;
  finishedAt: Date | null;
}

/** Of several databases: the first knows where accounts live that are in others. */
export interface AccountCellStore {
  /** Of the first: which number a cell has, from 1. */
  numberOf(cell: string): Promise<number>;
  /** Of the first: whether there are further ones, whatever this node is configured for. */
  areSeveral(): Promise<boolean>;
  /** Of the first: whether an account without an entry lives here. */
  isHere(accountId: string): Promise<boolean>;
  /** Of a further one: accounts, endpoints and sets of headers that are new in it have numbers above this. */
  countFrom(number: number): Promise<void>;
  /** `isMoving`: right now it is nowhere. */
  find(accountId: string): Promise<{ cell: string; isMoving: boolean } | undefined>;
  setMoving(accountId: string, cell: string, isMoving: boolean): Promise<void>;
  /** False while another move of it is under way. */
  beginMove(accountId: string, number: string, from: string, to: string): Promise<boolean>;
  findMove(accountId: string): Promise<AccountMove | undefined>;
  /** Takes on one that nobody carries on. */
  claimMove(by: string, forS: number): Promise<AccountMove | undefined>;
  /** False when somebody else has taken it on: then nothing may be done any more. */
  saveMove(
    accountId: string,
    by: string,
    forS: number,
    progress: Pick<AccountMove, 'state' | 'after' | 'copied' | 'error'>,
  ): Promise<boolean>;
  /** Gives up a claim: after so long anybody may take the move on. */
  releaseMove(by: string, afterS: number, error: string | null): Promise<void>;
  /** From here on it lives in the other cell. False as with `saveMove`. */
  switchCell(accountId: string, by: string, forS: number, to: string): Promise<boolean>;
  /** Stores the cell of an account unless it has one; answers the one that counts. */
  putFirst(accountId: string, cell: string): Promise<string>;
}

export interface NodeStore {
  /** @param watermark an id below that of every event that this node will accept */
  register(host: string, pid: number, watermark: Uint8Array): Promise<number>;
  /** False when others have declared this node dead. */
  beat(node: number, load: NodeLoad, watermark: Uint8Array): Promise<boolean>;
  /**
   * Declares nodes dead; from then on nothing that they store counts. One that has given another heartbeat meanwhile is left
   * alone. Answers all that are to be taken over.
   */
  declareDead(
    node: number,
    silent: readonly { id: number; heartbeat: string }[] | 'everybody else',
  ): Promise<DeadNode[]>;
  /**
   * Takes over a node that was declared dead: ends its statements, puts what it had in memory only back into the queue, and
   * frees its lanes. Can be repeated, also by several nodes at a time. Answers how many deliveries and lanes.
   * @throws DatabaseUnavailable when its statements do not end
   */
  takeOver(dead: DeadNode, nowMs: number): Promise<{ deliveries: number; lanes: number }>;
  /** Those that are not declared dead. */
  list(): Promise<(NodeFacts & NodeLoad)[]>;
  /** Forgets a node that has let go of all that it owned. */
  leave(node: number): Promise<void>;
}

export interface SettingStore {
  get(name: string): Promise<string | undefined>;
  /** Stores the value unless there is one; answers the one that counts. */
  putFirst(name: string, value: string): Promise<string>;
  put(name: string, value: string): Promise<void>;
}

/** Rows that hold what a master key has encrypted. */
export interface SealedStore {
  /** The ids of all master keys that are needed to open everything. */
  keyIds(): Promise<string[]>;
  /** How many rows each master key has sealed. */
  countByKey(): Promise<ReadonlyMap<string, number>>;
  /**
   * Seals up to `limit` rows of one key anew with the current one, and says where; undefined when none is left.
   * @throws when the vault does not hold the key
   */
  reseal(keyId: string, limit: number): Promise<{ table: string; count: number } | undefined>;
}

export interface RetentionStore {
  /** Makes sure that the partitions exist of the days (of UTC) that hold these moments, in milliseconds. */
  ensureDays(moments: readonly number[]): Promise<void>;
  /** What the database's clock says. */
  databaseMs(): Promise<number>;
  /**
   * Drops the days that ended before this moment, but for those of which a delivery is not finished. Answers the first
   * milliseconds of the days that were dropped, and of those that were kept.
   */
  dropBefore(ms: number): Promise<{ droppedMs: number[]; keptMs: number[] }>;
  /** The end of the last day that has an event; undefined: there is none. */
  newestDayMs(): Promise<number | undefined>;
  /** The first day that is still kept, as `2026-11-22`. */
  oldestDay(): Promise<string | null>;
  /** Has what the accounts of a contract have that is older than this removed, piece by piece. */
  purgeContractBefore(contract: string, ms: number): Promise<void>;
  /** Removes a piece of what is to be purged; false when nothing is left to remove. */
  purge(): Promise<boolean>;
  /** Adds up a piece of what was counted lately; false when nothing is left. */
  addUpCounts(): Promise<boolean>;
  /** Deletes a piece of the idempotency keys of events made before this moment; false when none is left. */
  dropKeysBefore(ms: number): Promise<boolean>;
}

export interface DatabaseFacts {
  version: string;
  fsync: string;
  synchronousCommit: string;
  sizeBytes: number;
}

export interface OverviewStore {
  /** `waiting` is an estimate above 100,000. */
  read(): Promise<{ accounts: number; waiting: number; nodes: number }>;
  database(): Promise<DatabaseFacts>;
  /**
   * What waits, of the first 100,000: due, for its next try, or until its endpoint is activated; and since when the oldest does.
   * `inLine`: behind the first of their ordering keys.
   */
  queue(nowMs: number): Promise<{
    due: number;
    retry: number;
    held: number;
    inLine: number;
    oldestMs: number | undefined;
  }>;
}

export interface Store {
  readonly overview: OverviewStore;
  readonly accounts: AccountStore;
  readonly endpoints: EndpointStore;
  readonly eventTypes: EventTypeStore;
  readonly events: EventStore;
  readonly deliveries: DeliveryStore;
  readonly queue: QueueStore;
  readonly lanes: LaneStore;
  readonly health: HealthStore;
  readonly notices: NoticeStore;
  readonly keys: KeyStore;
  readonly sessions: SessionStore;
  readonly audit: AuditStore;
  readonly bins: BinStore;
  readonly replays: ReplayStore;
  readonly scheduledEvents: ScheduledEventStore;
  readonly feeds: FeedStore;
  readonly tokens: TokenStore;
  readonly orderingKeys: OrderingKeyStore;
  readonly accountCells: AccountCellStore;
  readonly sources: SourceStore;
  readonly operatorKeys: OperatorKeyStore;
  readonly accountNotices: AccountNoticeStore;
  readonly charts: ChartStore;
  readonly nodes: NodeStore;
  readonly settings: SettingStore;
  readonly sealed: SealedStore;
  readonly retention: RetentionStore;
}
