import type { Contract } from '../contract/contract.ts';
import type { EventFacts } from '../contract/fields.ts';
import type { Clock } from '../domain/clock.ts';
import { encodeId, type IdSource } from '../domain/ids.ts';
import type { Egress } from '../egress/egress.ts';
import type { NoticeContent, NoticeMessage, NoticeSettings } from '../storage/page-store.ts';
import type { Inspector } from './inspector.ts';
import { codeMail, noticeMail } from './notice-mails.ts';

/** The event that a notice is, for webhooks. */
const TRIGGER = 'webhooks.changed';

/** Sends e-mails; made from the configuration where there is an SMTP server. */
export interface Mailer {
  /** @throws what the server said */
  send(mail: { to: string; subject: string; text: string }): Promise<void>;
}

/** Brings notices to where an account wants them: by e-mail, or as a signed webhook of the `standard` contract. */
export class NoticeSender {
  constructor(
    private readonly parts: {
      mailer: Mailer | undefined;
      egress: Egress;
      inspector: Inspector;
      contract: Contract;
      ids: IdSource;
      clock: Clock;
    },
  ) {}

  get canSendEmail(): boolean {
    return this.parts.mailer !== undefined;
  }

  async sendCode(email: string, code: string, accountName: string): Promise<void> {
    await this.mailer.send({ to: email, ...codeMail(code, accountName) });
  }

  /** @throws with a sentence for people */
  async send(
    channel: NoticeMessage['channel'],
    settings: NoticeSettings,
    message: NoticeContent,
    id = this.parts.ids.next('ntc'),
  ): Promise<void> {
    if (channel === 'email') {
      if (settings.email !== null) await this.mailer.send({ to: settings.email, ...noticeMail(message) });
    } else if (settings.url !== null && settings.secret !== null) {
      await this.post(settings.url, settings.secret, message, id);
    }
  }

  private get mailer(): Mailer {
    const { mailer } = this.parts;
    if (!mailer) throw new Error('No SMTP server is configured here.');
    return mailer;
  }

  private async post(url: string, secret: string, message: NoticeContent, id: string): Promise<void> {
    const { contract, egress, inspector, ids, clock } = this.parts;
    const event: EventFacts = {
      id,
      externalId: null,
      trigger: TRIGGER,
      byTopic: false,
      payload: Buffer.from(JSON.stringify(message)),
      createdAtMs: clock.now(),
    };
    const account = { id: message.account_id, name: message.account_name, metadata: {} };
    const body = contract.encodeBody({ event, topic: null, account });
    const own = contract.writeHeaders({
      event,
      topic: null,
      account,
      version: contract.versions?.default ?? null,
      retryCount: 0,
      deliveryId: () => encodeId('dlv', ids.nextUuid()),
      body,
      keys: [contract.signature.parseSecret(secret)],
      nowMs: clock.now(),
    });
    const outcome = await egress.send(message.account_id, {
      url: new URL(url),
      headers: [...contract.defaultHeaders, ...own],
      body,
      timeouts: contract.policy.timeouts,
      isOwnBin: inspector.isBin(url),
    });
    if (outcome.error === undefined) return;
    const status = outcome.response?.status;
    throw new Error(status === undefined ? (outcome.errorDetail ?? outcome.error) : `The server answered ${status}`);
  }
}
