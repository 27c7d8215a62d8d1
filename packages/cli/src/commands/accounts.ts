import type { Account } from '@posthorn/sdk';
import type { Command } from 'commander';
import { count, jsonText } from '../arguments.js';
import { CommandFailed, EXIT } from '../exit-codes.js';
import { type Column, time } from '../output.js';
import { Session, take, withServer } from '../session.js';

const COLUMNS: readonly Column<Account>[] = [
  ['ID', ({ id }) => id],
  ['NAME', ({ name }) => name],
  ['CONTRACT', ({ contract }) => contract],
  ['CREATED', ({ created_at }) => time(created_at)],
];

export function accountCommands(program: Command): void {
  const accounts = program.command('accounts').description("The product's customers");

  withServer(accounts.command('list').description('List them, newest first'))
    .option('--limit <n>', 'how many', count, 50)
    .action(async (options) => {
      const session = new Session(options);
      session.list(await take(session.posthorn.accounts.all(), options.limit), COLUMNS, 'No accounts yet.');
    });

  withServer(accounts.command('get').description('Show one').argument('<id>')).action(async (id: string, options) => {
    const session = new Session(options);
    const account = await session.posthorn.accounts.get(id);
    if (session.isJson) session.show(account, '');
    else session.list([account], COLUMNS, '');
  });

  withServer(accounts.command('create').description('Create one'))
    .requiredOption('--name <name>', 'as people know it')
    .requiredOption('--contract <contract>', 'what is promised to its receivers')
    .option('--id <id>', 'your own id of it')
    .option('--metadata <json>', 'whatever you want to keep with it')
    .action(async (options) => {
      const session = new Session(options);
      const { name, contract, id, metadata } = options;
      const account = await session.posthorn.accounts.create({
        name,
        contract,
        ...(id === undefined ? {} : { id }),
        ...(metadata === undefined ? {} : { metadata: JSON.parse(jsonText(metadata)) }),
      });
      session.show(account, account.id);
    });

  withServer(accounts.command('delete').description('Delete one with everything that belongs to it').argument('<id>'))
    .option('--yes', 'you are sure')
    .action(async (id: string, options) => {
      if (!options.yes) throw new CommandFailed(`This deletes ${id} and its whole history: say --yes.`, EXIT.usage);
      const session = new Session(options);
      await session.posthorn.accounts.delete(id);
      session.show({ id, deleted: true }, `${id} is deleted.`);
    });
}
