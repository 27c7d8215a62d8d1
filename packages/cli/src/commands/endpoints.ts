import type { Endpoint } from '@posthorn/sdk';
import type { Command } from 'commander';
import { count, several, subscription } from '../arguments.js';
import { EXIT } from '../exit-codes.js';
import { type Column, coloured } from '../output.js';
import { Session, take, withAccount } from '../session.js';

const COLUMNS: readonly Column<Endpoint>[] = [
  ['ID', ({ id }) => id],
  ['STATUS', ({ status, inactive_reason }) => (inactive_reason === null ? status : `${status} (${inactive_reason})`)],
  ['URL', ({ url }) => url],
  [
    'EVENTS',
    ({ subscriptions }) =>
      subscriptions.map(({ topic, trigger }) => (topic ? `${topic}:${trigger}` : trigger)).join(' '),
  ],
];

export function endpointCommands(program: Command): void {
  const endpoints = program.command('endpoints').description("Where an account's webhooks go");

  withAccount(endpoints.command('list').description('List them, newest first'))
    .option('--limit <n>', 'how many', count, 50)
    .action(async (options) => {
      const session = new Session(options);
      session.list(await take(session.account.endpoints.all(), options.limit), COLUMNS, 'No endpoints yet.');
    });

  withAccount(endpoints.command('get').description('Show one').argument('<id>')).action(async (id: string, options) => {
    const session = new Session(options);
    const endpoint = await session.account.endpoints.get(id);
    if (session.isJson) session.show(endpoint, '');
    else session.list([endpoint], COLUMNS, '');
  });

  withAccount(endpoints.command('create').description('Create one; prints its id and its secret').argument('<url>'))
    .option(
      '-s, --subscribe <trigger>',
      'what it gets: a trigger, `topic:trigger` or `order.*`; several times for several',
      several,
    )
    .option('--description <text>')
    .option('--inactive', 'it gets nothing until it is activated')
    .action(async (url: string, options) => {
      const session = new Session(options);
      const endpoint = await session.account.endpoints.create({
        url,
        subscriptions: (options.subscribe ?? ['*']).map(subscription),
        ...(options.description === undefined ? {} : { description: options.description }),
        ...(options.inactive ? { status: 'inactive' as const } : {}),
      });
      session.show(endpoint, `${endpoint.id}\n${endpoint.secret}`);
    });

  withAccount(endpoints.command('change').description('Change one').argument('<id>'))
    .option('--to <url>', 'another URL')
    .option('-s, --subscribe <trigger>', 'all that it gets from now on; several times for several', several)
    .option('--description <text>')
    .action(async (id: string, { to, subscribe, description, ...options }) => {
      const session = new Session(options);
      const endpoint = await session.account.endpoints.change(id, {
        ...(to === undefined ? {} : { url: to }),
        ...(subscribe === undefined ? {} : { subscriptions: subscribe.map(subscription) }),
        ...(description === undefined ? {} : { description }),
      });
      session.show(endpoint, `${id} is changed.`);
    });

  for (const [name, description] of [
    ['activate', 'Switch one on: what was held goes out; what was published while it was off stays skipped'],
    ['deactivate', 'Switch one off; what waits for it is held'],
  ] as const) {
    withAccount(endpoints.command(name).description(description).argument('<id>')).action(
      async (id: string, options) => {
        const session = new Session(options);
        const { status } = await session.account.endpoints[name](id);
        session.show({ id, status }, `${id} is ${status}.`);
      },
    );
  }

  withAccount(
    endpoints
      .command('test')
      .description('Send a sample, and say what was answered; exits with 1 if that was no success')
      .argument('<id>'),
  )
    .option('--trigger <trigger>', 'which sample')
    .option('--topic <topic>')
    .action(async (id: string, { trigger, topic, ...options }) => {
      const session = new Session(options);
      const outcome = await session.account.endpoints.test(id, {
        ...(trigger ? { trigger } : {}),
        ...(topic ? { topic } : {}),
      });
      const { attempt, succeeded } = outcome;
      const answer = attempt?.response ? `${attempt.response.status}` : (attempt?.error ?? 'not sent');
      session.show(
        outcome,
        `${coloured(answer, succeeded ? 'green' : 'red')} after ${Math.round(attempt?.duration_ms ?? 0)} ms`,
      );
      if (!succeeded) process.exitCode = EXIT.failed;
    });

  withAccount(endpoints.command('secret').description("Print one's secret").argument('<id>')).action(
    async (id: string, options) => {
      const session = new Session(options);
      const answer = await session.account.endpoints.secret(id);
      session.show(answer, answer.secret);
    },
  );

  withAccount(
    endpoints
      .command('rotate-secret')
      .description('Give one a new secret; the old one signs, too, for a while')
      .argument('<id>'),
  )
    .option('--overlap <seconds>', 'for how long', Number)
    .action(async (id: string, { overlap, ...options }) => {
      const session = new Session(options);
      const endpoint = await session.account.endpoints.rotateSecret(
        id,
        overlap === undefined ? {} : { overlap_seconds: overlap },
      );
      session.show(endpoint, endpoint.secret);
    });

  withAccount(
    endpoints.command('delete').description('Delete one; what waits for it is discarded').argument('<id>'),
  ).action(async (id: string, options) => {
    const session = new Session(options);
    await session.account.endpoints.delete(id);
    session.show({ id, deleted: true }, `${id} is deleted.`);
  });
}
