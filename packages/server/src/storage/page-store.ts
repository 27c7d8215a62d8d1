import type { EndpointStatus, InactiveReason, StoredEvent } from '../domain/model.ts';
import type { AttemptError } from '../domain/outcome.ts';
import type { QuietHours } from '../domain/quiet-hours.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { DeliveryFilter, Page } from './store.ts';

/** What a session of the account's page may do. `read` is always among them. */
export const PERMISSIONS = ['read', 'webhooks', 'keys'] as const;
export type Permission = (typeof PERMISSIONS)[number];

export interface PageTheme {
  /** `#rrggbb` */
  accent?: string;
  mode?: 'light' | 'dark' | 'auto';
  /** `#rrggbb`, of the page around it. */
  background?: string;
  /** CSS font families. */
  font?: string;
  /** Of corners, in pixels. */
  radius?: number;
  logo?: string;
  /** A BCP 47 tag, as `de` or `pt-BR`. */
  language?: string;
}

/** What a key of the operator's people and programs may do: look; help customers; what a product's server does; everything. */
export const OPERATOR_ROLES = ['viewer', 'support', 'product', 'admin'] as const;
export type OperatorRole = (typeof OPERATOR_ROLES)[number];

export interface OperatorKey {
  id: string;
  name: string;
  role: OperatorRole;
  /** The first characters, to recognise it by. */
  prefix: string;
  /** Until when the text from before the last rotation is valid, too. */
  previousUntil: Date | null;
  createdAt: Date;
  expiresAt: Date | null;
  /** Exact to a minute. */
  lastUsedAt: Date | null;
}

/** Who operates, and what they may. With the key of the settings it is nobody in particular. */
export interface Operator {
  name: string;
  role: OperatorRole;
  /** Of their key; null: somebody else has said who they are (OpenID Connect). */
  keyId: string | null;
}

export interface OperatorKeyStore {
  /** @returns false when there are `max` already */
  create(key: OperatorKey, digest: Buffer, max: number): Promise<boolean>;
  /** The newest first. */
  list(page: Page): Promise<OperatorKey[]>;
  find(id: string): Promise<OperatorKey | undefined>;
  /** One that is valid then. */
  findByDigest(digest: Buffer, now: Date): Promise<OperatorKey | undefined>;
  rotate(id: string, digest: Buffer, prefix: string, previousUntil: Date): Promise<OperatorKey | undefined>;
  remove(id: string): Promise<boolean>;
  noteUse(id: string, at: Date): Promise<void>;
}

export interface PageSession {
  /** `null`: the operator's. */
  accountId: string | null;
  /** Whose key it was opened with; null: the key of the settings, or the link of the start. */
  operator: Operator | null;
  permissions: Permission[];
  theme: PageTheme;
  /** Who sits in front of it, as the product named them. */
  userName: string | null;
  expiresAtMs: number;
  /** It shows this bin and nothing else; null: it shows the page. */
  binId: string | null;
}

export interface SessionStore {
  /** Ends the console's sessions. */
  removeOperators(): Promise<void>;
  /** Ends the sessions of an account's page, of everybody or of one. */
  removeOf(accountId: string, userName: string | null): Promise<void>;
  create(digest: Buffer, session: PageSession): Promise<void>;
  find(digest: Buffer): Promise<PageSession | undefined>;
  remove(digest: Buffer): Promise<void>;
  dropBefore(ms: number): Promise<void>;
}

export interface AuditEntry {
  id: string;
  accountId: string | null;
  /** `operator`, `page` (a session of the account's page) or `key <id>` (a vendor's client). */
  actor: string;
  /** Of a page session, where the product named who opens it. */
  userName: string | null;
  /** The operation's name in the API, as `createEndpoint`. */
  action: string;
  target: string | null;
  detail: Record<string, unknown>;
}

export interface AuditStore {
  add(entry: AuditEntry): Promise<void>;
  /** Of one account, or of all. */
  list(accountId: string | null, page: Page, sinceMs?: number): Promise<(AuditEntry & { atMs: number })[]>;
  dropBefore(ms: number): Promise<void>;
}

/** A request bin: takes any request, shows it, and answers as it is told. */
export interface Bin {
  id: string;
  accountId: string;
  token: string;
  status: number;
  delayMs: number;
  body: string;
  headers: Record<string, string>;
  expiresAt: Date;
}

export interface BinRequest {
  id: string;
  /** The endpoint whose secret signed it. */
  verifiedBy: string | null;
  method: string;
  path: string;
  headers: [string, string][];
  /** Those that may be credentials: sealed, and for those who may change webhooks. */
  secretHeaders: [string, string][];
  body: Buffer;
  truncated: boolean;
}

export interface BinStore {
  create(bin: Bin, max: number): Promise<boolean>;
  list(accountId: string): Promise<Bin[]>;
  find(accountId: string, id: string): Promise<Bin | undefined>;
  findByToken(token: string): Promise<Bin | undefined>;
  change(
    accountId: string,
    id: string,
    answer: Pick<Bin, 'status' | 'delayMs' | 'body' | 'headers'>,
  ): Promise<Bin | undefined>;
  remove(accountId: string, id: string): Promise<boolean>;
  /** Keeps the newest requests of the bin: so many, and so many bytes of bodies. */
  addRequest(binId: string, request: BinRequest, keep: { requests: number; bytes: number }): Promise<void>;
  /** The newest requests, newest first; none that came before `fromMs`. */
  requests(binId: string, limit: number, fromMs: number): Promise<BinRequest[]>;
  dropExpired(ms: number): Promise<void>;
}

export type ReplayStatus = 'running' | 'finished' | 'cancelled';

export interface Replay {
  id: string;
  accountId: string;
  filter: ReplayFilter;
  total: number;
  done: number;
  perS: number;
  status: ReplayStatus;
}

/** What the list shows with the same filter, between two moments. */
export interface ReplayFilter extends DeliveryFilter {
  fromMs: number;
  toMs: number;
}

export interface ReplayCount {
  /** Deliveries that the filter finds. */
  matched: number;
  /** Those of them that can be sent again. */
  count: number;
  /** Those of `count` whose endpoint is inactive: they are sent when it is activated. */
  held: number;
}

export interface ReplayStore {
  count(accountId: string, filter: ReplayFilter): Promise<ReplayCount>;
  /** False when `max` of the account are running already. */
  create(replay: Replay, firstAtMs: number, max: number): Promise<boolean>;
  find(accountId: string, id: string): Promise<Replay | undefined>;
  list(accountId: string, limit: number): Promise<Replay[]>;
  cancel(accountId: string, id: string): Promise<Replay | undefined>;
  /** Ids of running replays whose next piece is due, without some. */
  due(nowMs: number, limit: number, except: readonly string[]): Promise<string[]>;
  /** Its next piece comes later: this one failed. */
  postpone(id: string, untilMs: number): Promise<void>;
  /** Puts the next piece of a replay back into the queue; answers whose. */
  advance(id: string, nowMs: number): Promise<void>;
  /** Forgets replays that began before this moment. */
  dropBefore(ms: number): Promise<void>;
}

/**
 * How an endpoint stands, as its people are told: it answers badly, it will soon be switched off, it was. `paused`: they
 * switched it off themselves, which is never news.
 */
/** `certificate_ends`: requests arrive, and soon will not: a certificate of its own has to be replaced. */
export type Standing = 'ok' | 'certificate_ends' | 'failing' | 'half_way' | 'switched_off' | 'paused';

export const NOTICE_FORMATS = ['standard', 'slack'] as const;
/** What goes to an account's URL: a signed event of the `standard` contract, or a message as Slack's incoming webhooks take it. */
export type NoticeFormat = (typeof NOTICE_FORMATS)[number];

export interface NoticeSettings {
  email: string | null;
  /** Waits for the code that was sent there. */
  pendingEmail: string | null;
  url: string | null;
  /** What signs requests to `url`. */
  secret: string | null;
  format: NoticeFormat;
  /** What happens in these hours is told at their end. */
  quiet: QuietHours | null;
  /** When the last message went out. */
  sentAt: Date | null;
  /** Why the last one did not. */
  lastError: string | null;
}

export interface EndpointStanding {
  endpointId: string;
  url: string;
  subscriptions: Subscription[];
  status: 'active' | 'inactive';
  reason: InactiveReason | null;
  failures: number;
  /** At the last look, since when, and what was told last; null: it has not been looked at. */
  standing: Standing | null;
  sinceMs: number | null;
  told: Standing | null;
}

/** What a message says: one line an endpoint that stands differently from what was told before. */
export interface NoticeContent {
  account_id: string;
  account_name: string;
  at: string;
  /** How many more there are than are named. */
  more?: number;
  webhooks: {
    endpoint_id: string;
    /** To the operator: whose it is. */
    of_account?: string;
    url: string;
    events: string[];
    standing: Standing;
    since: string;
    /** Failures in a row, and how many switch it off, where the contract counts them. */
    failures?: number;
    limit?: number;
    /** The last answer, when it was no success. */
    last_status?: number | null;
    last_error?: string | null;
    /** Messages that are sent when it is activated. */
    held?: number;
    /** When a certificate of its own ends, or has ended. */
    certificate_ends_at?: string;
  }[];
}

export interface NoticeMessage {
  id: string;
  accountId: string;
  channel: 'email' | 'webhook';
  message: NoticeContent;
  tries: number;
}

export interface DueAccount {
  accountId: string;
  toldAtMs: number | null;
  quiet: QuietHours | null;
  /** When this look began, and when the one before did; null: there was none. */
  lookedAtMs: number;
  lookedBeforeMs: number | null;
}

export interface AccountNoticeStore {
  find(accountId: string): Promise<NoticeSettings | undefined>;
  setUrl(accountId: string, url: string | null, secret: string | null, format: NoticeFormat): Promise<void>;
  setQuiet(accountId: string, quiet: QuietHours | null): Promise<void>;
  /**
   * Addresses that the configuration names, or does not: nobody has to confirm them. What happened before there were any is not
   * told.
   */
  configure(
    accountId: string,
    to: { email: string | null; url: string | null; quiet: QuietHours | null },
    now: Date,
  ): Promise<void>;
  forgetEmail(accountId: string): Promise<void>;
  /** The address that waits for its code is given up; a confirmed one stays. */
  forgetPending(accountId: string): Promise<void>;
  /** Counts a code that is about to be sent; false when there were `max` that day (`YYYY-MM-DD`). */
  countCode(accountId: string, day: string, max: number): Promise<boolean>;
  askForCode(accountId: string, email: string, digest: Buffer, until: Date): Promise<void>;
  /** True: the address is confirmed. Undefined: no code is waited for, it is too old, or was tried too often. */
  tryCode(accountId: string, digest: Buffer, now: Date, triesMax: number): Promise<boolean | undefined>;
  /** Accounts that want to be told and were not looked at for so long; they count as looked at now, on one node. */
  due(nowMs: number, everyMs: number, limit: number): Promise<DueAccount[]>;
  standings(accountId: string): Promise<EndpointStanding[]>;
  /**
   * Notes how endpoints stand and what is told of it, with the messages that tell it. False, and nothing: another node has
   * begun to look since this look began (`lookedAtMs`).
   */
  tell(
    account: { accountId: string; lookedAtMs: number },
    standings: readonly { endpointId: string; standing: Standing; sinceMs: number; told: Standing }[],
    messages: readonly Pick<NoticeMessage, 'id' | 'channel' | 'message'>[],
  ): Promise<boolean>;
  /** Messages that are due, each for one node until `againAtMs`. */
  /** It is not tried before then, and that was no try. */
  postpone(id: string, untilMs: number): Promise<void>;
  take(nowMs: number, againAtMs: number, limit: number): Promise<NoticeMessage[]>;
  sent(id: string, accountId: string, nowMs: number): Promise<void>;
  /** It is tried again at `nextAtMs`, or given up without it. */
  failed(id: string, accountId: string, error: string, nextAtMs: number | undefined): Promise<void>;
}

export interface VolumeBucket {
  atMs: number;
  succeeded: number;
  discarded: number;
  skipped: number;
  /** Failed, and tried again until it ends as one of the others. */
  retrying: number;
  /** Waits until its endpoint is activated. */
  held: number;
}

/** What became of an endpoint's deliveries, and how it is doing now. */
export interface EndpointDay {
  endpointId: string;
  hours: VolumeBucket[];
  lastAtMs: number | null;
  /** In a row. */
  failures: number;
  /** At most 1,000 are counted. */
  retrying: number;
  /** Waiting until it is activated; at most 10,000 are counted. */
  held: number;
  /** What it answered last, when that was no success: nothing that happened later has arrived. */
  failing: { lastStatus: number | null; lastError: AttemptError | null } | null;
}

/** Deliveries of one endpoint that were answered the same. */
export interface FailureGroup {
  endpointId: string;
  status: number | null;
  error: AttemptError | null;
  count: number;
  /** When the first and the last of them happened. */
  firstAtMs: number;
  lastAtMs: number;
}

export interface LatencyBucket {
  atMs: number;
  p50: number;
  p95: number;
  p99: number;
}

/** How an account is doing. Volume is that of the last 24 hours. */
export interface AccountDay {
  accountId: string;
  succeeded: number;
  discarded: number;
  lastAt: Date | null;
  endpoints: number;
  failing: number;
  switchedOff: number;
}

export interface ChartStore {
  /** @param fromMs a full hour */
  accounts(accountIds: readonly string[], fromMs: number): Promise<AccountDay[]>;
  /**
   * Deliveries by time: finished ones, and those that are being retried or held. Buckets of hours need `fromMs` and `toMs` to be
   * full hours: they are made of counts, not of deliveries.
   */
  volume(
    accountId: string | null,
    endpointId: string | null,
    fromMs: number,
    toMs: number,
    bucketMs: number,
  ): Promise<VolumeBucket[]>;
  /** Attempts' duration in milliseconds, over the newest `sample` of them. */
  latency(
    accountId: string,
    endpointId: string | null,
    fromMs: number,
    toMs: number,
    sample: number,
  ): Promise<{ p50: number | null; p95: number | null; p99: number | null; count: number }>;
  /** The same by time, each bucket over its newest `sample` deliveries; buckets without attempts are left out. */
  latencyByTime(
    accountId: string,
    endpointId: string | null,
    fromMs: number,
    toMs: number,
    bucketMs: number,
    sample: number,
  ): Promise<LatencyBucket[]>;
  /** What deliveries failed with or are being retried for, by endpoint: of the newest 100,000 of each kind. */
  failures(accountId: string, endpointId: string | null, fromMs: number, toMs: number): Promise<FailureGroup[]>;
  oldestWaiting(accountId: string | null, endpointId: string | null): Promise<Date | null>;
  /** Every endpoint of an account: deliveries since then by hour, and the last one. */
  endpoints(accountId: string, fromMs: number): Promise<EndpointDay[]>;
  /** Endpoints that are failing, have given up since then, or were switched off for it, over all accounts. */
  failing(
    limit: number,
    sinceMs: number,
  ): Promise<
    {
      accountId: string;
      accountName: string;
      endpointId: string;
      url: string;
      status: EndpointStatus;
      reason: InactiveReason | null;
      failures: number;
      retrying: number;
    }[]
  >;
}

/** An event that is to be published later, or that an application has published with SQL. */
export interface ScheduledEvent {
  /** `sch_…` */
  id: string;
  accountId: string;
  externalId: string | null;
  trigger: string;
  /** 0: at once. */
  dueAtMs: number;
  createdAtMs: number;
  /** Why it could not be published. */
  error: { code: string; detail: string } | null;
  /** When one that was refused is tried again; null: it is not. */
  nextTryAtMs: number | null;
}

/** What a repeat is known by. */
export interface ScheduledKeys {
  externalId: string | null;
  /** Of the Idempotency-Key header. */
  idempotencyKey: string | null;
}

/** One that is put down for later. */
export interface NewScheduledEvent extends ScheduledKeys {
  uuid: Uint8Array;
  trigger: string;
  /** The event as JSON, as it was sent. */
  input: string;
  /** What a repeat must agree in. */
  digest: Buffer;
  dueAtMs: number;
}

/** One that is there now, or was before. */
export interface PutDown {
  isNew: boolean;
  id: string;
  dueAtMs: number;
  digest: Buffer;
}

/** One whose time has come. */
export interface DueEvent {
  id: string;
  accountId: string;
  idempotencyKey: string | null;
  input: string;
  digest: Buffer | null;
  /** It has been refused before. */
  isRefused: boolean;
}

/**
 * What became of one: published or of no account any more (`done`), to be tried with the next round (`again`) or after a while
 * (`later`), or refused: for good, or so that a newer contract may accept it.
 */
export type Publishing = 'done' | 'again' | 'later' | { code: string; detail: string; mayFitLater: boolean };

export interface ScheduledEventStore {
  /**
   * Puts events of an account down, but those whose id or key another one has: then that one is answered.
   * @param max of one account: undefined stands for those that are too many
   * @returns in the order of the events; undefined when the account is not there
   */
  add(
    accountId: string,
    events: readonly NewScheduledEvent[],
    max: number,
  ): Promise<(PutDown | undefined)[] | undefined>;
  /** Those that are there already, in the order in which they are asked for. */
  known(accountId: string, events: readonly ScheduledKeys[]): Promise<(PutDown | undefined)[]>;
  /** Takes away what was put down a moment ago. @param ids `sch_…` */
  takeBack(accountId: string, ids: readonly string[]): Promise<void>;
  /** In the order in which they are due. @param after the place behind which the page begins, as `placeOf` answers it */
  list(accountId: string, page: { limit: number; after?: string }): Promise<ScheduledEvent[]>;
  find(accountId: string, id: string): Promise<(ScheduledEvent & { input: string }) | undefined>;
  /** @returns false when it is not there, or not any more */
  cancel(accountId: string, id: string): Promise<boolean>;
  /**
   * Takes some that are due and that no other node works on, lets them be published, and stores what became of them, all in
   * one transaction. Where more wait than that, what waits longest is taken one time, and accounts in turns the other.
   * @returns whether it is worth while to look again at once
   */
  publishDue(
    nowMs: number,
    max: { count: number; bytes: number },
    publish: (due: readonly DueEvent[]) => Promise<Publishing[]>,
  ): Promise<{ hasMore: boolean }>;
  /** Forgets what was refused before. */
  dropRefusedBefore(ms: number): Promise<void>;
}

/** The feed of an account, as it was a moment ago. */
export interface Feed {
  /** Another one when the account was deleted and made again. */
  id: string;
  /** The number of the newest event. */
  position: number;
  /** The last event that has no number, as a UUID. */
  historyUntil: string;
}

/** Where a reader of a feed is: in what was stored before the feed began, or behind the event with this number. */
export type FeedPlace = { kind: 'history'; after: string } | { kind: 'feed'; after: number };

export interface FeedPage {
  events: StoredEvent[];
  next: FeedPlace;
  hasMore: boolean;
  /** Events that are not kept any more, between the place and the end of this page. */
  missed: number;
}

export interface FeedStore {
  /** Begins the feed of an account if it has none. @returns undefined while events may be stored that are not numbered */
  open(accountId: string): Promise<Feed | undefined>;
  /** Events in the order of the feed. @param feed as it was before this call */
  read(accountId: string, feed: Feed, place: FeedPlace, limit: number): Promise<FeedPage>;
  /** The number of the newest event, by account; of accounts that have a feed. */
  positions(accountIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** `starting`: not opened yet. `standby`: another node reads it. `held`: it has as many dead letters as are kept. */
export type SourceState = 'starting' | 'running' | 'standby' | 'failing' | 'held';

/** How a source does on one node, since that has started. */
export interface SourceStatus {
  state: SourceState;
  error: string | null;
  accepted: number;
  dead: number;
  /** When something came last. */
  lastAtMs: number | null;
  /** Messages that wait at the source; null: it has not said. */
  behind: number | null;
}

export interface SourceReport extends SourceStatus {
  name: string;
  type: string;
}

/** A message of a source that is no event. */
export interface NewDeadLetter {
  uuid: Uint8Array;
  /** Where it stands in the source: of one place there is one dead letter. */
  place: string;
  code: string;
  detail: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  /** Otherwise only the beginning is here. */
  isWhole: boolean;
}

export interface DeadLetter extends Omit<NewDeadLetter, 'uuid'> {
  /** `ddl_…` */
  id: string;
  createdAtMs: number;
  triedAtMs: number;
}

/** Sources of events, and what of them is no event. */
export interface SourceStore {
  keep(source: string, letters: readonly NewDeadLetter[]): Promise<void>;
  /** Whether a source has at least so many. */
  isFull(source: string, max: number): Promise<boolean>;
  /** The newest first; of their bodies the beginning. */
  list(source: string, page: Page): Promise<DeadLetter[]>;
  /** Those that are whole, the oldest first. @param bytes after which the page ends */
  oldest(
    source: string,
    page: { limit: number; bytes: number; after?: string | undefined; ids?: readonly string[] | undefined },
  ): Promise<DeadLetter[]>;
  find(source: string, id: string): Promise<DeadLetter | undefined>;
  /** @returns how many there were */
  remove(source: string, ids: readonly string[]): Promise<number>;
  dropBefore(ms: number): Promise<void>;
  /** By source. */
  counts(): Promise<Map<string, number>>;
  /** How this node does with its sources. */
  report(node: number, states: readonly SourceReport[]): Promise<void>;
  forget(node: number): Promise<void>;
  /** Of all nodes that are alive. */
  states(): Promise<(SourceReport & { node: number })[]>;
}

/** An ordering key whose first delivery has failed, and waits for its next try. */
export interface ParkedKey {
  key: string;
  deliveryId: string;
  eventId: string;
  trigger: string;
  attempts: number;
  nextAttemptAt: Date;
  lastStatus: number | null;
  lastError: AttemptError | null;
  /** Deliveries in line behind it. */
  behind: number;
}

export interface OrderingKeyStore {
  /** The oldest first, after the delivery that the page names. */
  parked(accountId: string, endpointId: string, page: Page): Promise<ParkedKey[]>;
  /**
   * The first delivery leaves the line. Answers which one; undefined: the key is not parked, or its first is being sent, or is
   * not the one that is named.
   */
  release(accountId: string, endpointId: string, key: string, deliveryId?: string): Promise<string | undefined>;
}
