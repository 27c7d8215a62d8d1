/** Starts and stops the server. The only reader of the clock, of random and of the environment. */
import { randomBytes } from 'node:crypto';
import { ConfigError, readConfig } from './config.ts';
import { BrokenContract } from './contract/read-document.ts';
import { greeting } from './greeting.ts';
import { KeyRefused, operatorKeyFile } from './keyring.ts';
import { type RunningNode, startNode } from './node.ts';
import { DatabaseUnavailable } from './storage/database-errors.ts';
import { DataFolderInUse } from './storage/embedded.ts';
import { MigrationRefused } from './storage/migrate.ts';
import { DatabaseRefused } from './storage/requirements.ts';

const realClock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs: number, run: () => void) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** What an operator can mend; told in one line, without a stack. */
const EXPECTED = [ConfigError, BrokenContract, KeyRefused, DataFolderInUse, DatabaseRefused, MigrationRefused];

function explain(error: unknown): string {
  if (EXPECTED.some((kind) => error instanceof kind)) return (error as Error).message;
  if (error instanceof DatabaseUnavailable) {
    const cause =
      error.cause instanceof Error ? error.cause.message || (error.cause as NodeJS.ErrnoException).code : error.cause;
    return `DATABASE_URL: the database cannot be reached (${String(cause)}).`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function main(): Promise<void> {
  let node: RunningNode | undefined;
  let isStopping = false;
  const stop = () => {
    // Asked twice: at once, then. What is in flight is left to its lease.
    if (isStopping) process.exit(1);
    isStopping = true;
    // While starting, the stop waits until there is something to stop.
    node?.stop().then(() => process.exit(0), die);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const config = readConfig(process.env);
  node = await startNode(config, {
    clock: realClock,
    random: Math.random,
    signInToken: randomBytes(24).toString('base64url'),
  });
  if (isStopping) return void node.stop().then(() => process.exit(0), die);
  const isTerminal = process.stdout.isTTY === true;
  process.stdout.write(greeting(node, { isTerminal, keyFile: operatorKeyFile(config) }));
}

function die(error: unknown): void {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

main().catch(die);
