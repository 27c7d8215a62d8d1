import type { Attempt, Delivery } from '@posthorn/sdk';
import type { Command } from 'commander';
import { Option } from 'commander';
import { count } from '../arguments.js';
import { type Column, time } from '../output.js';
import { Session, take, withAccount } from '../session.js';

const STATUSES = ['pending', 'delivering', 'held', 'failed', 'succeeded', 'discarded', 'skipped'] as const;

export const answerOf = ({ last_status, last_error }: Pick<Delivery, 'last_status' | 'last_error'>): string =>
  last_status === null ? (last_error ?? '-') : String(last_status);

const COLUMNS: readonly Column<Delivery>[] = [
  ['ID', ({ id }) => id],
  [
    'STATUS',
    ({ status, reason }) => (reason === null ? status : `${status} (${reason})`),
    ({ status }) => colourOf(status),
  ],
  ['TRIGGER', ({ trigger }) => trigger],
  ['ANSWER', answerOf],
  ['TRIES', ({ attempt_count }) => attempt_count],
  ['AT', ({ created_at }) => time(created_at)],
  ['NEXT', ({ next_attempt_at }) => time(next_attempt_at)],
];
const ATTEMPT_COLUMNS: readonly Column<Attempt>[] = [
  ['#', ({ number }) => number],
  ['AT', ({ started_at }) => time(started_at)],
  ['ANSWER', ({ response, error }) => response?.status ?? error],
  ['MS', ({ duration_ms }) => Math.round(duration_ms)],
  ['BODY', ({ response, error_detail }) => (response ? response.body.slice(0, 80) : error_detail)],
];

export function colourOf(status: Delivery['status']): 'green' | 'red' | 'yellow' | 'dim' {
  if (status === 'succeeded') return 'green';
  if (status === 'failed' || status === 'discarded') return 'red';
  return status === 'skipped' ? 'dim' : 'yellow';
}

export function deliveryCommands(program: Command): void {
  const deliveries = program.command('deliveries').description('One event for one endpoint, with every attempt');

  withAccount(deliveries.command('list').description('List them, newest first'))
    .option('--limit <n>', 'how many', count, 50)
    .addOption(new Option('--status <status>', 'these alone').choices(STATUSES))
    .option('--endpoint <id>', 'of this endpoint')
    .option('--trigger <trigger>', 'of this trigger')
    .action(async ({ status, endpoint, trigger, limit, ...options }) => {
      const session = new Session(options);
      const filter = {
        ...(status ? { status } : {}),
        ...(endpoint ? { endpoint } : {}),
        ...(trigger ? { trigger } : {}),
      };
      session.list(await take(session.account.deliveries.all(filter), limit), COLUMNS, 'No deliveries.');
    });

  withAccount(deliveries.command('get').description('Show one, with its attempts').argument('<id>')).action(
    async (id: string, options) => {
      const session = new Session(options);
      const delivery = await session.account.deliveries.get(id);
      if (session.isJson) return session.show(delivery, '');
      session.list([delivery], COLUMNS, '');
      session.print('');
      session.list(delivery.attempts, ATTEMPT_COLUMNS, 'No attempts yet.');
    },
  );

  withAccount(deliveries.command('retry').description('Send one again, now').argument('<id>')).action(
    async (id: string, options) => {
      const session = new Session(options);
      session.show(await session.account.deliveries.retry(id), `${id} is sent again.`);
    },
  );
}
