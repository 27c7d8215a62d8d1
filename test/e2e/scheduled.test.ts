/** Events that are published later, and events that an application publishes with SQL in a transaction of its own. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, shiftedClock, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

const clock = shiftedClock();
let databaseUrl: string;
let node: TestNode;
let receiver: Receiver;
let account: string;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  node = await startTestNode({ clock, databaseUrl });
  receiver = await Receiver.start();
  ({ account } = await node.createEndpoint(receiver.url()));
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

const at = (aheadMs: number) => new Date(clock.now() + aheadMs).toISOString();
const schedule = (event: object, headers = {}) =>
  node.call('POST', `/v1/accounts/${account}/events`, { trigger: 'a.b', payload: {}, ...event }, headers);
const listed = async () => (await node.call('GET', `/v1/accounts/${account}/scheduled-events`)).body.data;
const eventIds = async (): Promise<string[]> =>
  (await node.call('GET', `/v1/accounts/${account}/events?limit=200`)).body.data.map(({ id }: { id: string }) => id);
const bodies = () => receiver.requests.map(({ body }) => body.toString());
const published = (id: string) => eventually(eventIds, (ids) => ids.includes(id));

describe('an event for later', () => {
  test('is listed, shown as it was written, and published when its time has come, under the id that was answered', async () => {
    const body = `{"trigger":"later.one","payload":{"total":5.0,"b":1,"a":2},"scheduled_for":"${at(3_600_000)}"}`;
    const answer = await node.call('POST', `/v1/accounts/${account}/events`, body);
    expect(answer).toMatchObject({ status: 202, body: { deliveries: 0, scheduled_for: expect.any(String) } });
    const { id } = answer.body;
    const [entry] = await listed();
    expect(entry).toMatchObject({ id, scheduled_id: id, trigger: 'later.one', error: null });
    const shown = await node.call('GET', `/v1/accounts/${account}/scheduled-events/${id}`);
    expect(shown.text).toContain('"payload":{"total":5.0,"b":1,"a":2}');
    expect(await eventIds()).not.toContain(id);
    clock.jump(3_600_001);
    await published(id);
    await eventually(
      async () => bodies(),
      (all) => all.some((one) => one.includes('"data":{"total":5.0,"b":1,"a":2}')),
    );
    expect(receiver.requests.at(-1)?.headers['webhook-id']).toBe(id);
    expect(await listed()).toEqual([]);
  });

  test('whose time has passed is published at once', async () => {
    const { body } = await schedule({ id: 'past-1', scheduled_for: '2020-01-01T00:00:00Z' });
    expect(body).toEqual({ id: 'past-1', deliveries: 1, scheduled_for: '2020-01-01T00:00:00.000Z' });
  });

  test('can be cancelled until then, and not after', async () => {
    const { body } = await schedule({ id: 'cancelled-1', scheduled_for: at(60_000) });
    const [{ scheduled_id: id }] = await listed();
    const address = `/v1/accounts/${account}/scheduled-events/${id}`;
    expect((await node.call('DELETE', `/v1/accounts/other/scheduled-events/${id}`)).status).toBe(404);
    expect((await node.call('DELETE', address)).status).toBe(204);
    expect((await node.call('DELETE', address)).body.code).toBe('scheduled_event_not_found');
    expect((await node.call('GET', address)).status).toBe(404);
    clock.jump(60_001);
    await schedule({ id: 'cancelled-2' });
    await published('cancelled-2');
    expect(await eventIds()).not.toContain(body.id);
  });

  test('a repeat answers the same, before and after it is published; something else under its key is refused', async () => {
    const keyed = { 'idempotency-key': 'later-key' };
    const when = at(60_000);
    const first = await schedule({ payload: { n: 1 }, scheduled_for: when }, keyed);
    expect((await schedule({ payload: { n: 1 }, scheduled_for: when }, keyed)).body).toEqual(first.body);
    for (const other of [
      { payload: { n: 2 }, scheduled_for: when },
      { payload: { n: 1 }, scheduled_for: at(90_000) },
    ])
      expect((await schedule(other, keyed)).body.code).toBe('idempotency_conflict');
    expect(await listed()).toHaveLength(1);
    clock.jump(60_001);
    await published(first.body.id);
    expect((await schedule({ payload: { n: 1 } }, keyed)).body.id).toBeTruthy();
    expect((await schedule({ payload: { n: 1 }, scheduled_for: at(60_000) }, keyed)).body.id).toBe(first.body.id);
    expect((await eventIds()).filter((id) => id === first.body.id)).toHaveLength(1);
    expect(await listed()).toEqual([]);
  });

  test('a repeat answers the same, too, when it is due and not published yet', async () => {
    const other = await createDatabase();
    const still = shiftedClock();
    const alone = await startTestNode({ clock: still, databaseUrl: other });
    await alone.call('POST', '/v1/accounts', { id: 'due', name: 'Due', contract: 'standard' });
    const event = { trigger: 'a.b', payload: {}, scheduled_for: new Date(still.now() + 60_000).toISOString() };
    const publish = () => alone.call('POST', '/v1/accounts/due/events', event, { 'idempotency-key': 'due-key' });
    const first = await publish();
    // Whoever holds its row keeps every node from publishing it.
    const holder = new pg.Client({ connectionString: other });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM scheduled_events FOR UPDATE');
    still.jump(60_001);
    expect((await publish()).body).toEqual(first.body);
    await holder.query('COMMIT');
    await holder.end();
    const events = await eventually(
      async () => (await alone.call('GET', '/v1/accounts/due/events')).body.data,
      (list) => list.length > 0,
    );
    expect(events.map(({ id }: { id: string }) => id)).toEqual([first.body.id]);
    expect((await publish()).body.id).toBe(first.body.id);
    await alone.stop();
  });

  test('what is wrong with it is said at once, and changes nothing', async () => {
    const tooFar = await schedule({ scheduled_for: at(367 * 86_400_000) });
    expect(tooFar).toMatchObject({ status: 400, body: { errors: [{ pointer: '#/scheduled_for' }] } });
    expect((await schedule({ trigger: 'no good', scheduled_for: at(1_000) })).body.code).toBe('unknown_trigger');
    expect((await schedule({ scheduled_for: 'tomorrow' })).status).toBe(400);
    expect(await listed()).toEqual([]);
  });

  test('in a batch, some are published and some wait', async () => {
    const events = [
      { id: 'mixed-1', trigger: 'a.b', payload: {} },
      { id: 'mixed-2', trigger: 'a.b', payload: {}, scheduled_for: at(60_000) },
    ];
    const { body } = await node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    expect(body.data).toMatchObject([
      { id: 'mixed-1', deliveries: 1 },
      { id: 'mixed-2', scheduled_for: at(0).slice(0, 4) + events[1]?.scheduled_for?.slice(4) },
    ]);
    clock.jump(60_001);
    await published('mixed-2');
  });

  test('a batch with one that is too far ahead is refused as a whole', async () => {
    const events = [
      { id: 'whole-1', trigger: 'a.b', payload: {} },
      { id: 'whole-2', trigger: 'a.b', payload: {}, scheduled_for: at(60_000) },
      { id: 'whole-3', trigger: 'a.b', payload: {}, scheduled_for: at(367 * 86_400_000) },
    ];
    const { status, body } = await node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    expect({ status, errors: body.errors }).toMatchObject({
      status: 400,
      errors: [{ pointer: '#/events/2/scheduled_for' }],
    });
    expect(await eventIds()).not.toContain('whole-1');
    expect(await listed()).toEqual([]);
  });

  test('a batch for later is put down in its order, and its repeat answers the same before and after', async () => {
    const when = at(60_000);
    const events = [...Array(300).keys()].map((n) => ({ trigger: 'a.b', payload: { n }, scheduled_for: when }));
    const publish = () =>
      node.call('POST', `/v1/accounts/${account}/events/batch`, { events }, { 'idempotency-key': 'later-batch' });
    const first = await publish();
    const ids: string[] = first.body.data.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(300);
    expect((await publish()).body).toEqual(first.body);
    clock.jump(60_001);
    await published(ids[299] ?? '');
    await eventually(listed, (list) => list.length === 0);
    expect((await publish()).body.data.map(({ id }: { id: string }) => id)).toEqual(ids);
  });

  test('lists go over page after page, and survive a restart', async () => {
    for (let i = 0; i < 5; i++) await schedule({ id: `page-${i}`, scheduled_for: at(100_000 - i * 1_000) });
    await node.stop();
    node = await startTestNode({ clock, databaseUrl });
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await node.call('GET', `/v1/accounts/${account}/scheduled-events?limit=2${cursor}`);
      found.push(...body.data.map(({ id }: { id: string }) => id));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(found).toEqual(['page-4', 'page-3', 'page-2', 'page-1', 'page-0']);
    clock.jump(100_001);
    await published('page-0');
  });
});

describe('posthorn.publish', () => {
  async function application(work: (client: pg.Client) => Promise<void>): Promise<void> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }

  test('publishes if and only if the transaction commits', async () => {
    await query(databaseUrl, 'CREATE TABLE orders (id text)');
    await application(async (client) => {
      await client.query('BEGIN');
      await client.query("INSERT INTO orders VALUES ('rolled back')");
      await client.query("SELECT posthorn.publish($1, 'order.created', $2)", [account, '{"order":"rolled back"}']);
      await client.query('ROLLBACK');
      await client.query('BEGIN');
      await client.query("INSERT INTO orders VALUES ('kept')");
      const { rows } = await client.query("SELECT posthorn.publish($1, 'order.created', $2) AS id", [
        account,
        '{"order":"kept", "total": 5.0}',
      ]);
      expect(await eventIds()).not.toContain(rows[0].id);
      await client.query('COMMIT');
      await published(rows[0].id);
    });
    await eventually(
      async () => bodies(),
      (all) => all.some((body) => body.includes('{"order":"kept","total":5.0}')),
    );
    expect(bodies().some((body) => body.includes('rolled back'))).toBe(false);
  });

  test('the same id is the same event, however often it is published', async () => {
    await application(async (client) => {
      for (let i = 0; i < 3; i++)
        await client.query(`SELECT posthorn.publish($1, 'order.created', '{"same":true}', 'sql-same')`, [account]);
    });
    await published('sql-same');
    await eventually(listed, (list) => list.length === 0);
    expect((await eventIds()).filter((id) => id === 'sql-same')).toHaveLength(1);
  });

  test('can be for later, too', async () => {
    await application(async (client) => {
      const when = at(60_000);
      await client.query(`SELECT posthorn.publish($1, 'order.created', '{}', 'sql-later', $2)`, [account, when]);
    });
    expect(await listed()).toMatchObject([{ id: 'sql-later' }]);
    clock.jump(60_001);
    await published('sql-later');
  });

  test('what the contract refuses stays in the list, with the reason, and holds up nothing', async () => {
    await application(async (client) => {
      await client.query(`SELECT posthorn.publish($1, 'no good', '{}', 'sql-wrong')`, [account]);
      await client.query(`SELECT posthorn.publish($1, 'order.created', '{}', 'sql-right')`, [account]);
    });
    await published('sql-right');
    const [wrong] = await eventually(listed, ([entry]) => entry?.error !== null);
    expect(wrong).toMatchObject({ id: 'sql-wrong', error: { code: 'unknown_trigger' } });
    expect((await node.call('GET', '/metrics')).text).toContain('posthorn_scheduled_events_refused_total 1');
    await node.call('DELETE', `/v1/accounts/${account}/scheduled-events/${wrong.scheduled_id}`);
  });

  test('what cannot be right is refused in the transaction', async () => {
    await application(async (client) => {
      const refused = (values: unknown[], message: string) =>
        expect(client.query('SELECT posthorn.publish($1, $2, $3, $4)', values)).rejects.toThrow(message);
      await refused(['nobody', 'a.b', '{}', null], 'account_not_found');
      await refused([account, '', '{}', null], 'unknown_trigger');
      await refused([account, 'a.b', null, null], 'invalid_request');
      await refused([account, 'a.b', '{}', 'with space'], 'invalid_request');
      await refused([account, 'a.b', '{', null], 'json');
    });
  });

  test('attack: nobody may call it until it is granted, and then it is all that they may', async () => {
    const role = `app_${Date.now()}`;
    await query(databaseUrl, `CREATE ROLE ${role} LOGIN`);
    try {
      await query(databaseUrl, `GRANT USAGE ON SCHEMA posthorn TO ${role}`);
      const as = (text: string) =>
        application(async (client) => {
          await client.query(`SET ROLE ${role}`);
          await client.query(text);
        });
      const publish = `SELECT posthorn.publish('${account}', 'order.created', '{}', 'sql-granted')`;
      await expect(as(publish)).rejects.toThrow('permission denied');
      await query(databaseUrl, `GRANT EXECUTE ON FUNCTION posthorn.publish TO ${role}`);
      await as(publish);
      await expect(as('SELECT * FROM scheduled_events')).rejects.toThrow('permission denied');
      // A table of the caller's own under that name is not what the function writes to.
      await expect(
        as(`CREATE TEMP TABLE scheduled_events (x int); CREATE TEMP TABLE accounts (id text, closed_at text);
        SELECT posthorn.publish('nobody', 'a.b', '{}')`),
      ).rejects.toThrow('account_not_found');
      await published('sql-granted');
    } finally {
      await query(databaseUrl, `DROP OWNED BY ${role}`);
      await query(databaseUrl, `DROP ROLE ${role}`);
    }
  });

  test('an event that was stored, and whose publication was not noted, is no second event', async () => {
    await application(async (client) => {
      await client.query(`SELECT posthorn.publish($1, 'order.created', '{"n":1}', 'sql-twice')`, [account]);
    });
    await published('sql-twice');
    await eventually(listed, (list) => list.length === 0);
    // As a process that died in between would have left it.
    await query(
      databaseUrl,
      `INSERT INTO scheduled_events (account_id, external_id, trigger, input, due_at) VALUES
       ('${account}', 'sql-twice', 'order.created', '{"id":"sql-twice","trigger":"order.created","payload":{"n":1}}', 'epoch')`,
    );
    await eventually(listed, (list) => list.length === 0);
    expect((await eventIds()).filter((id) => id === 'sql-twice')).toHaveLength(1);
  });
});
