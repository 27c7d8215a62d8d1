/** Starting as a user starts it: a process of its own, an empty data folder, and every way in which that can go wrong. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, MASTER_KEY, startTestNode } from '../support/node.ts';
import { type ServerProcess, startServer } from '../support/process.ts';

let folder: string;
const running: ServerProcess[] = [];

function start(environment: Record<string, string> = {}): ServerProcess {
  const server = startServer({ POSTHORN_DATA_DIR: folder, ...environment });
  running.push(server);
  return server;
}

async function stop(server: ServerProcess): Promise<number | string> {
  server.child.kill('SIGTERM');
  return server.ended;
}

const postmasterPid = () => Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Where nobody collects orphans, what has ended stays in the table as a zombie.
    return !existsSync(`/proc/${pid}`) || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-start-'));
});
afterEach(async () => {
  for (const server of running.splice(0)) {
    server.child.kill('SIGTERM');
    await server.ended;
  }
  if (existsSync(join(folder, 'postgres', 'postmaster.pid'))) process.kill(postmasterPid(), 'SIGQUIT');
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

describe('the embedded database', () => {
  test('first start prints page and sign-in link; the operator key is kept where it says, and works', async () => {
    const first = start({ POSTHORN_OPERATOR_KEY: '' });
    const url = await first.ready;
    const file = await eventually(
      async () => /operator key is in (\S+)\.\n/.exec(first.printed())?.[1],
      (found) => found !== undefined,
    );
    const key = readFileSync(file ?? '', 'utf8').trim();
    // What is printed here goes into a log.
    expect(first.printed()).not.toContain('pho_');
    expect(first.printed()).toMatch(/Sign in +http:\/\/\S+\/sign-in\?token=\S{20,}/);
    expect(file).toBe(join(folder, 'operator-key'));
    for (const file of ['operator-key', 'master-key']) expect(statSync(join(folder, file)).mode & 0o077).toBe(0);
    const answer = await fetch(`${url}/v1/database`, { headers: { authorization: `Bearer ${key}` } });
    expect(await answer.json()).toMatchObject({
      version: expect.stringMatching(/^18/),
      fsync: 'on',
      synchronous_commit: 'on',
    });
    expect(await stop(first)).toBe(0);

    const second = start({ POSTHORN_OPERATOR_KEY: '' });
    const again = await second.ready;
    expect((await fetch(`${again}/v1/accounts`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
    expect(second.printed()).not.toContain('pho_');
  });

  test('listens on a unix socket only, in a folder that nobody else may enter', async () => {
    await start().ready;
    const socketFolder = join(folder, 'postgres-socket');
    expect(statSync(socketFolder).mode & 0o077).toBe(0);
    expect(existsSync(join(socketFolder, '.s.PGSQL.5432'))).toBe(true);
  });

  test('is found by `posthorn reseal` while the server runs', async () => {
    const first = start();
    await first.ready;
    await stop(first);
    const old = readFileSync(join(folder, 'master-key'), 'utf8').trim();
    const keys = `${Buffer.alloc(32, 9).toString('base64')},${old}`;
    await start({ POSTHORN_MASTER_KEY: keys }).ready;
    const env = { PATH: process.env.PATH, POSTHORN_DATA_DIR: folder, POSTHORN_MASTER_KEY: keys };
    const reseal = spawnSync(process.execPath, ['packages/cli/posthorn.mjs', 'reseal'], { env, encoding: 'utf8' });
    expect(reseal.stdout).toContain('can be taken out of POSTHORN_MASTER_KEY');
    expect(reseal.status).toBe(0);
  });

  test('stops with the server, and leaves nothing running', async () => {
    const server = start();
    await server.ready;
    const pid = postmasterPid();
    expect(await stop(server)).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test('an orphan of a killed server is used again', async () => {
    const first = start();
    await first.ready;
    const orphan = postmasterPid();
    first.child.kill('SIGKILL');
    await first.ended;
    expect(isAlive(orphan)).toBe(true);
    const second = start();
    await second.ready;
    expect(postmasterPid()).toBe(orphan);
    expect(await stop(second)).toBe(0);
    expect(isAlive(orphan)).toBe(false);
  });

  test('a second server on the same data folder is refused, and the first goes on', async () => {
    const first = start();
    const url = await first.ready;
    const second = start();
    expect(await second.ended).toBe(1);
    expect(second.printed()).toContain(`is in use by another server (process ${first.child.pid})`);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  test('works in a folder that only its owner may enter, also as root', async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    chmodSync(closed, 0o700);
    const inside = join(closed, 'data');
    const server = start({ POSTHORN_DATA_DIR: inside });
    await server.ready;
    expect(await stop(server)).toBe(0);
  });

  test('a data folder with a long path gets its socket elsewhere', async () => {
    const long = join(folder, 'a'.repeat(100));
    const server = start({ POSTHORN_DATA_DIR: long });
    await server.ready;
    expect(existsSync(join(long, 'postgres-socket'))).toBe(false);
    expect(await stop(server)).toBe(0);
  });
});

describe('a start that cannot succeed ends with one clear line', () => {
  async function failure(environment: Record<string, string>): Promise<string> {
    const server = start(environment);
    expect(await server.ended).toBe(1);
    const text = server
      .printed()
      .replace(/^\{.*\}\n/gm, '')
      .trim();
    expect(text.split('\n')).toHaveLength(1);
    return text;
  }

  test('an unknown value', async () => {
    expect(await failure({ POSTHORN_LOG_LEVEL: 'loud' })).toContain('POSTHORN_LOG_LEVEL: "loud" is not a level');
    expect(await failure({ POSTHORN_PROT: '1' })).toContain('POSTHORN_PROT: there is no such setting');
  });

  test('a port in use', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const address = holder.address();
    const port = typeof address === 'object' ? address?.port : 0;
    expect(await failure({ POSTHORN_PORT: String(port), DATABASE_URL: await createDatabase() })).toContain(
      `port ${port} is in use`,
    );
    holder.close();
  });

  test('a port in use, and nothing is sent that waits: its outcome could not be stored', async () => {
    const requests: string[] = [];
    const receiver = createHttpServer((request, response) => {
      requests.push(request.url ?? '');
      response.writeHead(503, { 'retry-after': '1' }).end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    const databaseUrl = await createDatabase();
    const node = await startTestNode({ databaseUrl });
    const { account } = await node.createEndpoint(`http://127.0.0.1:${port}/`);
    for (let i = 0; i < 5; i++) await node.publish(account, 'a.b', {});
    await eventually(
      async () => requests.length,
      (count) => count >= 5,
    );
    await node.stop();
    await query(databaseUrl, "UPDATE queue SET due_at = 'epoch'");
    await query(databaseUrl, "UPDATE lanes SET next_due_at = 'epoch'");
    const before = requests.length;
    expect(
      await failure({ POSTHORN_PORT: String(port), DATABASE_URL: databaseUrl, POSTHORN_MASTER_KEY: MASTER_KEY }),
    ).toContain(`port ${port} is in use`);
    expect(requests.length).toBe(before);
    receiver.close();
  });

  test('a data folder that cannot be written', async () => {
    expect(await failure({ POSTHORN_DATA_DIR: '/proc/posthorn' })).toMatch(
      /^POSTHORN_DATA_DIR: \/proc\/posthorn cannot be written/,
    );
  });

  test('a database that cannot be reached', async () => {
    expect(await failure({ DATABASE_URL: 'postgres://u:p@127.0.0.1:1/d' })).toContain(
      'DATABASE_URL: the database cannot be reached',
    );
  });

  test('another master key than the one the secrets are sealed with', async () => {
    const url = await createDatabase();
    const first = start({ DATABASE_URL: url, POSTHORN_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') });
    await first.ready;
    expect(await failure({ DATABASE_URL: url, POSTHORN_MASTER_KEY: Buffer.alloc(32, 2).toString('base64') })).toContain(
      'another master key',
    );
  });

  test('a migration that was edited after it had been applied', async () => {
    const url = await createDatabase();
    const first = start({ DATABASE_URL: url });
    await first.ready;
    await stop(first);
    await query(url, "UPDATE migrations SET digest = 'x' WHERE version = 1");
    expect(await failure({ DATABASE_URL: url })).toContain('was edited after it had been applied');
    await query(url, "UPDATE migrations SET version = 9999, name = '9999_future.sql' WHERE version = 1");
    expect(await failure({ DATABASE_URL: url })).toContain(
      '9999_future.sql, which this version of Posthorn does not know',
    );
  });
});
