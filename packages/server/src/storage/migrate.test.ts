import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { createDatabase, query } from '../../../../test/support/database.ts';
import { openClient, relayTo } from '../../../../test/support/faults.ts';
import { migrate, readMigrations } from './migrate.ts';

/** Far below what the migrations of these tests take: as a role or a database may have it set. */
const TIMEOUT = '200ms';
let url: string;
let logged: string[];

beforeEach(async () => {
  url = await createDatabase();
  logged = [];
  await query(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET statement_timeout = '${TIMEOUT}'`);
});

function migrations(...texts: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-migrations-'));
  texts.forEach((sql, i) => {
    writeFileSync(join(folder, `000${i + 1}_test.sql`), sql);
  });
  return readMigrations(pathToFileURL(`${folder}/`));
}
const run = (...texts: string[]) =>
  migrate({ connectionString: url }, (line) => logged.push(line), migrations(...texts));

test('a migration takes as long as it needs', async () => {
  expect(await run('SELECT pg_sleep(0.5)', 'CREATE TABLE made ()')).toEqual(['0001_test.sql', '0002_test.sql']);
  expect(await run('SELECT pg_sleep(0.5)', 'CREATE TABLE made ()')).toEqual([]);
});

test('one that waits for the migrations of another node waits for as long as they take, and says so', async () => {
  const first = run('SELECT pg_sleep(3)');
  await new Promise((resolve) => setImmediate(resolve));
  const [, second] = await Promise.all([first, run('SELECT pg_sleep(3)')]);
  expect(second.length + (await first).length).toBe(1);
  expect(logged).toContain('Waiting for the migrations of another node …');
});

test('a table that is in use is waited for in short turns, so that nobody queues behind the migration for long', async () => {
  await query(url, 'CREATE TABLE busy (a int)');
  const reader = await openClient(url);
  await reader.query('SET statement_timeout = 0; BEGIN; SELECT * FROM busy');
  const migrating = run('ALTER TABLE busy ADD COLUMN b int');
  const waiting = async () =>
    query(url, "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE busy%'");
  while (!logged.some((line) => line.includes('waits for a table'))) await waiting();
  await reader.query('COMMIT');
  await reader.end();
  expect(await migrating).toEqual(['0001_test.sql']);
});

test('a connection that falls silent under it is given up, however long migrations may take', async () => {
  const relay = await relayTo(url);
  const all = migrations('SELECT pg_sleep(60)');
  const migrating = migrate({ connectionString: relay.url }, () => {}, all, 200);
  const isAtWork = async () =>
    (await query(url, "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"))
      .length > 0;
  while (!(await isAtWork()));
  relay.setSilent(true);
  await expect(migrating).rejects.toThrow(/terminated/);
  await relay.stop();
});

test('one that fails leaves nothing of itself, and those before it stay', async () => {
  await expect(run('CREATE TABLE kept ()', 'CREATE TABLE gone (); SELECT 1 / 0')).rejects.toThrow(/division by zero/);
  const tables = await query<{ name: string }>(
    url,
    "SELECT relname AS name FROM pg_class WHERE relname IN ('kept', 'gone')",
  );
  expect(tables).toEqual([{ name: 'kept' }]);
});
