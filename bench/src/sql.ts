/** From an application's commit with `posthorn.publish` to its receiver. */
import { runningEmbedded } from '@posthorn/server/dist/storage/embedded.js';
import pg from 'pg';
import { createAccount } from './api.js';
import { payloadJson } from './load.js';
import type { Receiver, Target } from './processes.js';

const CONNECTIONS = 8;
const TIMEOUT_MS = 300_000;

/** Sorted, in milliseconds: from before the statement that commits, until the request has arrived. */
export async function commitToReceived(
  { port, folder = '' }: Target,
  receiver: Receiver,
  ratePerS: number,
  seconds: number,
): Promise<number[]> {
  const account = `sql-${ratePerS}`;
  await createAccount(port, account, receiver.url('ok'), 1);
  const database = runningEmbedded(folder);
  if (!database) throw new Error('the database of the server is not running');
  const pool = new pg.Pool({ ...database, max: CONNECTIONS });
  const publish = () => pool.query("SELECT posthorn.publish($1, 'bench.event', $2)", [account, payloadJson()]);
  await receiver.reset();
  await Promise.all(Array.from({ length: CONNECTIONS }, publish));
  await receiver.waitFor(CONNECTIONS, TIMEOUT_MS);
  await receiver.reset(true);
  const startedAt = performance.now();
  const published: Promise<unknown>[] = [];
  while (performance.now() - startedAt < seconds * 1_000) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * ratePerS);
    while (published.length < due) published.push(publish());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(published);
  await receiver.waitFor(published.length, TIMEOUT_MS);
  await pool.end();
  return (await receiver.report()).latencies;
}
