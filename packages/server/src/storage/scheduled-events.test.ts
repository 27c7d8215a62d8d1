/** Events for later, by themselves, on a real database: whose turn it is, and what becomes of those that cannot be published. */
import { randomFillSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, query } from '../../../../test/support/database.ts';
import { encodeId, IdSource } from '../domain/ids.ts';
import { Database } from './database.ts';
import { migrate } from './migrate.ts';
import type { DueEvent, NewScheduledEvent, Publishing, ScheduledEventStore } from './page-store.ts';
import { scheduledEventStore } from './scheduled-events.ts';
import { statement } from './statement.ts';

const ids = new IdSource(() => Date.now(), randomFillSync);
const MEGABYTES = 8 * 1024 * 1024;
const HOUR_MS = 3_600_000;
const UNKNOWN = { code: 'unknown_trigger', detail: 'no', mayFitLater: true };
let url: string;
let database: Database;
let store: ScheduledEventStore;

beforeAll(async () => {
  url = await createDatabase();
  database = new Database({ connectionString: url });
  await migrate({ connectionString: url }, () => {});
});
afterAll(() => database.stop());
beforeEach(async () => {
  await query(url, 'TRUNCATE scheduled_events, accounts CASCADE');
  store = scheduledEventStore(database);
});

async function accountWith(id: string, waiting = 0): Promise<string> {
  await query(
    url,
    `INSERT INTO accounts (id, name, contract, metadata, created_at, updated_at)
     VALUES ($1, $1, 'standard', '{}', now(), now())`,
    [id],
  );
  await query(
    url,
    `INSERT INTO scheduled_events (account_id, external_id, trigger, input, due_at)
     SELECT $1, $1 || '-' || n, 'a.b', '{}', 'epoch' FROM generate_series(1, $2) n`,
    [id, waiting],
  );
  return id;
}

function newEvent(more: Partial<NewScheduledEvent> = {}): NewScheduledEvent {
  const own = { uuid: ids.nextUuid(), externalId: null, idempotencyKey: null, trigger: 'a.b', input: '{"id":1}' };
  return { ...own, digest: Buffer.from('digest'), dueAtMs: Date.now() + HOUR_MS, ...more };
}

/** One look at what is due, and whose events it took. */
async function look(
  count: number,
  become: (event: DueEvent) => Publishing = () => 'done',
  { nowMs = Date.now(), bytes = MEGABYTES } = {},
) {
  const taken: string[] = [];
  const { hasMore } = await store.publishDue(nowMs, { count, bytes }, async (due) => {
    taken.push(...due.map(({ accountId }) => accountId));
    return due.map(become);
  });
  return { taken, hasMore };
}

test('an account with much that is due leaves others their turns', async () => {
  await accountWith('many', 1_000);
  await accountWith('one', 1);
  await accountWith('two', 2);
  expect((await look(10)).taken).toEqual(Array(10).fill('many'));
  const { taken, hasMore } = await look(10);
  expect(taken.sort()).toEqual(['many', 'many', 'many', 'many', 'one', 'two', 'two']);
  expect(hasMore).toBe(true);
  expect((await look(10)).taken).toEqual(Array(10).fill('many'));
});

test('so do those whose events are too large for one look', async () => {
  for (const id of ['a', 'b', 'c']) await accountWith(id, 3);
  const first = await look(2);
  expect(first.taken).toEqual(['a', 'a']);
  const turns: string[] = [];
  for (let i = 0; i < 4; i++) {
    const { taken } = await look(2, () => 'again', { bytes: 1 });
    turns.push(...taken);
  }
  // Every second look is a turn.
  expect(turns).toEqual(['a', 'a', 'b', 'a']);
});

test('accounts take turns also when few are due, and these are large', async () => {
  await accountWith('large', 20);
  await accountWith('small', 1);
  const looks: string[][] = [];
  for (let i = 0; i < 3; i++) looks.push((await look(500, () => 'done', { bytes: 1 })).taken);
  expect(looks).toEqual([['large'], ['large'], ['large']]);
  const { taken } = await look(500, () => 'done', { bytes: 1 });
  expect(taken).toEqual(['small']);
});

test('a turn goes past accounts that have nothing due', async () => {
  await query(
    url,
    `INSERT INTO scheduled_events (account_id, trigger, input, due_at)
     SELECT 'quiet-' || n, 'a.b', '{}', now() + interval '1 day' FROM generate_series(1, 3000) n`,
  );
  await accountWith('many', 1_000);
  await accountWith('z', 1);
  await look(10);
  expect((await look(10)).taken).toContain('z');
});

test('what is left for the next round does not make the look go on for ever', async () => {
  await accountWith('a', 20);
  expect(await look(10, () => 'again')).toMatchObject({ hasMore: false });
  expect(await look(10, () => 'again')).toMatchObject({ hasMore: false });
});

test('what waits for a contract that is not loaded stands before nobody', async () => {
  await accountWith('bad', 10);
  await look(10, () => 'later');
  await accountWith('good', 1);
  expect((await look(10)).taken).toEqual(['good']);
  expect((await look(20, () => 'done', { nowMs: Date.now() + 31_000 })).taken).toEqual(Array(10).fill('bad'));
});

test('what a newer contract may accept is tried again for a day, each time after twice as long', async () => {
  await accountWith('a', 1);
  const startMs = Date.now();
  const triedMs: number[] = [];
  for (let atMs = startMs; atMs < startMs + 48 * HOUR_MS; atMs += 30_000) {
    const { taken } = await look(10, () => UNKNOWN, { nowMs: atMs });
    if (taken.length > 0) triedMs.push(atMs - startMs);
    if (atMs - startMs > HOUR_MS) atMs += 15 * 60_000;
  }
  expect(triedMs.slice(0, 5)).toEqual([0, 60_000, 120_000, 240_000, 480_000]);
  expect(triedMs.length).toBeLessThan(15);
  expect(triedMs.at(-1)).toBeGreaterThanOrEqual(24 * HOUR_MS);
  expect(triedMs.at(-1)).toBeLessThan(25 * HOUR_MS);
  const [entry] = await store.list('a', { limit: 10 });
  expect(entry).toMatchObject({ error: { code: 'unknown_trigger', detail: 'no' }, nextTryAtMs: null });
});

test('until then it says when, and is published when it fits', async () => {
  await accountWith('a', 1);
  const nowMs = Date.now();
  await look(10, () => UNKNOWN, { nowMs });
  expect(await store.list('a', { limit: 10 })).toMatchObject([{ error: UNKNOWN_SHOWN, nextTryAtMs: nowMs + 60_000 }]);
  const { taken } = await look(10, ({ isRefused }) => (isRefused ? 'done' : UNKNOWN), { nowMs: nowMs + 60_000 });
  expect(taken).toEqual(['a']);
  expect(await store.list('a', { limit: 10 })).toEqual([]);
});
const UNKNOWN_SHOWN = { code: 'unknown_trigger', detail: 'no' };

test('what no contract accepts is not tried again', async () => {
  await accountWith('a', 1);
  await look(10, () => ({ ...UNKNOWN, code: 'idempotency_conflict', mayFitLater: false }));
  expect((await look(10, () => 'done', { nowMs: Date.now() + 400 * HOUR_MS })).taken).toEqual([]);
});

test('a batch is put down with one statement, repeats in it and before it are answered, and the limit cuts it', async () => {
  await accountWith('a');
  const first = newEvent({ externalId: 'x' });
  const [kept] = (await store.add('a', [first], 4)) ?? [];
  expect(kept).toMatchObject({ isNew: true, id: encodeId('sch', first.uuid) });
  const again = newEvent({ externalId: 'x' });
  const twice = [newEvent({ idempotencyKey: 'k' }), newEvent({ idempotencyKey: 'k' })] as const;
  const answers = await store.add('a', [again, ...twice], 4);
  expect(answers).toMatchObject([
    { isNew: false, id: kept?.id },
    { isNew: true, id: encodeId('sch', twice[0].uuid) },
    { isNew: false, id: encodeId('sch', twice[0].uuid) },
  ]);
  const tooMany = await store.add('a', [newEvent(), newEvent(), newEvent()], 4);
  expect(tooMany).toMatchObject([{ isNew: true }, { isNew: true }, undefined]);
});

test('repeats take no place of what is new', async () => {
  await accountWith('a');
  const six = Array.from({ length: 6 }, (_, i) => newEvent({ externalId: `e-${i}` }));
  await store.add('a', six, 7);
  const again = six.map((event) => ({ ...event, uuid: ids.nextUuid() }));
  const answers = await store.add('a', [...again, newEvent()], 7);
  expect(answers?.map((answer) => answer?.isNew)).toEqual([...six.map(() => false), true]);
});

test('events published with SQL do not use up what requests may put down', async () => {
  await accountWith('a', 5);
  expect(await store.add('a', [newEvent()], 1)).toMatchObject([{ isNew: true }]);
});

test('an account that is closed takes nothing', async () => {
  await accountWith('a');
  await query(url, "UPDATE accounts SET closed_at = now() WHERE id = 'a'");
  expect(await store.add('a', [newEvent()], 4)).toBeUndefined();
  expect(await store.add('nobody', [newEvent()], 4)).toBeUndefined();
});

test('a burst of one account costs no look more than it takes, when statistics are of quiet times', async () => {
  await query(
    url,
    `INSERT INTO scheduled_events (account_id, trigger, input, due_at)
     SELECT 'quiet-' || n % 300, 'a.b', '{}', now() + interval '1 day' FROM generate_series(1, 30000) n`,
  );
  await query(url, 'ANALYZE scheduled_events');
  await accountWith('burst', 30_000);
  const seen = async (name: string, values: unknown[]) => {
    const [row] = await query<{ 'QUERY PLAN': unknown }>(
      url,
      `EXPLAIN (FORMAT JSON, GENERIC_PLAN) ${statement(name).text}`,
      values,
    );
    return JSON.stringify(row?.['QUERY PLAN']);
  };
  expect(await seen('scheduled_due', [])).toContain('"Index Name":"scheduled_events_due"');
  for (const name of ['scheduled_turns', 'scheduled_accounts']) {
    const plan = await seen(name, []);
    expect(plan).toContain('"Index Name":"scheduled_events_due_of_account"');
    expect(plan).not.toContain('"Index Name":"scheduled_events_due"');
    expect(plan).not.toContain('Seq Scan');
  }
});
