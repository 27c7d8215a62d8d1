import { createHash, randomInt } from 'node:crypto';
import type { Contract } from '../contract/contract.ts';
import type { Clock } from '../domain/clock.ts';
import { factsOf } from '../domain/endpoint-tls.ts';
import { invalidAt, Problem } from '../domain/errors.ts';
import { decodeId, type IdSource, timeOfId } from '../domain/ids.ts';
import { isQuiet, isTimeZone, minuteOf, type QuietHours } from '../domain/quiet-hours.ts';
import { Rounds } from '../domain/rounds.ts';
import { TooManyRequests } from '../domain/too-many-requests.ts';
import type { Directory, KnownEndpoint } from '../fanout/directory.ts';
import type {
  AccountNoticeStore,
  ChartStore,
  DueAccount,
  EndpointDay,
  EndpointStanding,
  NoticeContent,
  NoticeFormat,
  NoticeMessage,
  NoticeSettings,
  Standing,
} from '../storage/page-store.ts';
import type { AccountStore } from '../storage/store.ts';
import type { Endpoints } from './endpoints.ts';
import { type NoticeSender, NotMailed } from './notice-sender.ts';
import { OPERATOR_ACCOUNT } from './notices.ts';
import type { OperatorNotices } from './operator-notices.ts';

const LOOK_EVERY_MS = 5_000;
/** How often an account is looked at, how many are taken at a time, and of how many at once something is read. */
const ACCOUNT_EVERY_MS = 30_000;
const ACCOUNTS_TAKEN = 40;
const ACCOUNTS_AT_ONCE = 4;
/** A failure that passes by itself is no news; neither is one good answer between two bad ones. */
const FAILING_AFTER_MS = 5 * 60_000;
const RECOVERED_AFTER_MS = 60_000;
/** After a message, what happens is gathered into the next one. */
const QUIET_MS = 10 * 60_000;
/** Messages are sent together, and each takes 20 s at most. After this time another node may try. */
const TAKEN_MS = 60_000;
const MESSAGES_AT_ONCE = 20;
const RETRIES_MS = [30_000, 5 * 60_000, 30 * 60_000, 2 * 3_600_000, 6 * 3_600_000];
/** What cannot be sent in quiet hours is looked at again. */
const QUIET_AGAIN_MS = 5 * 60_000;
const CODE_VALID_MS = 30 * 60_000;
const CODE_TRIES_MAX = 5;
/** To whomever an account names. */
const CODES_A_DAY = 10;
const HOUR_MS = 3_600_000;
/** So long before a certificate ends, its people are told. */
const CERTIFICATE_WARNED_MS = 14 * 24 * HOUR_MS;
const DAY_MS = 24 * HOUR_MS;
const EMAIL = /^[^\s@<>",;]{1,64}@[^\s@<>",;]{1,190}\.[^\s@<>",;.]{2,63}$/;

export interface NoticeWish {
  email?: string | null;
  url?: string | null;
  format?: NoticeFormat;
  quiet?: QuietWish | null;
}

/** Times of the day, as `22:00`. */
export interface QuietWish {
  from: string;
  to: string;
  time_zone: string;
}

/**
 * Tells the people of an account how its webhooks stand: that one fails, will soon be switched off, was switched off, or
 * has recovered. Compared with what they were told last, so that no restart and no crash loses a change or repeats one, and
 * a storm becomes one summary.
 */
export class AccountNotices {
  private readonly rounds: Rounds;

  constructor(
    private readonly parts: {
      store: AccountNoticeStore;
      accounts: AccountStore;
      charts: ChartStore;
      endpoints: Endpoints;
      directory: Directory;
      sender: NoticeSender;
      operatorNotices: OperatorNotices;
      /** Whose signatures the webhook carries. */
      contract: Contract;
      ids: IdSource;
      clock: Clock;
      onError: (error: unknown) => void;
    },
  ) {
    this.rounds = new Rounds(parts);
  }

  start(): void {
    this.rounds.every(LOOK_EVERY_MS, () => this.look());
  }

  async stop(): Promise<void> {
    await this.rounds.stop();
  }

  get canSendEmail(): boolean {
    return this.parts.sender.canSendEmail;
  }

  async settings(accountId: string): Promise<NoticeSettings> {
    await this.parts.endpoints.accountOf(accountId);
    return (await this.parts.store.find(accountId)) ?? NOTHING;
  }

  /**
   * What is not said stays. An e-mail address counts when somebody who reads it has given back the code that is sent there.
   * @throws Problem `account_not_found`, `invalid_request`, `invalid_url`, `blocked_address`, `not_supported`,
   *   `mail_unavailable`; TooManyRequests
   */
  async change(accountId: string, { email, url, format, quiet }: NoticeWish): Promise<NoticeSettings> {
    const { store, endpoints, contract } = this.parts;
    const before = await this.settings(accountId);
    if (typeof url === 'string') await endpoints.checkUrl(accountId, url, contract);
    if (typeof email === 'string') this.checkEmail(email);
    const quietHours = quiet && toQuietHours(quiet);
    // What can fail comes first: a refused change changes nothing.
    if (email === null) await store.forgetEmail(accountId);
    else if (email !== undefined && email === before.email) await store.forgetPending(accountId);
    else if (email !== undefined) await this.sendCode(accountId, email);
    if (quietHours !== undefined) await store.setQuiet(accountId, quietHours);
    const goesTo = url === undefined ? before.url : url;
    const written = format ?? (goesTo === before.url ? before.format : formatOf(goesTo));
    if (goesTo !== before.url || written !== before.format) {
      // Chats do not verify what they are told.
      const isSigned = goesTo !== null && written === 'standard';
      const secret = isSigned ? (before.secret ?? contract.signature.generateSecret('v1')) : null;
      await store.setUrl(accountId, goesTo, secret, written);
    }
    return this.settings(accountId);
  }

  /** @throws Problem `invalid_request` */
  async confirm(accountId: string, code: string): Promise<NoticeSettings> {
    const { store, clock } = this.parts;
    const isRight = await store.tryCode(accountId, digestOf(code), new Date(clock.now()), CODE_TRIES_MAX);
    if (isRight !== true) {
      const detail = isRight === false ? 'is not the code that was sent' : 'is not valid any more: ask for another one';
      throw new Problem('invalid_request', `#/code: ${detail}`, [{ pointer: '#/code', detail }]);
    }
    return this.settings(accountId);
  }

  /** Sends a message that says so to every channel, now. Answers what went wrong with each; null: nothing. */
  async test(accountId: string): Promise<{ channel: NoticeMessage['channel']; error: string | null }[]> {
    const { sender } = this.parts;
    const settings = await this.settings(accountId);
    const message = { ...(await this.contentOf(accountId, [])), webhooks: [] };
    return Promise.all(
      channelsOf(settings).map(async (channel) => ({
        channel,
        error: await sender.send(channel, settings, message).then(
          () => null,
          (error: unknown) => wordsOf(error),
        ),
      })),
    );
  }

  private checkEmail(email: string): void {
    if (!this.canSendEmail) throw new Problem('not_supported', 'No SMTP server is configured here.');
    if (EMAIL.test(email)) return;
    throw new Problem('invalid_request', '#/email: is no e-mail address', [
      { pointer: '#/email', detail: 'is no e-mail address' },
    ]);
  }

  private async sendCode(accountId: string, email: string): Promise<void> {
    const { store, sender, clock, accounts } = this.parts;
    const nowMs = clock.now();
    if (!(await store.countCode(accountId, new Date(nowMs).toISOString().slice(0, 10), CODES_A_DAY))) {
      throw new TooManyRequests(Math.ceil((DAY_MS - (nowMs % DAY_MS)) / 1_000));
    }
    const code = String(randomInt(1_000_000)).padStart(6, '0');
    const account = await accounts.find(accountId);
    try {
      await sender.sendCode(email, code, account?.name ?? accountId);
    } catch (error) {
      if (!(error instanceof NotMailed) || !error.isAddress) throw new Problem('mail_unavailable');
      const detail = `is refused. ${error.message}`;
      throw new Problem('invalid_request', `#/email: ${detail}`, [{ pointer: '#/email', detail }]);
    }
    await store.askForCode(accountId, email, digestOf(code), new Date(nowMs + CODE_VALID_MS));
  }

  private async look(): Promise<void> {
    await Promise.all([this.lookAtAll(), this.sendAll()]);
  }

  private async lookAtAll(): Promise<void> {
    const { store, clock, onError } = this.parts;
    for (let isMore = true; isMore && !this.rounds.isStopped; ) {
      const due = await store.due(clock.now(), ACCOUNT_EVERY_MS, ACCOUNTS_TAKEN);
      isMore = due.length === ACCOUNTS_TAKEN;
      const next = due.values();
      // None can fail the others, and one that takes long holds up a fourth of them at most.
      const worker = async () => {
        for (const account of next) if (!this.rounds.isStopped) await this.lookAt(account).catch(onError);
      };
      await Promise.all(Array.from({ length: ACCOUNTS_AT_ONCE }, worker));
    }
  }

  private async lookAt(due: DueAccount): Promise<void> {
    const { store, charts, directory, ids } = this.parts;
    const { accountId, lookedAtMs: nowMs, lookedBeforeMs, toldAtMs, quiet } = due;
    const account = await directory.get(accountId);
    if (!account) return;
    if (accountId === OPERATOR_ACCOUNT) return this.lookAtOperator(due);
    const hourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
    const limit = account.contract.policy.autoDisable?.failures;
    const days = new Map((await charts.endpoints(accountId, hourMs)).map((day) => [day.endpointId, day]));
    const seen = (await store.standings(accountId)).map((one) => {
      const day = days.get(one.endpointId);
      const endsAtMs = certificateEndMs(account.endpoints.get(one.endpointId));
      const standing = standingOf(one, day, limit, endsAtMs - nowMs < CERTIFICATE_WARNED_MS);
      const sinceMs = standing === one.standing && one.sinceMs !== null ? one.sinceMs : nowMs;
      const toldBefore = one.told ?? assumedOf(one, standing, lookedBeforeMs);
      return { ...one, lastSinceMs: one.sinceMs, day, endsAtMs, standing, sinceMs, toldBefore };
    });
    const isGathering = toldAtMs !== null && nowMs - toldAtMs < QUIET_MS;
    const waits = isGathering || (quiet !== null && isQuiet(quiet, nowMs));
    const news = waits ? [] : seen.filter((one) => isNews(one, nowMs));
    const changed = seen
      .map((one) => ({ before: one, now: { ...one, told: news.includes(one) ? one.standing : one.toldBefore } }))
      .filter(({ before, now }) => now.told !== before.told || now.sinceMs !== before.lastSinceMs)
      .map(({ now }) => now);
    const settings = news.length === 0 ? undefined : await store.find(accountId);
    const content = await this.contentOf(accountId, news, limit);
    const channels = settings ? channelsOf(settings) : [];
    const messages = channels.map((channel) => ({ id: ids.next('ntc'), channel, message: content }));
    if (changed.length > 0 || messages.length > 0) await store.tell(due, changed, messages);
  }

  /** What happened to the webhooks of all accounts. */
  private async lookAtOperator(due: DueAccount): Promise<void> {
    const { store, operatorNotices, ids } = this.parts;
    const { accountId, lookedAtMs: nowMs, toldAtMs, quiet } = due;
    const isGathering = toldAtMs !== null && nowMs - toldAtMs < QUIET_MS;
    if (isGathering || (quiet !== null && isQuiet(quiet, nowMs))) return;
    const content = await operatorNotices.contentSince(toldAtMs ?? nowMs, nowMs);
    const settings = content && (await store.find(accountId));
    if (!content || !settings) return;
    const messages = channelsOf(settings).map((channel) => ({ id: ids.next('ntc'), channel, message: content }));
    await store.tell(due, [], messages);
  }

  private async contentOf(
    accountId: string,
    news: readonly (EndpointStanding & {
      standing: Standing;
      sinceMs: number;
      day: EndpointDay | undefined;
      endsAtMs: number;
    })[],
    limit?: number,
  ): Promise<NoticeContent> {
    const account = await this.parts.accounts.find(accountId);
    return {
      account_id: accountId,
      account_name: account?.name ?? accountId,
      at: new Date(this.parts.clock.now()).toISOString(),
      webhooks: news.map(({ endpointId, url, subscriptions, standing, sinceMs, failures, day, endsAtMs }) => ({
        endpoint_id: endpointId,
        url,
        events: subscriptions.map(({ trigger }) => trigger),
        standing,
        since: new Date(sinceMs).toISOString(),
        ...(standing === 'certificate_ends' ? { certificate_ends_at: new Date(endsAtMs).toISOString() } : {}),
        ...(limit === undefined || standing === 'ok' || standing === 'certificate_ends' ? {} : { failures, limit }),
        ...(day?.failing ? { last_status: day.failing.lastStatus, last_error: day.failing.lastError } : {}),
        ...(standing === 'switched_off' ? { held: day?.held ?? 0 } : {}),
      })),
    };
  }

  private async sendAll(): Promise<void> {
    const { store, clock, onError } = this.parts;
    for (let isMore = true; isMore && !this.rounds.isStopped; ) {
      const taken = await store.take(clock.now(), clock.now() + TAKEN_MS, MESSAGES_AT_ONCE);
      isMore = taken.length === MESSAGES_AT_ONCE;
      await Promise.all(taken.map((message) => this.send(message).catch(onError)));
    }
  }

  private async send({ id, accountId, channel, message, tries }: NoticeMessage): Promise<void> {
    const { store, sender, clock } = this.parts;
    const settings = await store.find(accountId);
    if (settings?.quiet && isQuiet(settings.quiet, clock.now())) {
      await store.postpone(id, clock.now() + QUIET_AGAIN_MS);
      return;
    }
    try {
      if (settings) await sender.send(channel, settings, message, id);
    } catch (error) {
      const waitMs = RETRIES_MS[tries - 1];
      await store.failed(id, accountId, wordsOf(error), waitMs === undefined ? undefined : clock.now() + waitMs);
      return;
    }
    await store.sent(id, accountId, clock.now());
  }
}

const NOTHING: NoticeSettings = {
  email: null,
  pendingEmail: null,
  url: null,
  secret: null,
  format: 'standard',
  quiet: null,
  sentAt: null,
  lastError: null,
};

/** @throws Problem `invalid_request` */
function toQuietHours({ from, to, time_zone: timeZone }: QuietWish): QuietHours {
  const [fromMinute, toMinute] = [from, to].map(minuteOf);
  if (fromMinute === undefined) throw invalidAt('#/quiet/from', 'is no time of the day, as 22:00');
  if (toMinute === undefined) throw invalidAt('#/quiet/to', 'is no time of the day, as 07:00');
  if (fromMinute === toMinute) throw invalidAt('#/quiet/to', 'is the same as `from`: null takes the quiet hours away');
  if (!isTimeZone(timeZone)) throw invalidAt('#/quiet/time_zone', 'is no time zone, as Europe/Berlin');
  return { fromMinute, toMinute, timeZone };
}

/** When the first of an endpoint's own certificates ends. */
function certificateEndMs(endpoint: KnownEndpoint | undefined): number {
  const { certificate, certificate_authority: authority } = endpoint?.tls ?? {};
  const ends = [certificate, authority].map((pem) => factsOf(pem)?.expiresAt.getTime() ?? Number.POSITIVE_INFINITY);
  return Math.min(...ends);
}

const formatOf = (url: string | null): NoticeFormat =>
  url !== null && new URL(url).hostname === 'hooks.slack.com' ? 'slack' : 'standard';
const digestOf = (code: string) => createHash('sha256').update(code.trim()).digest();
const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function channelsOf({ email, url }: NoticeSettings): NoticeMessage['channel'][] {
  return [...(email === null ? [] : (['email'] as const)), ...(url === null ? [] : (['webhook'] as const))];
}

function standingOf(
  { status, reason, failures }: EndpointStanding,
  day: EndpointDay | undefined,
  limit: number | undefined,
  certificateEnds: boolean,
): Standing {
  if (status === 'inactive') return reason === 'consecutive_failures' || reason === 'gone' ? 'switched_off' : 'paused';
  if (limit !== undefined && failures >= Math.ceil(limit / 2)) return 'half_way';
  if (day?.failing) return 'failing';
  return certificateEnds ? 'certificate_ends' : 'ok';
}

function createdAtMs(endpointId: string): number {
  const uuid = decodeId('ep', endpointId);
  return uuid ? timeOfId(uuid) : 0;
}

/** What was so before anybody asked is no news, but for what is yet to come; what was made since the look before had no fault then. */
function assumedOf({ endpointId }: EndpointStanding, standing: Standing, lookedBeforeMs: number | null): Standing {
  const isNew = lookedBeforeMs !== null && createdAtMs(endpointId) >= lookedBeforeMs;
  return isNew || standing === 'paused' || standing === 'certificate_ends' ? 'ok' : standing;
}

function isNews(
  { standing, toldBefore: told, sinceMs }: { standing: Standing; toldBefore: Standing; sinceMs: number },
  nowMs: number,
): boolean {
  if (standing === told || standing === 'paused') return false;
  // That it was replaced, its people know.
  if (standing === 'ok' && told === 'certificate_ends') return false;
  if (standing === 'failing')
    return (told === 'ok' || told === 'certificate_ends') && nowMs - sinceMs >= FAILING_AFTER_MS;
  return standing !== 'ok' || nowMs - sinceMs >= RECOVERED_AFTER_MS;
}
