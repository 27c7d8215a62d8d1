import { createTransport } from 'nodemailer';
import type { Mailer } from './manage/notice-sender.ts';

const TIMEOUT_MS = 20_000;

/** @param url as `smtps://user:password@mail.example.com:465` */
export function openMailer({ url, from }: { url: string; from: string }): Mailer & { close(): void } {
  const transport = createTransport(url, { from });
  Object.assign(transport.options, {
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(mail) {
      await transport.sendMail(mail);
    },
    close: () => transport.close(),
  };
}
