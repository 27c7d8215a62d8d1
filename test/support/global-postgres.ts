/** One real PostgreSQL for all test files; each file makes a database of its own in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { EmbeddedPostgres } from '../../packages/server/src/storage/embedded.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgres: { host: string; port: number; user: string; password: string };
  }
}

export default async function setup(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-test-'));
  // Two files at a time, some of them with several servers: each has some fifteen connections.
  const postgres = new EmbeddedPostgres(folder, () => {}, { max_connections: '250' });
  await postgres.start();
  const { host = '', port = 0, user = '', password = '' } = postgres.connection;
  project.provide('postgres', { host, port, user, password: String(password) });
  return async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
