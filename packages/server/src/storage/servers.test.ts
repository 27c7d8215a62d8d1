import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase, query } from '../../../../test/support/database.ts';
import { relayTo } from '../../../../test/support/faults.ts';
import { startTestNode } from '../../../../test/support/node.ts';
import { splitUrl } from './servers.ts';

test.each([
  ['postgres://u:p@a:5432/db', ['postgres://u:p@a:5432/db']],
  ['postgresql://a,b/db', ['postgresql://a/db', 'postgresql://b/db']],
  [
    'postgres://u:p%2C@a:5432,b:5433,[::1]:5434/db?sslmode=verify-full&target_session_attrs=read-write',
    [
      'postgres://u:p%2C@a:5432/db?sslmode=verify-full',
      'postgres://u:p%2C@b:5433/db?sslmode=verify-full',
      'postgres://u:p%2C@[::1]:5434/db?sslmode=verify-full',
    ],
  ],
  ['postgres://u@a:5432,b:5432', ['postgres://u@a:5432', 'postgres://u@b:5432']],
  ['postgres:///db?host=/var/run/postgresql', ['postgres:///db?host=/var/run/postgresql']],
  ['postgres://a:x,b/db', undefined],
  ['postgres://a b/db', undefined],
  ['no url', undefined],
])('%s', (url, urls) => {
  expect(splitUrl(url)).toEqual(urls);
});

test('a server whose history is older than one that was seen before the start is not believed, until that is forgotten', async () => {
  const url = await createDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-timelines-'));
  const [row] = await query<{ system: string }>(
    url,
    'SELECT system_identifier::text AS system FROM pg_control_system()',
  );
  const seen = join(folder, `timeline-${row?.system}`);
  writeFileSync(seen, '7\n');
  // Two servers, of which the other one does not answer.
  const relay = await relayTo(url);
  const { host } = new URL(relay.url);
  const databaseUrl = relay.url.replace(host, `127.0.0.1:1,${host}`);
  const start = () => startTestNode({ databaseUrl, environment: { POSTHORN_DATA_DIR: folder } });
  await expect(start()).rejects.toThrow(
    `${host} takes writes, but its history is older than that of the server before: it is not used. If it is meant to go on from there, delete ${seen} and start this server again.`,
  );
  rmSync(seen);
  const node = await start();
  expect(readFileSync(seen, 'utf8')).toBe('1\n');
  await node.stop();
  await relay.stop();
  rmSync(folder, { recursive: true });
});
