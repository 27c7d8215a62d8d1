/** The thread in which transformations run: what it is sent is run, one after the other, and answered. */

import { performance } from 'node:perf_hooks';
import { parentPort } from 'node:worker_threads';
import { type Ran, type Run, Sandbox, TIME_MAX_MS } from './sandbox.ts';

// The engine asks this thread for the time zone: transformations have the same one everywhere.
Date.prototype.getTimezoneOffset = () => 0;

/** What a thread answers: with how long it took. */
export type Answer = Ran & { tookMs: number };

const sandbox = await Sandbox.open();
// The first run compiles the engine: that is nobody's time.
sandbox.run(
  {
    code: 'function transform(request) { return request }',
    request: '{}',
    event: '{}',
    nowMs: 0,
    seed: 0,
    resultMax: 100,
  },
  () => false,
);
parentPort?.on('message', (run: Run) => {
  const startedMs = performance.now();
  const ran = sandbox.run(run, () => performance.now() > startedMs + TIME_MAX_MS);
  parentPort?.postMessage({ ...ran, tookMs: performance.now() - startedMs } satisfies Answer);
});
parentPort?.postMessage('ready');
