/** A PostgreSQL of the test's own, to be killed. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../../packages/server/src/storage/embedded.ts';

export interface OwnPostgres {
  url: string;
  /** As a machine that fails: it starts again by itself a little later. */
  kill(): void;
  stop(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-own-'));
  let postgres = new EmbeddedPostgres(folder, () => {});
  await postgres.start();
  const { host = '', port = 0, user = '', password = '' } = postgres.connection;
  const url = new URL(`postgres://localhost:${port}/postgres`);
  url.username = user;
  url.password = String(password);
  url.searchParams.set('host', host);
  return {
    url: url.href,
    kill: () =>
      process.kill(Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL'),
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
