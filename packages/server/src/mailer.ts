import type { Mailer } from './manage/notice-sender.ts';

const TIMEOUT_MS = 10_000;
/** Of all that an e-mail takes. */
const TOTAL_MS = 20_000;

/** @param url as `smtps://user:password@mail.example.com:465` */
export async function openMailer({ url, from }: { url: string; from: string }): Promise<Mailer & { close(): void }> {
  // Most servers send none, and need not hold the library.
  const { createTransport } = await import('nodemailer');
  const closing = new AbortController();
  const transport = createTransport(
    {
      url,
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      dnsTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from },
  );
  return {
    async send(mail) {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(TOTAL_MS)]);
      await transport.sendMail({ ...mail, signal });
    },
    close() {
      closing.abort();
      transport.close();
    },
  };
}
