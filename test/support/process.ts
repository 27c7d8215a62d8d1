import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { OPERATOR_KEY } from './node.ts';

const MAIN = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));

export interface ServerProcess {
  child: ChildProcess;
  /** Everything printed so far. */
  printed(): string;
  /** Resolves with the page's URL; rejects when the process ends before. */
  ready: Promise<string>;
  /** The exit code, or the signal's name. */
  ended: Promise<number | string>;
}

/** Starts the built server as a user would: a process of its own, everything else by environment. */
export function startServer(environment: Record<string, string>): ServerProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      POSTHORN_PORT: '0',
      POSTHORN_OPERATOR_KEY: OPERATOR_KEY,
      POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8',
      POSTHORN_LOG_LEVEL: 'info',
      POSTHORN_PROCESSES: '1',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  const ready = new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const match = /Page +(http:\/\/\S+)/.exec(text);
        if (match?.[1]) resolve(match[1]);
      });
    }
    void ended.then((how) => reject(new Error(`the server ended with ${how}:\n${text}`)));
  });
  ready.catch(() => {});
  return { child, printed: () => text, ready, ended };
}
