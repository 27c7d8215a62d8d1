import type { Command } from 'commander';
import { Session, withServer } from '../session.js';

export function cellCommands(program: Command): void {
  const cell = program.command('cell').description('The databases that accounts live in: see docs/cells.md');

  withServer(cell.command('list').description('How each of them is doing')).action(async (options) => {
    const session = new Session(options);
    const { data } = await session.posthorn.cells.list();
    if (session.isJson) return session.print(JSON.stringify(data, null, 2));
    session.list(
      data,
      [
        ['cell', ({ name }) => name],
        ['state', ({ state }) => state],
        ['accounts', ({ accounts }) => accounts],
        ['waiting', ({ waiting }) => waiting],
        ['per second', ({ finished_per_s }) => finished_per_s],
        ['bytes', ({ size_bytes }) => size_bytes],
        ['', ({ takes_new_accounts }) => (takes_new_accounts ? 'new accounts' : '')],
      ],
      'No cells.',
    );
  });
}
