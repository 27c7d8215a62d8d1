import { fork } from 'node:child_process';
import { availableParallelism, constants, setPriority } from 'node:os';
import { bundle } from './bundle.ts';
import type { PlantedBug } from './planted-bugs.ts';
import type { Report } from './simulation.ts';
import type { WorkerMessage } from './worker.ts';

/** A process is replaced after so many: what a simulation leaves behind is not looked after. */
const SEEDS_OF_PROCESS = 100;
/** Planted bugs are mostly found at once. */
const SEEDS_WITH_BUG = 20;

export interface Run {
  seeds: number;
  published: number;
  received: number;
  /** At most one of each hundred seeds, the first of them first. */
  failures: Report[];
}

export interface RunOptions {
  first: number;
  count: number;
  /** Begins no more seeds when so many have failed. */
  failuresMax: number;
  isShrinking?: boolean;
  bug?: PlantedBug;
  /** Told of every hundred seeds. */
  onProgress?: (run: Run) => void;
}

/** Simulates seeds in as many processes as there are processors. */
export async function runSeeds(options: RunOptions): Promise<Run> {
  const { first, count, failuresMax, bug, onProgress } = options;
  const file = await bundle(bug);
  const run: Run = { seeds: 0, published: 0, received: 0, failures: [] };
  let next = first;
  const work = async () => {
    while (next < first + count && run.failures.length < failuresMax) {
      const from = next;
      next = Math.min(from + (bug ? SEEDS_WITH_BUG : SEEDS_OF_PROCESS), first + count);
      await runSome(file, from, next - from, options, run);
      onProgress?.(run);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  run.failures.sort((a, b) => a.seed - b.seed);
  return run;
}

function runSome(file: string, from: number, count: number, { isShrinking }: RunOptions, run: Run) {
  return new Promise<void>((resolve, reject) => {
    const child = fork(file, [String(from), String(count), ...(isShrinking ? ['shrink'] : [])]);
    // Other tests wait for browsers and sockets at the same time; this one waits for nothing.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    child.on('message', (message: WorkerMessage) => {
      if (message.kind === 'failed') {
        run.failures.push(message.report);
        return;
      }
      run.seeds += message.seeds;
      run.published += message.published;
      run.received += message.received;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a simulating process ended with ${code} between seeds ${from} and ${from + count - 1}`));
    });
  });
}
