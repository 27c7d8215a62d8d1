/** A real SMTP server that keeps what it is sent. */
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { eventually } from './node.ts';

export interface Mail {
  to: string[];
  subject: string;
  text: string;
}

export class Mailbox {
  readonly mails: Mail[] = [];
  /** Refused with this, when it is set. */
  refusal: string | undefined;
  private readonly server: SMTPServer;

  private constructor() {
    this.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          if (this.refusal !== undefined) return done(new Error(this.refusal));
          this.mails.push(
            read(
              Buffer.concat(chunks).toString(),
              session.envelope.rcptTo.map((one) => one.address),
            ),
          );
          done();
        });
      },
    });
  }

  static async start(): Promise<Mailbox> {
    const mailbox = new Mailbox();
    await new Promise<void>((resolve) => mailbox.server.listen(0, '127.0.0.1', resolve));
    return mailbox;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.server.address() as AddressInfo).port}`;
  }

  received(count: number): Promise<Mail[]> {
    return eventually(
      async () => this.mails,
      (mails) => mails.length >= count,
      20_000,
    );
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

/** Subject and text of a plain e-mail, quoted-printable or not. */
function read(raw: string, to: string[]): Mail {
  const [head = '', ...body] = raw.split('\r\n\r\n');
  const subject = /^Subject: ((?:.*\r\n[ \t])*.*)$/m.exec(head)?.[1]?.replace(/\r\n[ \t]/g, ' ') ?? '';
  const text = body.join('\r\n\r\n');
  const isQuoted = /quoted-printable/i.test(head);
  const plain = isQuoted
    ? text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text;
  return { to, subject, text: plain.replaceAll('\r\n', '\n') };
}
