/** Several nodes as processes of one server: one port, one log, one metrics page, one stop. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, OPERATOR_KEY } from '../support/node.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { Receiver } from '../support/receiver.ts';

let receiver: Receiver;
let server: ServerProcess;
let url: string;

beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.log(server.printed());
  server.child.kill('SIGKILL');
  await receiver.stop();
});

async function start(environment: Record<string, string>): Promise<void> {
  server = startServer({ POSTHORN_PROCESSES: '2', ...environment });
  url = await server.ready;
}

/** On a connection of its own: each goes to the next process. */
function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string; headers: object }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' };
    const sent = request(`${url}${path}`, { method, headers, agent: new Agent() }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function createEndpoint(): Promise<void> {
  await call('POST', '/v1/accounts', { id: 'a', name: 'a', contract: 'standard' });
  const created = await call('POST', '/v1/accounts/a/endpoints', {
    url: receiver.url(),
    subscriptions: [{ trigger: '*' }],
  });
  expect(created.status).toBe(201);
}

async function publish(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { status } = await call('POST', '/v1/accounts/a/events', { trigger: 'a.b', payload: { i } });
    expect(status).toBe(202);
  }
}

async function metric(name: string): Promise<number> {
  const { text } = await call('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

const childrenOf = (pid: number | undefined) =>
  spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.includes('main.js'))
    .map((line) => Number.parseInt(line, 10));

test('two processes take connections in turn, deliver everything, count together, and stop together', async () => {
  const databaseUrl = await createDatabase();
  await start({ DATABASE_URL: databaseUrl, POSTHORN_DATA_DIR: mkdtempSync(join(tmpdir(), 'posthorn-processes-')) });
  const alive = () => query(databaseUrl, 'SELECT FROM nodes WHERE dead_at IS NULL');
  await eventually(alive, ({ length }) => length === 2);
  await createEndpoint();
  await publish(40);
  await receiver.received(40);
  expect(await metric('posthorn_events_accepted_total')).toBe(40);
  const byNode = await query<{ n: number }>(databaseUrl, 'SELECT count(*)::int AS n FROM events GROUP BY node');
  expect(byNode.map(({ n }) => n > 10)).toEqual([true, true]);

  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  expect(await alive()).toEqual([]);
  expect(await query(databaseUrl, 'SELECT FROM queue')).toEqual([]);
  expect(server.printed().match(/Posthorn is ready/g)).toHaveLength(1);
});

test('with its own database: the sign-in link works once over all processes, and one that is killed is replaced', async () => {
  await start({ POSTHORN_DATA_DIR: mkdtempSync(join(tmpdir(), 'posthorn-processes-')) });
  await eventually(
    async () => server.printed().match(/Server listening/g),
    (lines) => lines?.length === 2,
  );
  const link = /(\/sign-in\?token=\S+)/.exec(server.printed())?.[1] ?? '';
  const answers = await Promise.all(Array.from({ length: 4 }, () => call('GET', link)));
  const places = answers.map(({ headers }) => (headers as { location?: string }).location);
  expect(places.filter((place) => place === '/console/')).toHaveLength(1);
  expect(places.filter((place) => place === '/console/?link=used')).toHaveLength(3);

  await createEndpoint();
  const before = childrenOf(server.child.pid);
  expect(before).toHaveLength(2);
  await publish(10);
  process.kill(before[0] ?? 0, 'SIGKILL');
  await eventually(
    async () => childrenOf(server.child.pid),
    (now) => now.length === 2 && !now.includes(before[0] ?? 0),
  );
  await publish(10);
  await eventually(
    async () => new Set(receiver.requests.map(({ body }) => body.toString())).size,
    (count) => count === 20,
  );
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
});

test('a setting that is wrong is told once, by the first process, and ends the server', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-processes-'));
  await start({ POSTHORN_DATA_DIR: folder, DATABASE_URL: await createDatabase() });
  const second = startServer({
    POSTHORN_PROCESSES: '2',
    POSTHORN_PORT: new URL(url).port,
    POSTHORN_DATA_DIR: folder,
    DATABASE_URL: await createDatabase(),
  });
  expect(await second.ended).toBe(1);
  expect(second.printed().match(/POSTHORN_PORT/g)).toHaveLength(1);
});
