import type { Key } from '@posthorn/sdk';
import type { Command } from 'commander';
import { count, moment, several } from '../arguments.js';
import { EXIT } from '../exit-codes.js';
import { type Column, time } from '../output.js';
import { Session, take, withAccount, withServer } from '../session.js';

const COLUMNS: readonly Column<Key>[] = [
  ['ID', ({ id }) => id],
  ['LABEL', ({ label }) => label],
  ['BEGINS', ({ prefix }) => prefix],
  ['SCOPES', ({ scopes }) => scopes.join(' ')],
  ['USED', ({ last_used_at }) => time(last_used_at)],
  ['EXPIRES', ({ expires_at }) => time(expires_at)],
  ['ENABLED', ({ enabled }) => enabled],
];

export function keyCommands(program: Command): void {
  const keys = program.command('keys').description('API keys of an account');

  withAccount(keys.command('list').description('List them, newest first'))
    .option('--limit <n>', 'how many', count, 50)
    .action(async (options) => {
      const session = new Session(options);
      session.list(await take(session.account.keys.all(), options.limit), COLUMNS, 'No keys yet.');
    });

  withAccount(keys.command('create').description('Create one; prints it, which happens only now').argument('<label>'))
    .option('--scope <scope>', 'what it is for; several times for several', several)
    .option('--expires <time>', 'as 2027-01-01T00:00:00Z', moment)
    .action(async (label: string, { scope, expires, ...options }) => {
      const session = new Session(options);
      const key = await session.account.keys.create({
        label,
        scopes: scope ?? [],
        ...(expires ? { expires_at: expires } : {}),
      });
      session.show(key, key.key);
    });

  withAccount(keys.command('delete').description('Delete one; it is refused from then on').argument('<id>')).action(
    async (id: string, options) => {
      const session = new Session(options);
      await session.account.keys.delete(id);
      session.show({ id, deleted: true }, `${id} is deleted.`);
    },
  );

  withServer(keys.command('verify').description('Say whether a key is valid; exits with 1 if not').argument('<key>'))
    .option('--scope <scope>', 'that it needs; several times for several', several)
    .action(async (text: string, { scope, key, ...options }) => {
      const session = new Session({ ...options, ...(key ? { key } : {}) });
      const verdict = await session.posthorn.keys.verify({ key: text, ...(scope ? { scopes: scope } : {}) });
      const { valid, account, scopes, reason } = verdict;
      session.show(verdict, valid ? `valid: ${account}, ${scopes.join(' ') || 'no scopes'}` : `not valid: ${reason}`);
      if (!valid) process.exitCode = EXIT.failed;
    });
}
