import type { Clock } from '../domain/clock.ts';
import type { StoredEvent } from '../domain/model.ts';
import type { QuietHours } from '../domain/quiet-hours.ts';
import type { EgressGuard } from '../egress/guard.ts';
import type { AccountNoticeStore, NoticeContent, Standing } from '../storage/page-store.ts';
import type { EventStore } from '../storage/store.ts';
import { OPERATOR_ACCOUNT } from './notices.ts';

/** Where people of the operator are told of all accounts' webhooks. */
export interface OperatorAddresses {
  email: string | null;
  /** Of a chat: Slack's incoming webhooks, and those that read the same. */
  chatUrl: string | null;
  quiet: QuietHours | null;
}

export const NOBODY: OperatorAddresses = { email: null, chatUrl: null, quiet: null };

/** What each event of the operator's account says of an endpoint. */
const STANDING_OF: Readonly<Record<string, Standing>> = {
  'endpoint.disabled': 'switched_off',
  'endpoint.failing': 'half_way',
  'endpoint.recovered': 'ok',
};
/** So long after it happened an event can be read for sure: it has a time before it is stored. */
const STORED_WITHIN_MS = 10_000;
const EVENTS_AT_ONCE = 200;
/** A message with more of them nobody reads. */
const WEBHOOKS_MAX = 50;
/** More than so many events of a kind at once are not looked at: then there is trouble enough to tell of. */
const PAGES_MAX = 25;

/** Summaries of what the operator is told by events, for people. They go the way of accounts' own notices. */
export class OperatorNotices {
  /** Nothing happened between what was told last and this. */
  private emptyUntilMs = 0;

  constructor(
    private readonly parts: { store: AccountNoticeStore; events: EventStore; guard: EgressGuard; clock: Clock },
  ) {}

  /** Sends to these addresses from now on. @throws Problem `invalid_url`, `blocked_address` */
  async start({ email, chatUrl, quiet }: OperatorAddresses): Promise<void> {
    const { store, guard, clock } = this.parts;
    if (chatUrl !== null) guard.checkUrl(chatUrl, false);
    await store.configure(OPERATOR_ACCOUNT, { email, url: chatUrl, quiet }, new Date(clock.now()));
  }

  /** How endpoints stand by what happened in this time; undefined when nothing did. */
  async contentSince(toldAtMs: number, nowMs: number): Promise<NoticeContent | undefined> {
    const fromMs = Math.max(toldAtMs - STORED_WITHIN_MS, this.emptyUntilMs);
    const toMs = nowMs - STORED_WITHIN_MS;
    const webhooks = new Map<string, NoticeContent['webhooks'][number]>();
    for (const [trigger, standing] of Object.entries(STANDING_OF)) {
      let before: string | undefined;
      for (let pages = 0; pages < PAGES_MAX; pages++) {
        const page = { limit: EVENTS_AT_ONCE, ...(before === undefined ? {} : { before }) };
        const { events, more } = await this.parts.events.list(OPERATOR_ACCOUNT, page, { trigger, fromMs, toMs });
        for (const event of events) note(webhooks, standing, event);
        before = events.at(-1)?.id;
        if (!more || before === undefined) break;
      }
    }
    if (webhooks.size === 0) {
      this.emptyUntilMs = toMs;
      return undefined;
    }
    return {
      account_id: OPERATOR_ACCOUNT,
      account_name: 'Posthorn',
      at: new Date(nowMs).toISOString(),
      ...(webhooks.size > WEBHOOKS_MAX ? { more: webhooks.size - WEBHOOKS_MAX } : {}),
      webhooks: [...webhooks.values()].slice(0, WEBHOOKS_MAX),
    };
  }
}

function note(
  webhooks: Map<string, NoticeContent['webhooks'][number]>,
  standing: Standing,
  { payload, createdAtMs }: StoredEvent,
): void {
  const about = JSON.parse(payload.toString('utf8')) as { account_id: string; endpoint_id: string; url: string };
  const { endpoint_id, account_id: of_account, url } = about;
  const since = new Date(createdAtMs).toISOString();
  const known = webhooks.get(endpoint_id);
  // What was before is over.
  if (known && known.since > since) return;
  webhooks.set(endpoint_id, { endpoint_id, of_account, url, events: [], standing, since });
}
