/** Starts and stops the server. The only reader of the clock, of random and of the environment. */
import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { type Config, ConfigError, readConfig } from './config.ts';
import { BrokenContract } from './contract/read-document.ts';
import { greeting } from './greeting.ts';
import { KeyRefused, operatorKeyFile } from './keyring.ts';
import { openLog, startNode } from './node.ts';
import { Primary, WorkerRefused } from './processes/primary.ts';
import { runWorker } from './processes/worker.ts';
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

/** What has been started: one node, or several processes. */
interface Running {
  url: string;
  freshOperatorKey?: string | undefined;
  stop(): Promise<void>;
}

async function startOne(config: Config, signInToken: string): Promise<Running> {
  return await startNode(config, { clock: realClock, random: Math.random, signInToken });
}

async function startSeveral(config: Config, signInToken: string): Promise<Running> {
  const primary = new Primary(config, openLog(config), signInToken);
  try {
    return { ...(await primary.start()), stop: () => primary.stop() };
  } catch (error) {
    await primary.stop();
    throw error;
  }
}

async function main(): Promise<void> {
  let running: Running | undefined;
  let isStopping = false;
  const stop = () => {
    // Asked twice: at once, then. What is in flight is found by whoever starts next.
    if (isStopping) process.exit(1);
    isStopping = true;
    // While starting, the stop waits until there is something to stop.
    running?.stop().then(() => process.exit(0), exitWithError);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const config = readConfig(process.env);
  const signInToken = randomBytes(24).toString('base64url');
  running = await (config.processes > 1 ? startSeveral : startOne)(config, signInToken);
  if (isStopping) return void running.stop().then(() => process.exit(0), exitWithError);
  const isTerminal = process.stdout.isTTY === true;
  const { url, freshOperatorKey } = running;
  process.stdout.write(
    greeting({ url, freshOperatorKey, signInToken }, { isTerminal, keyFile: operatorKeyFile(config) }),
  );
}

function exitWithError(error: unknown): void {
  // A process that was refused has said so itself.
  if (!(error instanceof WorkerRefused)) process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

if (cluster.isPrimary) main().catch(exitWithError);
else {
  runWorker(
    (siblings) => {
      const { signInToken } = siblings.start;
      return startNode(readConfig(process.env), { clock: realClock, random: Math.random, signInToken, siblings });
    },
    (error) => (error === undefined ? process.exit(0) : exitWithError(error)),
  );
}
