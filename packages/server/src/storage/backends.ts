import { setTimeout } from 'node:timers/promises';
import { POOL_NAMES } from './connections.ts';
import { DatabaseUnavailable } from './database-errors.ts';

/** How long our own statements of before an outage may take to end. */
const STRAGGLERS_MS = 10_000;

/**
 * Ends the statements of one process of ours, and waits until they are over: what they stored is seen from then on, and
 * nothing follows.
 * @param name what its connections begin with
 * @throws DatabaseUnavailable when they do not end
 */
export async function endBackends(
  name: string,
  query: (text: string, values: string[][]) => Promise<unknown[]>,
): Promise<void> {
  const ours = 'FROM pg_stat_activity WHERE application_name = ANY ($1)';
  const names = [POOL_NAMES.map((pool) => `${name} ${pool}`)];
  const deadlineMs = performance.now() + STRAGGLERS_MS;
  await query(`SELECT pg_terminate_backend(pid) ${ours}`, names);
  while ((await query(`SELECT 1 ${ours}`, names)).length > 0) {
    if (performance.now() > deadlineMs) throw new DatabaseUnavailable('statements of before do not end');
    await setTimeout(20);
  }
}
