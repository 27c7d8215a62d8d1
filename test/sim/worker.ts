/** A process that simulates seeds: `worker.mjs <first> <count> [shrink]`. It ends with the first that fails, and tells its parent. */

import { shrink } from './shrink.ts';
import { type Report, simulate } from './simulation.ts';

export type WorkerMessage =
  | { kind: 'failed'; report: Report }
  | { kind: 'done'; seeds: number; published: number; received: number };

const [first = 1, count = 1] = process.argv.slice(2, 4).map(Number);
const isShrinking = process.argv[4] === 'shrink';
const send = (message: WorkerMessage) => new Promise((resolve) => process.send?.(message, resolve));

let published = 0;
let received = 0;
let failed: Report | undefined;
let seeds = 0;
for (let seed = first; seed < first + count && !failed; seed++) {
  const report = await simulate(seed);
  published += report.published;
  received += report.received;
  seeds++;
  if (report.failure !== undefined) failed = report;
}
if (failed) await send({ kind: 'failed', report: isShrinking ? await shrink(failed) : failed });
await send({ kind: 'done', seeds, published, received });
process.exit();
