import { Type } from 'typebox';
import { timeOf } from '../../domain/quiet-hours.ts';
import { NOTICE_FORMATS, type NoticeSettings } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { AccountParams, closed, Nullable, named, responses, Time } from '../schemas.ts';
import { Url } from './endpoint-schemas.ts';

const Clock = Type.String({ maxLength: 5, description: 'As `22:00`' });
const Quiet = closed({
  from: Clock,
  to: Clock,
  time_zone: Type.String({ maxLength: 64, description: 'As `Europe/Berlin`' }),
});

const NoticesView = named(
  'Notices',
  Type.Object({
    email: Type.Union([Type.String(), Type.Null()], { description: 'Confirmed' }),
    pending_email: Type.Union([Type.String(), Type.Null()], { description: 'Waits for the code that was sent there' }),
    can_email: Type.Boolean({ description: 'Whether this server can send e-mails' }),
    url: Nullable(Type.String()),
    secret: Type.Union([Type.String(), Type.Null()], {
      description: 'Signs requests to `url`, as the `standard` contract does',
    }),
    format: Type.Enum(NOTICE_FORMATS, {
      description:
        'Of what goes to `url`: a signed event, or a message as Slack (and chats that read the same) take it',
    }),
    quiet: Type.Union([Quiet, Type.Null()], { description: 'What happens in these hours is told at their end' }),
    sent_at: Type.Union([Time, Type.Null()], { description: 'When the last message went out' }),
    last_error: Type.Union([Type.String(), Type.Null()], { description: 'Why the last one did not' }),
  }),
);

/** Where the people of an account are told how its webhooks stand. */
export function noticeRoutes(app: App, { accountNotices }: HttpParts): void {
  const present = ({ email, pendingEmail, url, secret, format, quiet, sentAt, lastError }: NoticeSettings) => ({
    email,
    pending_email: pendingEmail,
    can_email: accountNotices.canSendEmail,
    url,
    secret,
    format,
    quiet: quiet && { from: timeOf(quiet.fromMinute), to: timeOf(quiet.toMinute), time_zone: quiet.timeZone },
    sent_at: sentAt?.toISOString() ?? null,
    last_error: lastError,
  });

  app.get(
    '/accounts/:account/notices',
    {
      schema: {
        operationId: 'getNotices',
        summary: 'Show where an account is told how its webhooks stand',
        tags: ['Developers page'],
        params: AccountParams,
        response: responses({ 200: NoticesView }),
      },
    },
    async (request) => present(await accountNotices.settings(request.params.account)),
  );

  app.patch(
    '/accounts/:account/notices',
    {
      schema: {
        operationId: 'changeNotices',
        summary: 'Choose where an account is told how its webhooks stand',
        description:
          'That one fails, will soon be switched off, was switched off, or has recovered. An e-mail address counts when the code that is sent there has been confirmed; `url` gets an event `webhooks.changed`, signed as the `standard` contract does.',
        tags: ['Developers page'],
        params: AccountParams,
        body: closed({
          email: Type.Optional(Nullable(Type.String({ maxLength: 254 }))),
          url: Type.Optional(Nullable(Url)),
          format: Type.Optional(
            Type.Enum(NOTICE_FORMATS, { description: 'Without it: slack for hooks.slack.com, standard for others' }),
          ),
          quiet: Type.Optional(Nullable(Quiet)),
        }),
        response: responses({ 200: NoticesView }, 409, 422),
      },
    },
    async (request) => present(await accountNotices.change(request.params.account, request.body)),
  );

  app.post(
    '/accounts/:account/notices/confirm',
    {
      schema: {
        operationId: 'confirmNotices',
        summary: 'Confirm an e-mail address with the code that was sent there',
        tags: ['Developers page'],
        params: AccountParams,
        body: closed({ code: Type.String({ maxLength: 20 }) }),
        response: responses({ 200: NoticesView }),
      },
    },
    async (request) => present(await accountNotices.confirm(request.params.account, request.body.code)),
  );

  app.post(
    '/accounts/:account/notices/test',
    {
      schema: {
        operationId: 'testNotices',
        summary: 'Send a test to where an account is told',
        tags: ['Developers page'],
        params: AccountParams,
        response: responses({
          200: Type.Object({
            data: Type.Array(Type.Object({ channel: Type.Enum(['email', 'webhook']), error: Nullable(Type.String()) })),
          }),
        }),
      },
    },
    async (request) => ({ data: await accountNotices.test(request.params.account) }),
  );
}
