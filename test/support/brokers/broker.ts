/** Real brokers for the tests of sources, each in a folder of its own on free ports of this machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const START_TIMEOUT_MS = 60_000;
/** Where `npm run brokers` puts what it brings. */
export const BROKERS_FOLDER = new URL('../../../node_modules/.cache/brokers/', import.meta.url).pathname;

export interface Broker {
  /** Where clients find it. */
  readonly url: string;
  /** Ends it as a failure would, with everything it has on disk. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A program of this machine; undefined where it is not installed. */
export function findProgram(name: string, ...folders: string[]): string | undefined {
  for (const folder of [...folders, ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return undefined;
}

/** The class path of a program for Java that `npm run brokers` has brought. */
export function findJars(name: string): string | undefined {
  const folder = join(BROKERS_FOLDER, name);
  return findProgram('java') && existsSync(folder) ? join(folder, '*') : undefined;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Program {
  url: string;
  folder: string;
  command: string;
  args: readonly string[];
  env?: Record<string, string>;
  /** As whom it runs, when not as us. */
  user?: { uid: number; gid: number };
  /** Resolves when it answers; throws until then. */
  isReady: () => Promise<void>;
  /** What has to be done once it has ended. */
  after?: () => void;
}

export const newFolder = (name: string): string => mkdtempSync(join(tmpdir(), `posthorn-${name}-`));

/** Starts a program, and waits until it answers. */
export async function startBroker({ url, folder, command, args, env, user, isReady, after }: Program): Promise<Broker> {
  let child: ChildProcess | undefined;
  const logFile = join(folder, 'broker.log');
  const start = async () => {
    const log = openSync(logFile, 'a');
    const running = spawn(command, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      ...user,
      stdio: ['ignore', log, log],
      // Of a script and what it starts, all are ended together.
      detached: true,
    });
    child = running;
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await isReady();
        return;
      } catch (error) {
        if (running.exitCode !== null || Date.now() > deadline)
          throw new Error(`${command} did not start: ${error}\n${readFileSync(logFile, 'utf8').slice(-3_000)}`);
        await setTimeout(100);
      }
    }
  };
  const kill = async () => {
    const { pid, exitCode } = child ?? {};
    if (pid === undefined) return;
    const ended = exitCode === null ? new Promise((resolve) => child?.once('exit', resolve)) : undefined;
    spawnSync('kill', ['-9', '--', `-${pid}`]);
    await ended;
    child = undefined;
  };
  await start();
  return {
    url,
    kill,
    start,
    async stop() {
      await kill();
      after?.();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
