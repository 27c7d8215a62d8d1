/** What is encrypted at rest: nothing secret stands in the database, and the master key can be changed while running. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { makeClockMovable, setDatabaseClock } from '../support/faults.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const CLI = fileURLToPath(new URL('../../packages/cli/posthorn.mjs', import.meta.url));
const [OLD, NEW, STRANGE] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [
  string,
  string,
  string,
];
const VALUE = 'Bearer value-to-be-sealed';
const HEADERS = { Authorization: VALUE };

let receiver: Receiver;
let node: TestNode | undefined;

beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(async () => {
  await node?.stop();
  node = undefined;
  await receiver.stop();
});

async function start(databaseUrl: string, masterKey = OLD, clock?: VirtualClock): Promise<TestNode> {
  node = await startTestNode({
    databaseUrl,
    environment: { POSTHORN_MASTER_KEY: masterKey },
    ...(clock ? { clock } : {}),
  });
  return node;
}

async function stop(): Promise<void> {
  await node?.stop();
  node = undefined;
}

/** Every table that holds this text in any of its columns, also as the bytes of one. */
async function tablesWith(databaseUrl: string, text: string): Promise<string[]> {
  const tables = await query<{ name: string }>(
    databaseUrl,
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await query(
      databaseUrl,
      `SELECT FROM ${name} AS t WHERE position($1 IN t::text) > 0 OR position($2 IN t::text) > 0 LIMIT 1`,
      [text, Buffer.from(text).toString('hex')],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}

async function posthorn(args: string[], environment: Record<string, string>): Promise<{ code: number; text: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { PATH: process.env.PATH, ...environment } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = await once(child, 'close');
  return { code, text };
}

describe('custom headers', () => {
  test('stand in no table in plain text: endpoints, attempts, bins, the audit log', async () => {
    const databaseUrl = await createDatabase();
    const { createEndpoint, call, publish } = await start(databaseUrl);
    const { account, endpoint } = await createEndpoint(receiver.url(), { headers: HEADERS });
    const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
    await publish(account, 'order.created', 1);
    const [request] = await receiver.received(1);
    expect(request?.headers.authorization).toBe(VALUE);
    const bin = (await call('POST', `/v1/accounts/${account}/bins`, {})).body;
    expect((await call('PATCH', path, { url: bin.url, headers: { ...HEADERS, 'X-More': VALUE } })).status).toBe(200);
    expect((await call('POST', `${path}/test`)).body.succeeded).toBe(true);
    expect((await call('GET', path)).body.headers).toEqual({ ...HEADERS, 'X-More': VALUE });
    await call('PATCH', path, { headers: {} });
    expect((await call('GET', path)).body.headers).toEqual({});
    expect(await tablesWith(databaseUrl, 'value-to-be-sealed')).toEqual([]);
    // The search itself finds what is there.
    expect(await tablesWith(databaseUrl, 'order.created')).not.toEqual([]);
  });

  test('that were stored before are sealed: at once when they are needed, and all of them soon', async () => {
    const databaseUrl = await createDatabase();
    const first = await start(databaseUrl);
    const used = await first.createEndpoint(receiver.url(), { headers: HEADERS });
    await Promise.all(Array.from({ length: 5 }, () => first.createEndpoint(receiver.url(), { headers: HEADERS })));
    await stop();
    await query(databaseUrl, 'UPDATE endpoints SET headers_id = NULL, headers = $1', [HEADERS]);
    await query(databaseUrl, 'DELETE FROM endpoint_headers');

    const clock = new VirtualClock();
    const { publish, call } = await start(databaseUrl, OLD, clock);
    await publish(used.account, 'order.created', 1);
    const [request] = await receiver.received(1);
    expect(request?.headers.authorization).toBe(VALUE);
    await eventually(
      () => tablesWith(databaseUrl, 'value-to-be-sealed'),
      (tables) => tables.length === 0,
    );
    const shown = await call('GET', `/v1/accounts/${used.account}/endpoints/${used.endpoint}`);
    expect(shown.body.headers).toEqual(HEADERS);
    clock.stop();
  });

  test('that were replaced are dropped when no attempt of the days that are kept can refer to them', async () => {
    const databaseUrl = await createDatabase();
    await makeClockMovable(databaseUrl);
    const clock = new VirtualClock();
    // Twenty minutes hold a look of retention.
    const pass = async () => {
      await setDatabaseClock(databaseUrl, clock.monotonicMs() + 1_200_000);
      clock.jump(1_200_000);
    };
    const { createEndpoint, call } = await start(databaseUrl, OLD, clock);
    const { account, endpoint } = await createEndpoint(receiver.url(), { headers: HEADERS });
    await call('PATCH', `/v1/accounts/${account}/endpoints/${endpoint}`, { headers: { 'X-New': '1' } });
    const sets = () => query<{ replaced_at: Date | null }>(databaseUrl, 'SELECT replaced_at FROM endpoint_headers');
    await pass();
    expect(await sets()).toHaveLength(2);
    await query(
      databaseUrl,
      "UPDATE endpoint_headers SET replaced_at = now() - interval '30 days' WHERE replaced_at < now()",
    );
    await pass();
    await eventually(sets, (rows) => rows.length === 1 && rows[0]?.replaced_at === null);
    clock.stop();
  });

  test('attack: a ciphertext that was copied to another endpoint does not open', async () => {
    const databaseUrl = await createDatabase();
    const { createEndpoint, call } = await start(databaseUrl);
    const victim = await createEndpoint(receiver.url(), { headers: HEADERS });
    const thief = await createEndpoint(receiver.url(), { headers: { 'X-Mine': '1' } });
    await query(
      databaseUrl,
      `UPDATE endpoint_headers t SET ciphertext = v.ciphertext FROM endpoint_headers v
       WHERE v.account_id = $1 AND t.account_id = $2`,
      [victim.account, thief.account],
    );
    const answer = await call('GET', `/v1/accounts/${thief.account}/endpoints/${thief.endpoint}`);
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('value-to-be-sealed');
  });
});

describe('another master key', () => {
  test('takes over while a node delivers: then nothing needs the old one', async () => {
    const databaseUrl = await createDatabase();
    const before = await start(databaseUrl);
    const { account, endpoint, secret } = await before.createEndpoint(receiver.url(), { headers: HEADERS });
    const bin = (await before.call('POST', `/v1/accounts/${account}/bins`, {})).body;
    await fetch(bin.url, { method: 'POST', headers: HEADERS });
    for (let i = 0; i < 20; i++) await before.createEndpoint(receiver.url(), { headers: HEADERS }, `many-${i % 2}`);
    const path = `/v1/accounts/${account}/endpoints/${endpoint}`;
    await before.call('POST', `${path}/rotate-secret`, { secret, overlap_seconds: 3600 });
    await stop();

    // Without the old key nothing could be opened: no start, and nothing to seal anew.
    await expect(start(databaseUrl, NEW)).rejects.toThrow('another master key');
    const environment = { DATABASE_URL: databaseUrl, POSTHORN_MASTER_KEY: `${NEW},${OLD}` };
    const refused = await posthorn(['reseal'], { ...environment, POSTHORN_MASTER_KEY: STRANGE });
    expect(refused).toEqual({ code: 1, text: expect.stringMatching(/^The secrets in this database.*\n$/) });

    const { publish, call } = await start(databaseUrl, `${NEW},${OLD}`);
    let isDone = false;
    let published = 0;
    const publishing = (async () => {
      while (!isDone) {
        expect((await publish(account, 'order.created', published++)).status).toBe(202);
        await call('PATCH', path, { headers: { ...HEADERS, 'X-Count': `${published}` } });
      }
    })();
    const { code, text } = await posthorn(['reseal'], environment);
    isDone = true;
    await publishing;
    expect(text).toMatch(/endpoint_secrets: \d+ rows from key/);
    expect(text).toMatch(/endpoint_headers: \d+ rows from key/);
    expect(text).toMatch(/bin_requests: 1 rows from key/);
    expect(text).toMatch(/master key [0-9a-f]{12} \(current\): \d+ rows/);
    expect(code, text).toBe(0);
    const [settings] = await query<{ value: string }>(
      databaseUrl,
      "SELECT value FROM settings WHERE name = 'master_key_proof'",
    );
    const used = await query<{ key_id: string }>(
      databaseUrl,
      `SELECT key_id FROM endpoint_secrets UNION SELECT key_id FROM endpoint_headers
       UNION SELECT key_id FROM bin_requests WHERE key_id IS NOT NULL`,
    );
    expect(used).toEqual([{ key_id: settings?.value.split(':')[0] }]);
    await receiver.received(published);
    await stop();

    const after = await start(databaseUrl, NEW);
    await after.publish(account, 'order.created', 'last');
    const last = (await receiver.received(published + 1)).at(-1);
    expect(last?.headers.authorization).toBe(VALUE);
    new Webhook(secret).verify(last?.body.toString() ?? '', last?.headers as Record<string, string>);
    const seen = await after.call('GET', `/v1/accounts/${account}/bins/${bin.id}`);
    expect(seen.body.requests[0].headers.authorization ?? seen.body.requests[0].headers.Authorization).toBe(VALUE);
    // Once more: nothing is left to do.
    const again = await posthorn(['reseal'], { DATABASE_URL: databaseUrl, POSTHORN_MASTER_KEY: NEW });
    expect(again.code).toBe(0);
    expect(again.text).not.toContain('from key');
  });

  test('goes on after an interruption, and finds what was sealed with the old key since', async () => {
    const databaseUrl = await createDatabase();
    const { createEndpoint } = await start(databaseUrl);
    await createEndpoint(receiver.url(), { headers: HEADERS });
    await createEndpoint(receiver.url(), { headers: HEADERS });
    await stop();
    await start(databaseUrl, `${NEW},${OLD}`);
    const environment = { DATABASE_URL: databaseUrl, POSTHORN_MASTER_KEY: `${NEW},${OLD}` };
    const killed = spawn(process.execPath, [CLI, 'reseal'], { env: { PATH: process.env.PATH, ...environment } });
    killed.stdout.once('data', () => killed.kill('SIGKILL'));
    await once(killed, 'close');
    expect((await posthorn(['reseal'], environment)).code).toBe(0);
    await stop();
    // A node that starts with the order of before, as in a rollback, seals with the old key again.
    const back = await start(databaseUrl, `${OLD},${NEW}`);
    await back.createEndpoint(receiver.url(), { headers: HEADERS });
    await stop();
    await expect(start(databaseUrl, NEW)).rejects.toThrow('another master key');
    const { code, text } = await posthorn(['reseal'], environment);
    expect(text).toMatch(/endpoint_secrets: 1 rows from key/);
    expect(code).toBe(0);
    await start(databaseUrl, NEW);
  });

  test('the command says what it lacks', async () => {
    const nothing = await posthorn(['reseal'], { POSTHORN_MASTER_KEY: NEW, POSTHORN_DATA_DIR: '/nonexistent' });
    expect(nothing).toEqual({ code: 1, text: 'No server runs on /nonexistent: start it, or set DATABASE_URL.\n' });
    const noKey = await posthorn(['reseal'], { POSTHORN_DATA_DIR: '/nonexistent' });
    expect(noKey).toEqual({ code: 1, text: expect.stringMatching(/^There is no master key/) });
    const empty = await posthorn(['reseal'], { POSTHORN_MASTER_KEY: NEW, DATABASE_URL: await createDatabase() });
    expect(empty).toEqual({ code: 1, text: expect.stringMatching(/^This database is not at this version/) });
  });
});
