import type { Contract } from '../contract/contract.ts';
import type { EventFacts } from '../contract/fields.ts';
import type { Clock } from '../domain/clock.ts';
import { encodeId, type IdSource } from '../domain/ids.ts';
import type { Egress } from '../egress/egress.ts';
import type { NoticeContent, NoticeMessage, NoticeSettings } from '../storage/page-store.ts';
import type { Inspector } from './inspector.ts';
import { chatMessage, codeMail, noticeMail } from './notice-mails.ts';

interface Written {
  headers: [string, string][];
  body: Buffer;
}

/** The event that a notice is, for webhooks. */
const TRIGGER = 'webhooks.changed';

/** Sends e-mails; made from the configuration where there is an SMTP server. */
export interface Mailer {
  /** @throws what went wrong, for the operator */
  send(mail: { to: string; subject: string; text: string }): Promise<void>;
}

/** Why an e-mail was not sent, for the people of an account: what is the operator's affair stays in the log. */
export class NotMailed extends Error {
  /** @param isAddress the mail server takes nothing for this address */
  constructor(
    message: string,
    readonly isAddress: boolean,
  ) {
    super(message);
    this.name = 'NotMailed';
  }
}

/** Brings notices to where an account wants them: by e-mail, as a signed webhook of the `standard` contract, or into a chat. */
export class NoticeSender {
  constructor(
    private readonly parts: {
      mailer: Mailer | undefined;
      egress: Egress;
      inspector: Inspector;
      contract: Contract;
      ids: IdSource;
      clock: Clock;
      onError: (error: unknown) => void;
    },
  ) {}

  get canSendEmail(): boolean {
    return this.parts.mailer !== undefined;
  }

  /** @throws NotMailed */
  async sendCode(email: string, code: string, accountName: string): Promise<void> {
    await this.mail({ to: email, ...codeMail(code, accountName) });
  }

  /** @throws with a sentence for people; NotMailed */
  async send(
    channel: NoticeMessage['channel'],
    settings: NoticeSettings,
    message: NoticeContent,
    id = this.parts.ids.next('ntc'),
  ): Promise<void> {
    if (channel === 'email') {
      if (settings.email !== null) await this.mail({ to: settings.email, ...noticeMail(message) });
    } else if (settings.url !== null && settings.format === 'slack') {
      await this.post(settings.url, message.account_id, {
        headers: [['Content-Type', 'application/json']],
        body: Buffer.from(JSON.stringify(chatMessage(message))),
      });
    } else if (settings.url !== null && settings.secret !== null) {
      await this.post(settings.url, message.account_id, this.signed(settings.secret, message, id));
    }
  }

  private async mail(mail: Parameters<Mailer['send']>[0]): Promise<void> {
    const { mailer, onError } = this.parts;
    if (!mailer) throw new NotMailed('No SMTP server is configured here.', false);
    try {
      await mailer.send(mail);
    } catch (error) {
      onError(error);
      throw toNotMailed(error);
    }
  }

  private signed(secret: string, message: NoticeContent, id: string): Written {
    const { contract, ids, clock } = this.parts;
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
    return { headers: [...contract.defaultHeaders, ...own], body };
  }

  private async post(url: string, accountId: string, written: Written): Promise<void> {
    const { contract, egress, inspector } = this.parts;
    const outcome = await egress.send(accountId, {
      url: new URL(url),
      ...written,
      timeouts: contract.policy.timeouts,
      isOwnBin: inspector.isBin(url),
    });
    if (outcome.error === undefined) return;
    const status = outcome.response?.status;
    throw new Error(status === undefined ? (outcome.errorDetail ?? outcome.error) : `The server answered ${status}`);
  }
}

/** What the mail server said of this e-mail is for people; how it is reached, or whether it lets us in, is not. */
function toNotMailed(error: unknown): NotMailed {
  const { command, responseCode, response } = error as { command?: string; responseCode?: number; response?: string };
  const isOfThisMail = command === 'RCPT TO' || command === 'DATA';
  if (!isOfThisMail || responseCode === undefined) return new NotMailed('The e-mail could not be sent.', false);
  const said = (response ?? String(responseCode)).slice(0, 200);
  return new NotMailed(`The mail server answered: ${said}`, command === 'RCPT TO' && responseCode >= 500);
}
