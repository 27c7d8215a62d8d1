/** Clocks that are wrong: nothing is lost, publishing goes on, and the node says what is wrong. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { makeClockMovable, setDatabaseClock } from '../support/faults.ts';
import { eventually, realClock, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const DAY_MS = 86_400_000;
const LOOK_MS = 600_000;

let url: string;
let clock: VirtualClock;
let node: TestNode;
let receiver: Receiver;

beforeEach(async () => {
  url = await createDatabase();
  await makeClockMovable(url);
  clock = new VirtualClock();
  receiver = await Receiver.start();
  node = await startTestNode({ databaseUrl: url, clock, environment: { POSTHORN_LOG_LEVEL: 'error' } });
});
afterEach(async () => {
  await node.stop();
  clock.stop();
  await receiver.stop();
});

/** An account whose endpoint is down: what is published waits. */
async function publishWaiting(count: number): Promise<string> {
  receiver.respond = (_, response) => void response.writeHead(503).end();
  const { account } = await node.createEndpoint(receiver.url());
  for (let i = 0; i < count; i++) await node.publish(account, 'a.b', i);
  await receiver.received(count);
  await eventually(
    () => query(url, 'SELECT FROM queue WHERE attempts > 0'),
    (rows) => rows.length === count,
  );
  return account;
}

/** Lets time pass, and answers when retention has looked since, or refused to. */
async function lookAfter(passedMs: number, databaseAheadMs = 0): Promise<{ ready: boolean; warnings: string[] }> {
  await query(url, "DELETE FROM settings WHERE name = 'retention_looked_at'");
  await setDatabaseClock(url, clock.monotonicMs() + passedMs + databaseAheadMs);
  clock.jump(passedMs);
  return eventually(
    async () => {
      const { status, body } = await node.call('GET', '/readyz');
      const looks = await query(url, "SELECT FROM settings WHERE name = 'retention_looked_at'");
      return { ready: status === 200, warnings: body.warnings as string[], looks: looks.length };
    },
    ({ warnings, looks }) => looks > 0 || warnings.some((warning) => warning.startsWith('Retention')),
  );
}

const kept = async () => {
  const [row] = await query<{ events: number; waiting: number }>(
    url,
    'SELECT (SELECT count(*)::int FROM events) AS events, (SELECT count(*)::int FROM queue) AS waiting',
  );
  return row;
};

describe('retention with a clock that is moved by 40 days', () => {
  test.each([
    ['the node', 40, 0],
    ['the node', -40, 0],
    ['the database', 0, 40],
    ['the database', 0, -40],
    ['both', 40, 40],
    ['both', -40, -40],
  ])('%s (node %d, database %d): what is acknowledged stays', async (_, nodeDays, databaseDays) => {
    await publishWaiting(5);
    expect((await lookAfter(LOOK_MS)).warnings).toEqual([]);
    clock.set(nodeDays * DAY_MS);
    await lookAfter(LOOK_MS, databaseDays * DAY_MS);
    expect(await kept()).toEqual({ events: 5, waiting: 5 });
  });

  test('both, before the first look of an installation: the newest event says that the clocks jumped', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    await node.publish(account, 'a.b', 'finished');
    await eventually(
      () => query(url, "SELECT FROM deliveries WHERE status = 'succeeded'"),
      (rows) => rows.length === 1,
    );
    clock.set(40 * DAY_MS);
    const { warnings } = await lookAfter(LOOK_MS, 40 * DAY_MS);
    expect(warnings.join()).toMatch(/Retention drops nothing for now: .*ahead/);
    expect(await kept()).toEqual({ events: 1, waiting: 0 });
  });

  test('what is not finished stays beyond the time that is promised, and what is finished goes', async () => {
    const account = await publishWaiting(3);
    await node.call('POST', `/v1/accounts/${account}/endpoints/${await endpointOf(account)}/deactivate`);
    receiver.respond = (_, response) => void response.writeHead(200).end();
    const other = await node.createEndpoint(receiver.url());
    await node.publish(other.account, 'a.b', 'finished');
    await eventually(
      () => query(url, "SELECT FROM deliveries WHERE status = 'succeeded'"),
      (rows) => rows.length === 1,
    );
    expect((await lookAfter(LOOK_MS)).warnings).toEqual([]);
    expect((await lookAfter(45 * DAY_MS)).warnings).toEqual([]);
    await eventually(kept, (row) => row?.events === 3);
    expect(await kept()).toEqual({ events: 3, waiting: 3 });
  });
});

async function endpointOf(account: string): Promise<string> {
  return (await node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data[0].id;
}

describe('publishing', () => {
  test("goes on by the right time when the machine's clock jumps, and the node says that it is wrong", async () => {
    const { account } = await node.createEndpoint(receiver.url());
    clock.set(40 * DAY_MS);
    const answer = await node.publish(account, 'a.b', 1);
    expect(answer.status).toBe(202);
    await receiver.received(1);
    const sentAtS = Number(receiver.requests[0]?.headers['webhook-timestamp']);
    expect(Math.abs(sentAtS - Date.now() / 1000)).toBeLessThan(3_600);
    clock.jump(3_000);
    const { body } = await eventually(
      () => node.call('GET', '/readyz'),
      (ready) => ready.body.warnings.length > 0,
    );
    expect(body.status).toBe('ready');
    expect(body.warnings[0]).toMatch(/clock of this machine is 3456000 s ahead/);
    clock.set(-40 * DAY_MS);
    clock.jump(3_000);
    await eventually(
      () => node.call('GET', '/readyz'),
      (ready) => ready.body.warnings.length === 0,
    );
  });

  test('goes on past the partitions that exist when both clocks jump, and after they are right again', async () => {
    let aheadMs = 0;
    // Its own database: to the other node, whose time passes faster, it would look silent.
    const url = await createDatabase();
    const other = await startTestNode({
      databaseUrl: url,
      hasMovableClock: true,
      clock: { ...realClock, now: () => Date.now() + aheadMs },
    });
    const { account } = await other.createEndpoint(receiver.url());
    const published = async (name: string) => {
      const answer = await other.publish(account, 'a.b', name);
      expect(answer.status).toBe(202);
      return (await other.call('GET', `/v1/accounts/${account}/events/${answer.body.id}`)).body.created_at as string;
    };
    aheadMs = 40 * DAY_MS;
    await setDatabaseClock(url, Date.now() + aheadMs);
    const ahead = await eventually(
      () => published('ahead'),
      (at) => Date.parse(at) > Date.now() + 39 * DAY_MS,
    );
    expect(Date.parse(ahead)).toBeGreaterThan(Date.now() + 39 * DAY_MS);
    await setDatabaseClock(url, Date.now());
    aheadMs = 0;
    await eventually(
      () => published('right again'),
      (at) => Date.parse(at) < Date.now() + DAY_MS,
    );
    expect((await other.call('GET', '/readyz')).status).toBe(200);
    await other.stop();
  });

  test('a retry that was planned while both clocks were ahead is made when they are right again, not in 40 days', async () => {
    let aheadMs = 0;
    // Its own database: to the other node, whose time passes faster, it would look silent.
    const url = await createDatabase();
    const other = await startTestNode({
      databaseUrl: url,
      hasMovableClock: true,
      clock: { ...realClock, now: () => Date.now() + aheadMs },
    });
    const { account } = await other.createEndpoint(receiver.url());
    receiver.respond = (_, response) => void response.writeHead(503).end();
    aheadMs = 40 * DAY_MS;
    await setDatabaseClock(url, Date.now() + aheadMs);
    const waiting = () =>
      query<{ ahead: boolean }>(
        url,
        "SELECT due_at > pg_catalog.now() + interval '39 days' AS ahead FROM queue WHERE attempts > 0",
      );
    await eventually(
      async () => {
        expect((await other.publish(account, 'a.b', 1)).status).toBe(202);
        return waiting();
      },
      (rows) => rows.some(({ ahead }) => ahead),
    );
    receiver.respond = (_, response) => void response.writeHead(200).end();
    await setDatabaseClock(url, Date.now());
    aheadMs = 0;
    await eventually(
      () => query(url, 'SELECT FROM queue'),
      (rows) => rows.length === 0,
      30_000,
    );
    await other.stop();
  });

  test('makes the partition of a day that has none', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    const tables = await query<{ name: string }>(
      url,
      "SELECT relname AS name FROM pg_class WHERE relispartition AND relname ~ '^[a-z]+_[0-9]{8}$'",
    );
    await query(url, `DROP TABLE ${tables.map(({ name }) => name).join(', ')}`);
    expect((await node.publish(account, 'a.b', 1)).status).toBe(202);
    await receiver.received(1);
    await eventually(
      () => query(url, "SELECT FROM deliveries WHERE status = 'succeeded'"),
      (rows) => rows.length === 1,
    );
  });
});
