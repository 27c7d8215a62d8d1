import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { CommandFailed, EXIT } from '../exit-codes.js';
import { Session, withServer } from '../session.js';

const LOOK_EVERY_MS = 500;

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

  withServer(
    cell
      .command('move')
      .argument('<account>')
      .argument('<cell>')
      .description('Move an account to another cell, while it goes on; waits until all of it is there'),
  ).action(async (account: string, to: string, options) => {
    const session = new Session(options);
    const { accounts } = session.posthorn;
    let move = await accounts.move(account, to);
    let said = '';
    while (move.state !== 'finished') {
      const line = move.error === null ? move.state : `${move.state}: ${move.error}`;
      if (line !== said && !session.isJson) session.print(line);
      said = line;
      await setTimeout(LOOK_EVERY_MS);
      move = await accounts.moveState(account);
    }
    if (session.isJson) return session.print(JSON.stringify(move, null, 2));
    if (move.error !== null) throw new CommandFailed(move.error, EXIT.failed);
    session.print(`${account} lives in ${to}: ${move.copied} events and deliveries were copied.`);
  });
}
