/** A database that misbehaves: nothing is lost, nothing is sent twice, and callers are told to come back. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { cutConnections, failInserts, type Relay, relayTo } from '../support/faults.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

let url: string;
let node: TestNode;
let receiver: Receiver;
let account: string;
const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  url = await createDatabase();
  receiver = await Receiver.start();
});
afterEach(async () => {
  await node.stop();
  await receiver.stop();
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
});

async function start(environment: Record<string, string> = {}, databaseUrl = url): Promise<void> {
  node = await startTestNode({ databaseUrl, environment });
  ({ account } = await node.createEndpoint(receiver.url()));
}

const ready = async () => {
  const { status, body } = await node.call('GET', '/readyz');
  return { status, reason: body.reason as string | undefined };
};
const isReady = () => eventually(ready, ({ status }) => status === 200);
const publishEventually = (status: number) =>
  eventually(
    () => node.publish(account, 'a.b', 'again'),
    (answer) => answer.status === status,
  );
const finished = (count: number) =>
  eventually(
    () => query(url, "SELECT FROM deliveries WHERE status = 'succeeded'"),
    (rows) => rows.length === count,
  );

/** Requests that are under way: the receiver answers when it is told to. */
function holdAnswers(): () => void {
  const open: (() => void)[] = [];
  receiver.respond = (_, response) => void open.push(() => response.writeHead(200).end());
  return () => {
    receiver.respond = (_, response) => void response.writeHead(200).end();
    for (const answer of open.splice(0)) answer();
  };
}

describe('a primary that turns read-only', () => {
  /** As after a switch-over: connections are cut, and new ones take no writes. */
  async function makeReadOnly(isReadOnly: boolean): Promise<void> {
    const name = new URL(url).pathname.slice(1);
    const admin = url.replace(`/${name}`, '/postgres');
    await query(admin, `ALTER DATABASE ${name} SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`);
    await cutConnections(url);
  }

  test('answers 503 and not ready; outcomes wait in memory, and nothing is sent twice', async () => {
    await start();
    const answer = holdAnswers();
    for (let i = 0; i < 8; i++) await node.publish(account, 'a.b', i);
    await receiver.received(8);
    await makeReadOnly(true);
    answer();
    const refused = await publishEventually(503);
    expect(refused.body.code).toBe('database_unavailable');
    expect(refused.headers.get('retry-after')).toBe('2');
    expect(await eventually(ready, ({ reason }) => reason === 'the database is read-only')).toMatchObject({
      status: 503,
    });
    await makeReadOnly(false);
    await isReady();
    await finished(8);
    expect(receiver.requests).toHaveLength(8);
    await publishEventually(202);
    await receiver.received(9);
  });
});

describe('a full disk', () => {
  test('refuses the first event already with 503, and accepts when there is room again', async () => {
    await start();
    const heal = await failInserts(url, 'events', '53100');
    const refused = await node.publish(account, 'a.b', 1);
    expect(refused.status).toBe(503);
    expect(refused.body.code).toBe('database_unavailable');
    await heal();
    await publishEventually(202);
    await receiver.received(1);
  });

  test('keeps outcomes until they can be stored, pauses sending, and says so', async () => {
    await start();
    const answer = holdAnswers();
    for (let i = 0; i < 5; i++) await node.publish(account, 'a.b', i);
    await receiver.received(5);
    const heal = await failInserts(url, 'attempts', '53100');
    answer();
    await eventually(ready, ({ status, reason }) => status === 503 && reason === 'the database has no room left');
    await heal();
    await finished(5);
    expect(receiver.requests).toHaveLength(5);
    await isReady();
  });
});

describe('errors that pass', () => {
  test.each(['40001', '40P01'])('%s is tried again, and the publisher hears nothing of it', async (sqlState) => {
    await start();
    await query(
      url,
      `CREATE SEQUENCE tries;
       CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '${sqlState}'; END IF;
         RETURN NULL;
       END $$;
       CREATE TRIGGER fault BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION fail_twice()`,
    );
    expect((await node.publish(account, 'a.b', 1)).status).toBe(202);
    await receiver.received(1);
    expect(await query(url, "SELECT FROM events WHERE trigger = 'a.b'")).toHaveLength(1);
  });

  test('an error that nobody knows stalls sending, not the outcome', async () => {
    await start();
    const heal = await failInserts(url, 'attempts', 'XX000');
    await node.publish(account, 'a.b', 1);
    await receiver.received(1);
    await node.publish(account, 'a.b', 2);
    await heal();
    await finished(2);
    expect(receiver.requests).toHaveLength(2);
  });
});

describe('what cannot be stored', () => {
  /** Rows of a table for which a condition holds are refused. */
  const refuse = (table: string, condition: string) =>
    query(
      url,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF ${condition} THEN RAISE EXCEPTION 'a fault of the test' USING ERRCODE = '22P05'; END IF;
         RETURN NEW;
       END $$;
       CREATE TRIGGER fault BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse()`,
    );
  const bodies = async () => {
    const stored = "SELECT convert_from(response_body, 'UTF8') AS body FROM attempts ORDER BY delivery_id";
    return (await query<{ body: string }>(url, stored)).map(({ body }) => body);
  };
  async function publish(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await node.publish(account, 'a.b', i);
  }

  test('of an outcome is left out; the others are as they were', async () => {
    await start();
    await refuse('attempts', "convert_from(NEW.response_body, 'UTF8') = 'poison'");
    receiver.respond = (_, response, index) => void response.writeHead(200).end(index === 2 ? 'poison' : 'fine');
    await publish(5);
    await finished(5);
    expect(receiver.requests).toHaveLength(5);
    expect(await bodies()).toEqual(['fine', 'fine', '', 'fine', 'fine']);
  });

  test('of what the operator is told costs no outcome anything', async () => {
    const operator = await Receiver.start();
    cleanups.push(() => operator.stop());
    await start({ POSTHORN_OPERATOR_WEBHOOK_URL: operator.url() });
    await refuse('notices', 'true');
    receiver.respond = (_, response) => void response.writeHead(410).end('gone');
    await publish(1);
    await eventually(
      () => query(url, "SELECT FROM deliveries WHERE status = 'discarded'"),
      (rows) => rows.length === 1,
    );
    expect(await bodies()).toEqual(['gone']);
    expect(await query(url, 'SELECT FROM notices')).toHaveLength(0);
  });

  test('in any form keeps its delivery, which is sent again minutes later, and not at once', async () => {
    const clock = new VirtualClock();
    cleanups.push(async () => clock.stop());
    node = await startTestNode({ databaseUrl: url, clock });
    ({ account } = await node.createEndpoint(receiver.url()));
    await refuse('attempts', 'NEW.response_status = 207');
    receiver.respond = (_, response, index) => void response.writeHead(index === 2 ? 207 : 200).end();
    await publish(5);
    await finished(4);
    const beganMs = clock.monotonicMs();
    expect(receiver.requests).toHaveLength(5);
    await finished(5);
    expect(clock.monotonicMs() - beganMs).toBeGreaterThan(50_000);
    expect(receiver.requests).toHaveLength(6);
  });
});

describe('a database that accepts connections and is silent', () => {
  let relay: Relay;

  test('keeps the node down for no longer than it is silent', async () => {
    relay = await relayTo(url);
    cleanups.push(() => relay.stop());
    await start({}, relay.url);
    relay.setSilent(true);
    await cutConnections(url);
    // Before that it may be said to be busy: connections are waited for.
    await eventually(
      () => node.publish(account, 'a.b', 'again'),
      (answer) => answer.body.code === 'database_unavailable',
    );
    relay.setSilent(false);
    await isReady();
    await publishEventually(202);
  });
});

describe('connections', () => {
  /** A role that may open so many, as hosted databases have them, and is no superuser. */
  async function limitedUrl(limit: number): Promise<string> {
    const name = new URL(url).pathname.slice(1);
    await query(
      url,
      `CREATE ROLE r_${name} LOGIN PASSWORD 'limited' CONNECTION LIMIT ${limit}; ALTER DATABASE ${name} OWNER TO r_${name}`,
    );
    cleanups.push(async () => {
      const admin = url.replace(`/${name}`, '/postgres');
      await query(admin, `DROP DATABASE ${name} WITH (FORCE)`);
      await query(admin, `DROP ROLE r_${name}`);
    });
    const limited = new URL(url);
    limited.username = `r_${name}`;
    limited.password = 'limited';
    return limited.href;
  }

  test('more than the database allows are refused at the start, in one line', async () => {
    await start();
    const limited = await limitedUrl(12);
    await expect(startTestNode({ databaseUrl: limited })).rejects.toThrow(
      /^POSTHORN_DATABASE_CONNECTIONS: this node may open 20 connections, and the database allows 12 in all/,
    );
  });

  test('that are refused to the history do not stop publishing', async () => {
    const limited = await limitedUrl(14);
    await start({ POSTHORN_DATABASE_CONNECTIONS: '14' }, limited);
    for (let i = 0; i < 20; i++) await node.publish(account, 'a.b', i);
    // Somebody else takes what the history and the API would open.
    const name = new URL(url).pathname.slice(1);
    await query(url, `ALTER ROLE r_${name} CONNECTION LIMIT 1`);
    await cutConnections(url, "application_name ~ '(read|run|house)$'");
    const pages = Promise.all(Array.from({ length: 3 }, () => node.call('GET', `/v1/accounts/${account}/deliveries`)));
    const answers = [];
    for (let i = 0; i < 50; i++) answers.push((await node.publish(account, 'a.b', i)).status);
    expect(new Set(answers)).toEqual(new Set([202]));
    for (const { status } of await pages) expect([200, 503]).toContain(status);
    expect((await ready()).status).toBe(200);
    await receiver.received(70);
  });
});
