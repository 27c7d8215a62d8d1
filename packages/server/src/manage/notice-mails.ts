import type { NoticeContent } from '../storage/page-store.ts';

type Webhook = NoticeContent['webhooks'][number];

const SUBJECTS: Record<Exclude<Webhook['standing'], 'paused'>, string> = {
  switched_off: 'switched off',
  half_way: 'about to be switched off',
  failing: 'failing',
  certificate_ends: 'with a certificate that ends',
  ok: 'working again',
};
/** What is worst stands first. */
const ORDER = Object.keys(SUBJECTS) as (keyof typeof SUBJECTS)[];

/** A name in an e-mail to somebody who has not asked for it: no links, nothing long. */
function plainName(name: string): string {
  const line = name.replace(/\s+/g, ' ').trim();
  return line.length > 80 || /[/:@]|\.\p{L}{2}/u.test(line) ? 'an account' : line;
}

/** The code that confirms an address. */
export function codeMail(code: string, accountName: string): { subject: string; text: string } {
  return {
    subject: `${code} is your code`,
    text: [
      `Somebody wants to be told at this address when webhooks of ${plainName(accountName)} fail.`,
      '',
      `If that is you, type this code where you asked for it: ${code}`,
      'It is valid for 30 minutes. If it is not you, do nothing: no notices are sent here without it.',
    ].join('\n'),
  };
}

/** A summary: how many of what, then a paragraph each. */
export function noticeMail({ account_name: name, webhooks, more = 0 }: NoticeContent): {
  subject: string;
  text: string;
} {
  if (webhooks.length === 0) {
    return {
      subject: `A test: webhooks of ${name}`,
      text: `This is what you asked for: when webhooks of ${name} fail, are switched off or recover, it is told here.`,
    };
  }
  const sorted = ORDER.flatMap((standing) =>
    webhooks.filter((one) => one.standing === standing).map((one) => paragraphOf(one, SUBJECTS[standing])),
  );
  const counts = ORDER.map((standing) => ({
    standing,
    count: webhooks.filter((one) => one.standing === standing).length,
  }))
    .filter(({ count }) => count > 0)
    .map(({ standing, count }) => `${count} ${count === 1 ? 'webhook' : 'webhooks'} ${SUBJECTS[standing]}`);
  return {
    subject: `${name}: ${counts.join(', ')}`,
    text: [
      ...sorted,
      ...(more === 0 ? [] : [`And ${more} more.`]),
      footerOf(webhooks.some((one) => one.of_account !== undefined)),
    ].join('\n\n'),
  };
}

/** Each message ends with why it comes: it is left out of chats. */
function footerOf(isToOperator: boolean): string {
  const by = isToOperator ? 'in the configuration of the server' : 'on the Developers page';
  return `You are told because this address was chosen ${by}.`;
}

/** As Slack's incoming webhooks take it (`text` in mrkdwn), and Mattermost's, Rocket.Chat's and Discord's `/slack`. */
export function chatMessage(content: NoticeContent): { text: string } {
  const { subject, text } = noticeMail(content);
  const body = content.webhooks.length === 0 ? text : text.slice(0, text.lastIndexOf('\n\n'));
  return { text: `*${escaped(subject).replaceAll('*', ' ')}*\n${escaped(body)}` };
}

/** No name of a customer becomes a link, or calls everybody in a channel. */
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function paragraphOf(webhook: Webhook, subject: string): string {
  const { url, events, standing, since, failures, limit, held, last_status: status, last_error: error } = webhook;
  const answer = status != null ? `answered ${status}` : error != null ? `failed (${error})` : undefined;
  const { certificate_ends_at: endsAt } = webhook;
  const about =
    endsAt === undefined ? `Since ${since}: ${subject}` : `Its certificate ends at ${endsAt}: put in a new one`;
  const { of_account: account } = webhook;
  const lines = [
    url,
    ...(account === undefined ? [] : [`  Account: ${account}`]),
    ...(events.length === 0 ? [] : [`  Events: ${events.join(', ')}`]),
    `  ${about}${answer === undefined ? '' : `; the last request ${answer}`}.`,
  ];
  if (standing === 'half_way') lines.push(`  ${failures} failures in a row: at ${limit} it is switched off.`);
  if (standing === 'switched_off') {
    const who = account === undefined ? 'you activate it' : 'it is activated';
    if (account === undefined || held !== undefined)
      lines.push(`  ${held ?? 0} messages are on hold. They are sent when ${who} on the Developers page.`);
  }
  return lines.join('\n');
}
