import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReceiverReport } from './receiver.js';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
export const OPERATOR_KEY = 'bench-operator-key-0123456789';

export class Receiver {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(): Promise<Receiver> {
    const child = fork(here('./receiver.js'));
    return new Receiver(child, await portOf(child));
  }

  url(path: 'ok' | 'hang' | 'later' | 'again' | 'noise'): string {
    return `http://127.0.0.1:${this.port}/${path}`;
  }

  reset(keepLatencies = false): Promise<unknown> {
    return this.ask({ command: 'reset', keepLatencies });
  }

  report(): Promise<ReceiverReport> {
    return this.ask({ command: 'report' }) as Promise<ReceiverReport>;
  }

  /** Waits until this many have arrived. */
  async waitFor(count: number, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const { received } = (await this.ask({ command: 'count' })) as { received: number };
      if (received >= count) return;
      if (performance.now() > deadline) throw new Error(`only ${received} of ${count} arrived in ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private async ask(message: object): Promise<unknown> {
    this.child.send(message);
    const [answer] = (await once(this.child, 'message')) as [unknown];
    return answer;
  }
}

/** What a process of ours says when it listens. */
async function portOf(child: ChildProcess): Promise<number> {
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`a process of the bench ended with ${code}`)),
  );
  const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }];
  ended.catch(() => {});
  return port;
}

/** The relay, or a real Posthorn server with its embedded database: a process of its own in both cases. */
export interface Target {
  port: number;
  pid: number;
  /** Where Posthorn keeps its database. */
  folder?: string;
  stop(): Promise<void>;
}

/** The flags of `npm start`. */
const NODE_FLAGS = ['--max-semi-space-size=16', '--no-allocation-site-pretenuring'];

export async function startRelay(file: './relay.js' | './bare-relay.js', receiverUrl: string): Promise<Target> {
  const child = fork(here(file), [receiverUrl, OPERATOR_KEY], { execArgv: NODE_FLAGS });
  const port = await portOf(child);
  return {
    port,
    pid: child.pid ?? 0,
    stop: async () => void child.kill('SIGKILL'),
  };
}

/** @param environment more settings of the server */
export async function startPosthorn(environment: Record<string, string> = {}): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-bench-'));
  const child = spawn(process.execPath, [...NODE_FLAGS, here('../../packages/server/dist/main.js')], {
    env: {
      PATH: process.env.PATH,
      POSTHORN_PORT: '0',
      POSTHORN_DATA_DIR: folder,
      POSTHORN_OPERATOR_KEY: OPERATOR_KEY,
      POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8',
      POSTHORN_LOG_LEVEL: 'warn',
      // Memory is that of one node; how several compare is asked for by hand.
      POSTHORN_PROCESSES: process.env.POSTHORN_PROCESSES ?? '1',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGTERM'));
  const port = await new Promise<number>((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const match = /Page +http:\/\/127\.0\.0\.1:(\d+)/.exec(printed);
      if (match) resolve(Number(match[1]));
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${printed}`)));
  });
  return {
    port,
    pid: child.pid ?? 0,
    folder,
    stop: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Resident memory of a process in MB (10^6 bytes); NaN where the system does not tell. */
export function memoryMb(pid: number): number {
  try {
    const kb = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return Math.round((kb * 1024) / 1e5) / 10;
  } catch {
    return Number.NaN;
  }
}
