/** A PostgreSQL of the test's own, to be killed. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../../packages/server/src/storage/embedded.ts';

export interface OwnPostgres {
  url: string;
  /** As a machine that fails: it starts again by itself a little later. False when it is down anyway. */
  kill(): boolean;
  stop(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-own-'));
  let postgres = new EmbeddedPostgres(folder, () => {});
  await postgres.start();
  return {
    url: postgres.url,
    kill() {
      try {
        const [pid] = readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
        return process.kill(Number(pid), 'SIGKILL');
      } catch {
        return false;
      }
    },
    stop: () => postgres.stop(),
    async start() {
      postgres = new EmbeddedPostgres(folder, () => {});
      await postgres.start();
    },
    async remove() {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
