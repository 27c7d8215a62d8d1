/** `posthorn source`, as people run it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Broker } from '../../support/brokers/broker.ts';
import { hasKafka, startKafka } from '../../support/brokers/kafka.ts';
import { createDatabase, query } from '../../support/database.ts';
import { eventText } from '../../support/load-source.ts';
import { eventually, OPERATOR_KEY, type TestNode } from '../../support/node.ts';
import { deadLettersOf, eventsOf, payloadsOf, sourcesFile, startNodeWith } from '../../support/sources.ts';
import { topicAt } from '../../support/topics.ts';

const CLI = fileURLToPath(new URL('../../../packages/cli/posthorn.mjs', import.meta.url));

let app: string;
let node: TestNode;
const outbox = () => ({ name: 'shop', type: 'postgresql', url: app, table: 'outbox' });

beforeAll(async () => {
  app = await createDatabase();
  await query(app, 'CREATE TABLE outbox (id bigserial PRIMARY KEY, account text, trigger text, payload json)');
  node = await startNodeWith([outbox()]);
});
afterAll(() => node.stop());

/** A command under way, and what it has printed. */
function start(args: string, sources?: string) {
  const child = spawn(process.execPath, [CLI, 'source', ...args.split(' ')], {
    env: {
      PATH: process.env.PATH,
      POSTHORN_URL: node.url,
      POSTHORN_OPERATOR_KEY: OPERATOR_KEY,
      ...(sources === undefined ? {} : { POSTHORN_SOURCES: sources }),
    },
  });
  const ran = { code: null as number | null, out: '', child };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      ran.out += chunk;
    });
  return ran;
}

async function run(args: string, sources?: string) {
  const ran = start(args, sources);
  [ran.code] = await once(ran.child, 'close');
  return ran;
}

test('list, dead-letters and redrive', async () => {
  await query(app, `INSERT INTO outbox (account, trigger, payload) VALUES ('late', 'a.b', '{"n":1}')`);
  await eventually(
    () => deadLettersOf(node, 'shop'),
    (letters) => letters.length === 1,
  );
  const list = await eventually(
    () => run('list'),
    ({ out }) => out.includes('running'),
  );
  expect(list.out).toMatch(/shop +postgresql +1 +running +0 +[-\d]+ +1/);
  expect((await run('dead-letters shop')).out).toMatch(/ddl_\w+ +1 +account_not_found +There is no account "late"/);
  expect((await run('redrive shop')).out).toContain('0 are events now, 1 are none still.');
  await node.call('POST', '/v1/accounts', { id: 'late', name: 'Late', contract: 'standard' });
  expect((await run('redrive shop --json')).out).toContain('"published": 1');
  expect(await payloadsOf(node.databaseUrl, 'late')).toEqual([{ n: 1 }]);
  expect(await run('redrive none')).toMatchObject({ code: 1, out: expect.stringContaining('No such source') });
});

test('check says what is there, and what is wrong', async () => {
  const file = sourcesFile(
    outbox(),
    { ...outbox(), name: 'none', table: 'none' },
    { name: 'gone', type: 'nats', servers: ['nats://127.0.0.1:1'], stream: 'x' },
  );
  const { code, out } = await run('check', file.path);
  expect(code).toBe(1);
  expect(out).toMatch(/well +shop: table outbox can be read, and nothing waits/);
  expect(out).toMatch(/wrong +none: relation "none" does not exist/);
  expect(out).toMatch(/wrong +gone: .*(REFUSED|refused)/);
  expect(await run('check')).toMatchObject({ code: 2, out: expect.stringContaining('POSTHORN_SOURCES') });
  file.remove();
});

test('tail shows what comes and what event it would be, and takes nothing away', async () => {
  await query(app, 'CREATE TABLE looked_at (LIKE outbox INCLUDING ALL)');
  const file = sourcesFile({ ...outbox(), table: 'looked_at' });
  const tail = start('tail shop', file.path);
  await query(
    app,
    `INSERT INTO looked_at (account, trigger, payload) VALUES ('acme', 'a.b', '{"n":5.0}'), (NULL, 'a.b', '1')`,
  );
  await eventually(
    async () => tail.out,
    (out) => out.includes('no event'),
  );
  expect(tail.out).toMatch(/^\d+ {2}acme {2}a\.b {2}- {2}{"n":5\.0}$/m);
  expect(tail.out).toContain('no event: header account: has no account');
  tail.child.kill('SIGINT');
  await once(tail.child, 'close');
  expect(await query(app, 'SELECT FROM looked_at')).toHaveLength(2);
  expect(await run('reset shop --to earliest', file.path)).toMatchObject({
    code: 2,
    out: expect.stringContaining('has no places'),
  });
  expect(await run('tail other', file.path)).toMatchObject({ code: 2, out: expect.stringContaining('only shop') });
  file.remove();
});

describe.skipIf(!hasKafka)('with Kafka', () => {
  let brokers: Broker[];
  beforeAll(async () => {
    brokers = await startKafka();
  }, 90_000);
  afterAll(async () => {
    for (const broker of brokers ?? []) await broker.stop();
  });

  test('check, tail, and reset to another place: what is known is no second event', async () => {
    const send = await topicAt(brokers, 'orders');
    const source = { name: 'orders', type: 'kafka', brokers: [brokers[0]?.url], topics: ['orders'] };
    const file = sourcesFile(source);
    expect((await run('check', file.path)).out).toContain('orders with 4 partitions');
    const tail = start('tail orders', file.path);
    await eventually(
      async () => {
        await send([eventText(0)]);
        return tail.out;
      },
      (out) => /orders\/\d\/\d+@\d+ {2}acme {2}order\.created/.test(out),
      30_000,
    );
    tail.child.kill('SIGINT');
    await once(tail.child, 'close');
    expect(await run('reset orders --to latest', file.path)).toMatchObject({ code: 0 });
    const databaseUrl = await createDatabase();
    const first = await startNodeWith([source], { databaseUrl });
    await first.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    await eventually(
      () => first.call('GET', '/v1/sources'),
      ({ body }) => body.data[0].nodes[0]?.state === 'running',
    );
    await send([eventText(1), eventText(2)]);
    expect(await eventsOf(databaseUrl, 'acme', 2)).toHaveLength(2);
    expect(await run('reset orders --to earliest', file.path)).toMatchObject({ code: 1 });
    await first.stop();
    expect(await run('reset orders --to 2026-01-01T00:00:00Z', file.path)).toMatchObject({ code: 0 });
    const second = await startNodeWith([source], { databaseUrl });
    const all = (await eventually(
      () => payloadsOf(databaseUrl, 'acme'),
      (payloads) => payloads.some((payload) => (payload as { n: number }).n === 0),
      30_000,
    )) as { n: number }[];
    expect(all.filter(({ n }) => n > 0)).toHaveLength(2);
    await second.stop();
    file.remove();
  }, 120_000);
});
