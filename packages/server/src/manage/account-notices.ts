import { createHash, randomInt } from 'node:crypto';
import type { Contract } from '../contract/contract.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import type { IdSource } from '../domain/ids.ts';
import type { Directory } from '../fanout/directory.ts';
import type {
  AccountNoticeStore,
  ChartStore,
  EndpointDay,
  EndpointStanding,
  NoticeContent,
  NoticeMessage,
  NoticeSettings,
  Standing,
} from '../storage/page-store.ts';
import type { AccountStore } from '../storage/store.ts';
import type { Endpoints } from './endpoints.ts';
import type { NoticeSender } from './notice-sender.ts';

const LOOK_EVERY_MS = 5_000;
/** How often an account is looked at, and how many at a time. */
const ACCOUNT_EVERY_MS = 30_000;
const ACCOUNTS_AT_ONCE = 50;
/** A failure that passes by itself is no news; neither is one good answer between two bad ones. */
const FAILING_AFTER_MS = 5 * 60_000;
const RECOVERED_AFTER_MS = 60_000;
/** After a message, what happens is gathered into the next one. */
const QUIET_MS = 10 * 60_000;
/** How long somebody who sends waits for the server's answer, at most: then another node may try. */
const TAKEN_MS = 60_000;
const MESSAGES_AT_ONCE = 20;
const RETRIES_MS = [30_000, 5 * 60_000, 30 * 60_000, 2 * 3_600_000, 6 * 3_600_000];
const CODE_VALID_MS = 30 * 60_000;
const CODE_TRIES_MAX = 5;
const HOUR_MS = 3_600_000;
const EMAIL = /^[^\s@<>",;]{1,64}@[^\s@<>",;]{1,190}\.[^\s@<>",;.]{2,63}$/;

export interface NoticeWish {
  email?: string | null;
  url?: string | null;
}

/**
 * Tells the people of an account how its webhooks stand: that one fails, will soon be switched off, was switched off, or
 * has recovered. Compared with what they were told last, so that no restart and no crash loses a change or repeats one, and
 * a storm becomes one summary.
 */
export class AccountNotices {
  private isStopped = false;
  private cancelTimer: () => void = () => {};
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: {
      store: AccountNoticeStore;
      accounts: AccountStore;
      charts: ChartStore;
      endpoints: Endpoints;
      directory: Directory;
      sender: NoticeSender;
      /** Whose signatures the webhook carries. */
      contract: Contract;
      ids: IdSource;
      clock: Clock;
      onError: (error: unknown) => void;
    },
  ) {}

  start(): void {
    this.cancelTimer = this.parts.clock.after(LOOK_EVERY_MS, () => {
      this.running = this.look()
        .catch(this.parts.onError)
        .finally(() => {
          if (!this.isStopped) this.start();
        });
    });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelTimer();
    await this.running;
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
   * @throws Problem `account_not_found`, `invalid_request`, `invalid_url`, `blocked_address`, `not_supported`
   */
  async change(accountId: string, { email, url }: NoticeWish): Promise<NoticeSettings> {
    const { store, endpoints, contract } = this.parts;
    const before = await this.settings(accountId);
    if (typeof url === 'string') await endpoints.checkUrl(accountId, url, contract);
    if (typeof email === 'string') this.checkEmail(email);
    if (url !== undefined && url !== before.url) {
      const secret = url === null ? null : (before.secret ?? contract.signature.generateSecret('v1'));
      await store.setUrl(accountId, url, secret);
    }
    if (email === null) await store.forgetEmail(accountId);
    else if (email !== undefined && email !== before.email) await this.sendCode(accountId, email);
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
    const code = String(randomInt(1_000_000)).padStart(6, '0');
    const account = await accounts.find(accountId);
    try {
      await sender.sendCode(email, code, account?.name ?? accountId);
    } catch (error) {
      const detail = `could not be sent to: ${wordsOf(error)}`;
      throw new Problem('invalid_request', `#/email: ${detail}`, [{ pointer: '#/email', detail }]);
    }
    await store.askForCode(accountId, email, digestOf(code), new Date(clock.now() + CODE_VALID_MS));
  }

  private async look(): Promise<void> {
    const { store, clock, onError } = this.parts;
    for (const { accountId, toldAtMs } of await store.due(clock.now(), ACCOUNT_EVERY_MS, ACCOUNTS_AT_ONCE)) {
      // One by one: none can hold up or fail the others.
      await this.lookAt(accountId, toldAtMs).catch(onError);
    }
    await this.sendAll();
  }

  private async lookAt(accountId: string, toldAtMs: number | null): Promise<void> {
    const { store, charts, directory, clock, ids } = this.parts;
    const account = await directory.get(accountId);
    if (!account) return;
    const nowMs = clock.now();
    const hourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
    const limit = account.contract.policy.autoDisable?.failures;
    const days = new Map((await charts.endpoints(accountId, hourMs)).map((day) => [day.endpointId, day]));
    const seen = (await store.standings(accountId)).map((one) => {
      const day = days.get(one.endpointId);
      const standing = standingOf(one, day, limit);
      const sinceMs = standing === one.standing && one.sinceMs !== null ? one.sinceMs : nowMs;
      // What was so before anybody asked is no news.
      const told = one.told ?? standing;
      return { ...one, day, standing, sinceMs, told };
    });
    const isQuiet = toldAtMs !== null && nowMs - toldAtMs < QUIET_MS;
    const news = isQuiet ? [] : seen.filter((one) => isNews(one, nowMs));
    const changed = seen.map((one) => ({ ...one, told: news.includes(one) ? one.standing : one.told }));
    const settings = await store.find(accountId);
    const content = await this.contentOf(accountId, news, limit);
    const messages =
      news.length === 0 || !settings
        ? []
        : channelsOf(settings).map((channel) => ({ id: ids.next('ntc'), channel, message: content }));
    await store.tell(accountId, changed, messages, nowMs);
  }

  private async contentOf(
    accountId: string,
    news: readonly (EndpointStanding & { standing: Standing; sinceMs: number; day: EndpointDay | undefined })[],
    limit?: number,
  ): Promise<NoticeContent> {
    const account = await this.parts.accounts.find(accountId);
    return {
      account_id: accountId,
      account_name: account?.name ?? accountId,
      at: new Date(this.parts.clock.now()).toISOString(),
      webhooks: news.map(({ endpointId, url, subscriptions, standing, sinceMs, failures, day }) => ({
        endpoint_id: endpointId,
        url,
        events: subscriptions.map(({ trigger }) => trigger),
        standing,
        since: new Date(sinceMs).toISOString(),
        ...(limit === undefined || standing === 'ok' ? {} : { failures, limit }),
        ...(day?.failing ? { last_status: day.failing.lastStatus, last_error: day.failing.lastError } : {}),
        ...(standing === 'switched_off' ? { held: day?.held ?? 0 } : {}),
      })),
    };
  }

  private async sendAll(): Promise<void> {
    const { store, sender, clock } = this.parts;
    for (const { id, accountId, channel, message, tries } of await store.take(
      clock.now(),
      clock.now() + TAKEN_MS,
      MESSAGES_AT_ONCE,
    )) {
      const settings = await store.find(accountId);
      try {
        if (settings) await sender.send(channel, settings, message, id);
        await store.sent(id, accountId, clock.now());
      } catch (error) {
        const waitMs = RETRIES_MS[tries - 1];
        await store.failed(id, accountId, wordsOf(error), waitMs === undefined ? undefined : clock.now() + waitMs);
      }
    }
  }
}

const NOTHING: NoticeSettings = {
  email: null,
  pendingEmail: null,
  url: null,
  secret: null,
  sentAt: null,
  lastError: null,
};

const digestOf = (code: string) => createHash('sha256').update(code.trim()).digest();
const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function channelsOf({ email, url }: NoticeSettings): NoticeMessage['channel'][] {
  return [...(email === null ? [] : (['email'] as const)), ...(url === null ? [] : (['webhook'] as const))];
}

function standingOf(
  { status, reason, failures }: EndpointStanding,
  day: EndpointDay | undefined,
  limit: number | undefined,
): Standing {
  if (status === 'inactive') return reason === 'consecutive_failures' || reason === 'gone' ? 'switched_off' : 'ok';
  if (limit !== undefined && failures >= Math.ceil(limit / 2)) return 'half_way';
  return day?.failing ? 'failing' : 'ok';
}

function isNews({ standing, told, sinceMs }: { standing: Standing; told: Standing; sinceMs: number }, nowMs: number) {
  if (standing === told) return false;
  if (standing === 'failing') return told === 'ok' && nowMs - sinceMs >= FAILING_AFTER_MS;
  return standing !== 'ok' || nowMs - sinceMs >= RECOVERED_AFTER_MS;
}
