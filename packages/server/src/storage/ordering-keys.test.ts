/** Lines of ordering keys as PostgreSQL keeps them, whoever adds and takes out at the same moment. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, query } from '../../../../test/support/database.ts';
import { migrate } from './migrate.ts';

const ENDPOINT = '00000000-0000-7000-8000-0000000000e1';
let url: string;
let number = 0;
const clients: pg.Client[] = [];

beforeAll(async () => {
  url = await createDatabase();
  await migrate({ connectionString: url }, () => {});
  for (let i = 0; i < 4; i++) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    clients.push(client);
  }
});
afterAll(() => Promise.all(clients.map((client) => client.end())));
beforeEach(() => query(url, 'DELETE FROM queue'));

const idOf = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

async function add(client: pg.Client, keys: readonly string[]): Promise<string[]> {
  const ids = keys.map(() => idOf(++number));
  await client.query(
    `INSERT INTO queue (account_id, id, endpoint_id, event_id, trigger, test, due_at, ordering_key)
     SELECT 'a', id, $3, id, 'a.b', false, now(), key FROM unnest($1::uuid[], $2::text[]) AS q(id, key)`,
    [ids, keys, ENDPOINT],
  );
  return ids;
}
const takeOut = (client: pg.Client, ids: readonly string[]) =>
  client.query("DELETE FROM queue WHERE account_id = 'a' AND id = ANY ($1::uuid[])", [ids]);
const rows = () =>
  query<{ id: string; key: string; is_due: boolean }>(
    url,
    "SELECT id, ordering_key AS key, due_at < 'infinity' AS is_due FROM queue ORDER BY turn",
  );
const isDue = async (id: string) => (await rows()).find((row) => row.id === id)?.is_due;

test('the next is due when the first leaves, and no other', async () => {
  const [client] = clients as [pg.Client];
  const [first = '', second = '', third = ''] = await add(client, ['k', 'k', 'k']);
  expect(await Promise.all([first, second, third].map(isDue))).toEqual([true, false, false]);
  await takeOut(client, [first]);
  expect(await Promise.all([second, third].map(isDue))).toEqual([true, false]);
  await takeOut(client, [third]);
  await takeOut(client, [second]);
  expect(await query(url, 'SELECT FROM ordering_keys')).toEqual([]);
});

test.each(['leaves first', 'comes first'])(
  'one that leaves while another comes does not leave it behind for ever: what %s is not committed yet',
  async (which) => {
    const [one, other] = clients as [pg.Client, pg.Client];
    const [first = ''] = await add(one, ['k']);
    const second = idOf(number + 1);
    const steps: (() => Promise<unknown>)[] = [() => takeOut(one, [first]), () => add(other, ['k'])];
    if (which === 'comes first') steps.reverse();
    const [begins, waits] = which === 'comes first' ? [other, one] : [one, other];
    await begins.query('BEGIN');
    await steps[0]?.();
    const later = steps[1]?.();
    // It waits for the line's lock.
    for (;;) {
      const blocked = await query(url, 'SELECT FROM pg_locks WHERE NOT granted AND pid = $1', [await pidOf(waits)]);
      if (blocked.length > 0) break;
    }
    await begins.query('COMMIT');
    await later;
    expect(await isDue(second)).toBe(true);
  },
);

test('however many come and go at once, each line has one that is due, its first', { timeout: 60_000 }, async () => {
  let seed = 7;
  const chance = (n: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % n;
  };
  const work = async (client: pg.Client) => {
    for (let i = 0; i < 60; i++) {
      const keys = Array.from({ length: 1 + chance(20) }, () => `key ${chance(12)}`).sort();
      await add(client, keys);
      const due = await client.query<{ id: string }>(
        "SELECT id FROM queue WHERE due_at < 'infinity' ORDER BY ordering_key LIMIT $1",
        [1 + chance(12)],
      );
      await again(() =>
        client.query(
          `WITH lines AS MATERIALIZED (
             SELECT FROM ordering_keys k WHERE key IN (SELECT ordering_key FROM queue WHERE id = ANY ($1::uuid[])) ORDER BY key FOR UPDATE)
           DELETE FROM queue WHERE account_id = 'a' AND id = ANY ($1::uuid[]) AND (SELECT count(*) FROM lines) >= 0`,
          [due.rows.map(({ id }) => id)],
        ),
      );
    }
  };
  await Promise.all(clients.map(work));
  const lines = new Map<string, boolean[]>();
  for (const { key, is_due } of await rows()) lines.set(key, [...(lines.get(key) ?? []), is_due]);
  for (const [key, line] of lines) expect(line, key).toEqual(line.map((_, i) => i === 0));
  const counts = await query<{ key: string; waiting: number }>(url, 'SELECT key, waiting FROM ordering_keys');
  expect(new Map(counts.map(({ key, waiting }) => [key, waiting]))).toEqual(
    new Map([...lines].map(([key, line]) => [key, line.length])),
  );
});

async function pidOf(client: pg.Client): Promise<number> {
  return (client as unknown as { processID: number }).processID;
}

/** Deadlocks are broken by the database; what they ended is tried again, as the pool does it. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: string }).code !== '40P01') throw error;
    return again(work);
  }
}
