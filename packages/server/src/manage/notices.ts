import type { Acceptor } from '../accept/acceptor.ts';
import type { Clock } from '../domain/clock.ts';
import { encodeId } from '../domain/ids.ts';
import type { Notice } from '../settle/consequences.ts';
import type { AccountStore, EndpointStore } from '../storage/store.ts';
import type { Endpoints } from './endpoints.ts';

/** The account that the operator's own webhooks belong to. It shows in the history as any other. */
export const OPERATOR_ACCOUNT = 'posthorn-operator';
const CONTRACT = 'standard';
const RETRY_MS = 1_000;
const TRIES_MAX = 60;

/** Tells the operator, by webhooks of the `standard` contract, what happened to customers' endpoints. */
export class Notices {
  private isOn = false;

  constructor(
    private readonly parts: {
      accounts: AccountStore;
      store: EndpointStore;
      endpoints: Endpoints;
      acceptor: Acceptor;
      clock: Clock;
      onError: (error: unknown) => void;
    },
  ) {}

  /** Makes the account and its endpoint as the configuration says. @throws Problem `invalid_url`, `blocked_address` */
  async start(url: string, secret: string | undefined): Promise<void> {
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
    if (!existing) {
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
    this.isOn = true;
  }

  publish(accountId: string, endpointId: string, url: string, notice: Notice): void {
    // What becomes of the notices themselves is no news.
    if (!this.isOn || accountId === OPERATOR_ACCOUNT) return;
    const payload = { account_id: accountId, endpoint_id: endpointId, url, ...presentNotice(notice) };
    this.accept(notice.trigger, Buffer.from(JSON.stringify(payload)), 1);
  }

  private accept(trigger: string, payload: Buffer, tries: number): void {
    const publication = {
      accountId: OPERATOR_ACCOUNT,
      trigger,
      payload,
      byTopic: false,
      topics: null,
      externalId: null,
      implied: [],
      keys: [],
      digest: null,
      warnings: [],
    };
    this.parts.acceptor.accept(publication).catch((error: unknown) => {
      if (tries < TRIES_MAX) this.parts.clock.after(RETRY_MS, () => this.accept(trigger, payload, tries + 1));
      else this.parts.onError(error);
    });
  }
}

function presentNotice(notice: Notice): object {
  switch (notice.trigger) {
    case 'endpoint.disabled':
      return { reason: notice.reason, ...(notice.failures === undefined ? {} : { failures: notice.failures }) };
    case 'endpoint.failing':
      return { failures: notice.failures, limit: notice.limit };
    case 'endpoint.recovered':
      return {};
    case 'delivery.discarded':
      return {
        delivery_id: encodeId('dlv', notice.deliveryUuid),
        event_id: notice.eventId,
        trigger: notice.deliveryTrigger,
        reason: notice.reason,
      };
  }
}
