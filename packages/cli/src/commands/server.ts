import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { CommandFailed, EXIT } from '../exit-codes.js';

/** What garbage collection should know of the server's objects: see ARCHITECTURE. */
const NODE_FLAGS = ['--max-semi-space-size=16', '--no-allocation-site-pretenuring'];

export function serverCommands(program: Command): void {
  program
    .command('serve', { isDefault: true })
    .description('Start the server: page and API on http://127.0.0.1:8400. Settings are environment variables')
    // Whatever is no command comes here.
    .allowExcessArguments()
    .action(async (_, command: Command) => {
      const [unknown] = command.args;
      if (unknown !== undefined)
        throw new CommandFailed(`There is no command ${unknown}; see posthorn --help.`, EXIT.usage);
      await serve();
    });

  program
    .command('migrate')
    .description('Bring the database to this version, as a start does; for deployments that do it apart')
    .action(async () => {
      const { migrateDatabase } = await import('../migrate.js');
      process.exitCode = await migrateDatabase(process.env, console.log);
    });

  program
    .command('reseal')
    .description('Encrypt all secrets anew with the first key of POSTHORN_MASTER_KEY, while servers run')
    .action(async () => {
      const { resealSecrets } = await import('../reseal.js');
      process.exitCode = await resealSecrets(process.env, console.log);
    });
}

/** In a process of its own, because of its flags; signals go on to it, and it ends this one. */
function serve(): Promise<void> {
  const main = fileURLToPath(import.meta.resolve('@posthorn/server'));
  const server = spawn(process.execPath, [...NODE_FLAGS, main], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // A terminal sends Ctrl-C to both.
    process.on(signal, () => void (signal === 'SIGINT' && process.stdin.isTTY ? undefined : server.kill(signal)));
  }
  return new Promise((resolve) => {
    server.on('exit', (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}
