import { createHash } from 'node:crypto';
import type { Acceptor } from '../accept/acceptor.ts';
import type { Clock } from '../domain/clock.ts';
import { encodeId } from '../domain/ids.ts';
import type { SettledAttempt } from '../domain/model.ts';
import type { Directory, KnownEndpoint } from '../fanout/directory.ts';
import type { Announcer, Notice } from '../settle/notice.ts';
import type { AccountStore, EndpointStore, NoticeStore, NoticeText } from '../storage/store.ts';
import type { Endpoints } from './endpoints.ts';

/** The account that the operator's own webhooks belong to. It shows in the history as any other. */
export const OPERATOR_ACCOUNT = 'posthorn-operator';
const CONTRACT = 'standard';
/** When nobody has said that there is something to publish: other nodes' notices, and those of before a crash. */
const LOOK_EVERY_MS = 2_000;
const AT_ONCE = 100;

/**
 * Tells the operator, by webhooks of the `standard` contract, what happened to customers' endpoints. Notices are stored with
 * the change that they tell of, published from there, and deleted when they are accepted: none is lost in a crash. The
 * notice's id is its idempotency key, so none is published twice.
 */
export class Notices implements Announcer {
  private isOn = false;
  private isStopped = false;
  private publishing: Promise<void> | undefined;
  private cancelTimer: () => void = () => {};

  constructor(
    private readonly parts: {
      accounts: AccountStore;
      store: EndpointStore;
      notices: NoticeStore;
      endpoints: Endpoints;
      directory: Directory;
      acceptor: () => Pick<Acceptor, 'accept'>;
      clock: Clock;
      onError: (error: unknown) => void;
    },
  ) {}

  /**
   * Makes the account, and its endpoint, as the configuration says.
   * @param url undefined: only people are told
   * @throws Problem `invalid_url`, `blocked_address`
   */
  async start(url: string | undefined, secret: string | undefined): Promise<void> {
    const { accounts, store, endpoints, clock } = this.parts;
    const createdAt = new Date(clock.now());
    await accounts.create({
      id: OPERATOR_ACCOUNT,
      name: 'Operator notifications',
      contract: CONTRACT,
      metadata: {},
      createdAt,
      updatedAt: createdAt,
    });
    const [existing, ...others] = await store.list(OPERATOR_ACCOUNT, { limit: 10 });
    // Two nodes at their first start may each have made one.
    for (const { id } of others) await endpoints.remove(OPERATOR_ACCOUNT, id);
    if (url === undefined) {
      if (existing) await endpoints.remove(OPERATOR_ACCOUNT, existing.id);
    } else if (!existing) {
      await endpoints.create(OPERATOR_ACCOUNT, {
        url,
        subscriptions: [{ trigger: '*' }],
        ...(secret === undefined ? {} : { secret }),
      });
    } else {
      if (existing.url !== url) await endpoints.change(OPERATOR_ACCOUNT, existing.id, { url });
      const isNew = secret !== undefined && (await store.secretOf(OPERATOR_ACCOUNT, existing.id)) !== secret;
      if (isNew) await endpoints.rotateSecret(OPERATOR_ACCOUNT, existing.id, secret, 0);
    }
    this.begin();
  }

  /** Where another cell has the account: what is noted here is published there. */
  begin(): void {
    this.isOn = true;
    this.publishSoon();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelTimer();
    await this.publishing;
  }

  textOf(endpoint: Pick<KnownEndpoint, 'id' | 'accountId' | 'url'>, notice: Notice): NoticeText | undefined {
    const about = this.about(endpoint);
    if (about === null) return undefined;
    return { trigger: notice.trigger, payload: JSON.stringify({ ...JSON.parse(about), ...factsOf(notice) }) };
  }

  /** What becomes of the notices themselves is no news. */
  about({ id, accountId, url }: Pick<KnownEndpoint, 'id' | 'accountId' | 'url'>): string | null {
    if (!this.isOn || accountId === OPERATOR_ACCOUNT) return null;
    return JSON.stringify({ account_id: accountId, endpoint_id: id, url });
  }

  ofOutcomes(attempts: readonly SettledAttempt[]): (NoticeText & { deliveryUuid: Uint8Array })[] {
    if (!this.isOn) return [];
    return attempts.flatMap(({ delivery, decision, url }) => {
      if (decision.kind !== 'discarded' || delivery.test) return [];
      const { uuid, accountId, endpointId, event } = delivery;
      const known = this.parts.directory.peek(accountId)?.endpoints.get(endpointId);
      if (!known && decision.reason === 'endpoint_deleted') return [];
      const text = this.textOf(
        { id: endpointId, accountId, url: known?.url ?? url },
        {
          trigger: 'delivery.discarded',
          delivery_id: encodeId('dlv', uuid),
          event_id: event.externalId ?? event.id,
          of_trigger: event.trigger,
          reason: decision.reason,
        },
      );
      return text ? [{ ...text, deliveryUuid: uuid }] : [];
    });
  }

  publishSoon(): void {
    if (!this.isOn || this.isStopped || this.publishing) return;
    this.cancelTimer();
    this.publishing = this.publishAll()
      .catch(this.parts.onError)
      .finally(() => {
        this.publishing = undefined;
        if (!this.isStopped) this.cancelTimer = this.parts.clock.after(LOOK_EVERY_MS, () => this.publishSoon());
      });
  }

  private async publishAll(): Promise<void> {
    const { notices } = this.parts;
    for (;;) {
      const found = await notices.list(AT_ONCE);
      await Promise.all(found.map((notice) => this.publish(notice)));
      await notices.remove(found.map(({ id }) => id));
      if (found.length < AT_ONCE) return;
    }
  }

  private async publish({ id, trigger, payload: text }: NoticeText & { id: string }): Promise<void> {
    // As it was stored, without the spaces that the database may have put into it.
    const payload = Buffer.from(JSON.stringify(JSON.parse(text)));
    await this.parts.acceptor().accept({
      accountId: OPERATOR_ACCOUNT,
      trigger,
      payload,
      byTopic: false,
      topics: null,
      externalId: null,
      implied: [],
      planned: 1,
      keys: [`notice ${id}`],
      digest: createHash('sha256').update(trigger).update(payload).digest(),
      warnings: [],
    });
  }
}

function factsOf({ trigger, ...facts }: Notice): object {
  if (trigger !== 'delivery.discarded') return facts;
  const { of_trigger, ...rest } = facts as Omit<Extract<Notice, { trigger: 'delivery.discarded' }>, 'trigger'>;
  return { ...rest, trigger: of_trigger };
}
