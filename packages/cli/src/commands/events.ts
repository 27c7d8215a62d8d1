import type { Event, ScheduledEvent } from '@posthorn/sdk';
import type { Command } from 'commander';
import { count, jsonText, moment } from '../arguments.js';
import { type Column, time } from '../output.js';
import { Session, take, withAccount } from '../session.js';

const COLUMNS: readonly Column<Event>[] = [
  ['ID', ({ id }) => id],
  ['TRIGGER', ({ trigger }) => trigger],
  ['AT', ({ created_at }) => time(created_at)],
  ['TEST', ({ test }) => (test ? 'test' : '')],
];
const SCHEDULED_COLUMNS: readonly Column<ScheduledEvent>[] = [
  ['ENTRY', ({ scheduled_id }) => scheduled_id],
  ['TRIGGER', ({ trigger }) => trigger],
  ['FOR', ({ scheduled_for }) => time(scheduled_for)],
  ['ID', ({ id }) => id],
  ['REFUSED', ({ error }) => error?.code],
];

export function eventCommands(program: Command): void {
  const events = program.command('events').description('What happened in an account');

  withAccount(events.command('list').description('List them, newest first'))
    .option('--limit <n>', 'how many', count, 50)
    .option('--trigger <trigger>', 'these alone')
    .action(async ({ trigger, limit, ...options }) => {
      const session = new Session(options);
      const found = await take(session.account.events.all(trigger === undefined ? {} : { trigger }), limit);
      session.list(found, COLUMNS, 'No events.');
    });

  withAccount(
    events.command('get').description('Show one with its payload, by its id or your own').argument('<id>'),
  ).action(async (id: string, options) => {
    const session = new Session(options);
    session.print(JSON.stringify(await session.account.events.get(id), null, 2));
  });

  withAccount(
    events
      .command('publish')
      .description('Publish one; the payload is JSON, @file, or - for standard input')
      .argument('<trigger>')
      .argument('[payload]', 'as {"total": 5.0}', '{}'),
  )
    .option('--id <id>', 'your own id of it: a repeat is no second event')
    .option('--at <time>', 'publish it then, as 2026-12-24T18:00:00Z', moment)
    .option('--by-topic', 'the payload is an object of topic and payload')
    .action(async (trigger: string, payload: string, { id, at, byTopic, ...options }) => {
      const session = new Session(options);
      // Its own text: 5.0 stays 5.0.
      const text = jsonText(payload);
      const head = JSON.stringify({ ...(id ? { id } : {}), ...(at ? { scheduled_for: at } : {}), trigger });
      const accepted = await session.account.publishText(
        `${head.slice(0, -1)},"${byTopic ? 'payloads' : 'payload'}":${text}}`,
      );
      const what = accepted.scheduled_for
        ? `scheduled for ${time(accepted.scheduled_for)}`
        : `${accepted.deliveries} deliveries`;
      session.show(accepted, `${accepted.id}  ${what}`);
    });

  withAccount(events.command('scheduled').description('List the events that are published later, the soonest first'))
    .option('--limit <n>', 'how many', count, 50)
    .action(async ({ limit, ...options }) => {
      const session = new Session(options);
      session.list(
        await take(session.account.scheduledEvents.all(), limit),
        SCHEDULED_COLUMNS,
        'Nothing is scheduled.',
      );
    });

  withAccount(
    events.command('cancel').description('Cancel an event that is published later').argument('<entry>', 'as sch_…'),
  ).action(async (entry: string, options) => {
    const session = new Session(options);
    await session.account.scheduledEvents.cancel(entry);
    session.show({ id: entry, cancelled: true }, `${entry} is cancelled.`);
  });
}
