import tab from '@bomb.sh/tab/commander';
import { Command } from 'commander';
import { accountCommands } from './commands/accounts.js';
import { cellCommands } from './commands/cell.js';
import { contractCommands } from './commands/contracts.js';
import { deliveryCommands } from './commands/deliveries.js';
import { doctorCommand } from './commands/doctor.js';
import { endpointCommands } from './commands/endpoints.js';
import { eventTypeCommands } from './commands/event-types.js';
import { eventCommands } from './commands/events.js';
import { importCommand } from './commands/import.js';
import { keyCommands } from './commands/keys.js';
import { listenCommand } from './commands/listen.js';
import { mcpCommand } from './commands/mcp.js';
import { replayCommand } from './commands/replay.js';
import { serverCommands } from './commands/server.js';
import { sourceCommands } from './commands/source.js';
import { tailCommand } from './commands/tail.js';
import { triggerCommand } from './commands/trigger.js';
import { EXIT } from './exit-codes.js';

/** The posthorn command with all that it can do. */
export function buildProgram(version: string): Command {
  const program = new Command('posthorn')
    .description("Outbound webhooks and API keys for your product's own customers")
    .version(version)
    .addHelpText(
      'after',
      '\nExit codes: 0 done; 1 refused, or it failed; 2 wrong usage; 3 no server answers.\nDocumentation: docs/cli.md, or /docs of a server.',
    );
  serverCommands(program);
  accountCommands(program);
  endpointCommands(program);
  eventCommands(program);
  deliveryCommands(program);
  keyCommands(program);
  listenCommand(program);
  triggerCommand(program);
  tailCommand(program);
  replayCommand(program);
  contractCommands(program);
  sourceCommands(program);
  eventTypeCommands(program);
  cellCommands(program);
  importCommand(program);
  doctorCommand(program);
  mcpCommand(program);
  tab(program, { completionCommandName: 'completion' });
  for (const command of everyCommand(program)) command.exitOverride();
  return program;
}

/** What commander says of a command line: its own code is 1 for everything. */
export function exitCodeOf(error: { exitCode: number }): number {
  return error.exitCode === 0 ? EXIT.done : EXIT.usage;
}

export function* everyCommand(command: Command): Generator<Command> {
  yield command;
  for (const one of command.commands) yield* everyCommand(one);
}
