/** A real PgBouncer, where this machine has one; elsewhere these tests are skipped, and say so. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createDatabase } from '../../../../test/support/database.ts';
import { type Relay, relayTo } from '../../../../test/support/faults.ts';
import { eventually, startTestNode } from '../../../../test/support/node.ts';
import { Receiver } from '../../../../test/support/receiver.ts';
import { checkDatabase } from './requirements.ts';

const poolers: ChildProcess[] = [];
const relays: Relay[] = [];
afterEach(async () => {
  for (const pooler of poolers.splice(0)) {
    pooler.kill('SIGINT');
    await once(pooler, 'exit');
  }
  for (const relay of relays.splice(0)) await relay.stop();
});

const HAS_PGBOUNCER = spawnSync('pgbouncer', ['--version']).status === 0;
if (!HAS_PGBOUNCER) console.warn('There is no pgbouncer on this machine: its tests are skipped.');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a PgBouncer before a database; answers the URL through it. */
async function poolerTo(url: string, mode: 'session' | 'transaction' | 'statement', size = 40): Promise<string> {
  // Over TCP: the folder of PostgreSQL's socket is closed to other users.
  const relay = await relayTo(url);
  relays.push(relay);
  const { port: databasePort, username, password, pathname } = new URL(relay.url);
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-pgbouncer-'));
  const port = await freePort();
  writeFileSync(join(folder, 'users.txt'), `"${username}" "${password}"\n`);
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
${pathname.slice(1)} = host=127.0.0.1 port=${databasePort} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${join(folder, 'users.txt')}
pool_mode = ${mode}
default_pool_size = ${size}
`,
  );
  const asRoot = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if (process.getuid?.() === 0) spawnSync('chmod', ['-R', 'a+rX', folder]);
  poolers.push(spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], { stdio: 'ignore', ...asRoot }));
  return `postgres://${username}:${password}@127.0.0.1:${port}${pathname}`;
}

const check = (url: string) => checkDatabase({ connectionString: url }, 20, () => {});

test('a database that is connected to directly has sessions', async () => {
  await expect(check(await createDatabase())).resolves.toBeUndefined();
});

describe.skipIf(!HAS_PGBOUNCER)('behind PgBouncer', () => {
  /** What a check says, by its log or its error, once the pooler is up. */
  const answerOf = (url: string) =>
    eventually(
      async () => {
        const lines: string[] = [];
        const error = await checkDatabase({ connectionString: url }, 20, (line) => lines.push(line)).then(
          String,
          String,
        );
        return lines[0] ?? error;
      },
      (message) => !message.includes('cannot be used'),
      20_000,
    );

  test.each(['transaction', 'statement'] as const)(
    'in %s mode, the start is refused in one line that says what to do',
    async (mode) => {
      const answer = await answerOf(await poolerTo(await createDatabase(), mode));
      expect(answer).toMatch(new RegExp(`DATABASE_URL leads to a connection pooler in ${mode} mode\\. .*session mode`));
    },
  );

  test.each(['transaction', 'session'] as const)(
    'with one connection, in %s mode, a line says what to change',
    async (mode) => {
      expect(await answerOf(await poolerTo(await createDatabase(), mode, 1))).toMatch(
        /one connection and not a second one.*POSTHORN_DATABASE_CONNECTIONS/,
      );
    },
  );

  test('in session mode, events are accepted and delivered', async () => {
    const url = await poolerTo(await createDatabase(), 'session');
    await eventually(
      () => check(url).then(() => 'fine', String),
      (answer) => answer === 'fine',
    );
    const receiver = await Receiver.start();
    const node = await startTestNode({ databaseUrl: url });
    const { account } = await node.createEndpoint(receiver.url());
    for (let i = 0; i < 5; i++) expect((await node.publish(account, 'a.b', i)).status).toBe(202);
    await receiver.received(5);
    await node.stop();
    await receiver.stop();
  });
});
