import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../domain/clock.ts';
import { type Ran, type Run, TIME_MAX_MS } from './sandbox.ts';
import type { Answer } from './thread.ts';

const FILE = join(
  dirname(createRequire(import.meta.url).resolve('@posthorn/server/package.json')),
  'dist/transform/thread.js',
);
/** A thread that does not answer for so long is ended: some work within the engine cannot be interrupted. */
const STUCK_MS = 5 * TIME_MAX_MS;
const STARTING_MS = 10_000;
const HEAP_MAX_MB = 64;

interface Started {
  worker: Worker;
  ready: Promise<void>;
}

/** The thread did not start: no function is to blame. */
export class NoThread extends Error {}

/** A thread with a sandbox. It starts with the first run, and anew after one that broke it or did not end. */
export class SandboxThread {
  private started: Started | undefined;
  private isClosed = false;

  constructor(private readonly clock: Clock) {}

  /**
   * One at a time.
   * @throws NoThread
   */
  async run(run: Run): Promise<Ran & { tookMs: number }> {
    if (this.isClosed) throw new NoThread('The server is stopping.');
    this.started ??= start((worker) => {
      // One that dies while nobody waits is not used again.
      if (this.started?.worker === worker) this.started = undefined;
    });
    const { worker, ready } = this.started;
    try {
      await within(this.clock, STARTING_MS, ready);
    } catch (error) {
      await this.end();
      throw new NoThread(`The sandbox did not start: ${String(error)}`);
    }
    try {
      return await within(this.clock, STUCK_MS, answerOf(worker, run));
    } catch (error) {
      await this.end();
      if (this.isClosed) throw new NoThread('The server is stopping.');
      if (error instanceof TooLate) return { error: `takes more than ${TIME_MAX_MS} ms`, tookMs: STUCK_MS };
      return { error: 'does something that the sandbox cannot do, as an import', tookMs: STUCK_MS };
    }
  }

  /** For good: what runs is not told to have failed. */
  async stop(): Promise<void> {
    this.isClosed = true;
    await this.end();
  }

  private async end(): Promise<void> {
    const { worker } = this.started ?? {};
    this.started = undefined;
    await worker?.terminate();
  }
}

function start(onExit: (worker: Worker) => void): Started {
  const worker = new Worker(FILE, { env: {}, resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB } });
  // A server that stops does not wait for it.
  worker.unref();
  // Whatever comes of it while nobody waits ends no process.
  worker.on('error', () => {});
  worker.on('exit', () => onExit(worker));
  const ready = nextOf(worker).then(() => {});
  return { worker, ready };
}

function answerOf(worker: Worker, run: Run): Promise<Answer> {
  const answer = nextOf(worker) as Promise<Answer>;
  worker.postMessage(run);
  return answer;
}

function nextOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const listeners = {
      message: (value: unknown) => end(() => resolve(value)),
      error: (error: unknown) => end(() => reject(error)),
      exit: () => end(() => reject(new Error('the thread ended'))),
    };
    const end = (then: () => void) => {
      for (const [event, listen] of Object.entries(listeners)) worker.off(event, listen);
      then();
    };
    for (const [event, listen] of Object.entries(listeners)) worker.on(event, listen);
  });
}

class TooLate extends Error {}

/** @throws TooLate */
function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // The answer may be there, and this process have had no time to look.
    const cancel = clock.after(ms, () => setImmediate(() => reject(new TooLate(`no answer within ${ms} ms`))));
    promise.then(resolve, reject).finally(cancel);
  });
}
