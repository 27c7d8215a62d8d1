/** Hot statements are planned by index, whatever the statistics say: the queue was empty when they were planned. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../../../../test/support/database.ts';
import { HOT_SETTINGS, settingStatement } from './connections.ts';
import { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { retentionStore } from './retention.ts';

const DAY_MS = 86_400_000;
let client: pg.Client;
let database: Database;

beforeAll(async () => {
  const url = await createDatabase();
  database = new Database({ connectionString: url });
  await migrate({ connectionString: url }, () => {});
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  await retentionStore(database).ensureDays([today, today + DAY_MS]);
  client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(settingStatement(HOT_SETTINGS));
});
afterAll(async () => {
  await client.end();
  await database.stop();
});

async function planOf(name: string): Promise<string> {
  const sql = readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), 'utf8');
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN) ${sql}`);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

test.each([
  'accept',
  'accept_simple',
  'claim',
  'settle',
  'settle_first',
  'keep',
  'retry',
  'lanes_behind',
  'idempotency_find',
  'directory',
])('%s', async (name) => {
  const plan = await planOf(name);
  expect(plan).not.toMatch(/Seq Scan on (queue|lanes|events|deliveries|attempts|accounts|endpoints|idempotency)/);
  expect(plan).not.toMatch(/Hash Join|Merge Join/);
});

test('settle finds each row by its key', async () => {
  const plan = await planOf('settle');
  expect(plan).toMatch(/Delete on queue[\s\S]*?Index Scan using queue_pkey on queue/);
  expect(plan).toMatch(/Update on queue[\s\S]*?Index Scan using queue_pkey on queue/);
});

test('a claim walks each endpoint’s own part of the index', async () => {
  expect(await planOf('claim')).toMatch(/Index .*Scan using queue_due on queue/);
});

test('lanes are taken in the order in which they are due', async () => {
  expect(await planOf('lanes_take')).toMatch(/Index Scan using lanes_due on lanes/);
});
