/** What the tests of all sources share. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReader } from '../../packages/server/src/sources/open-reader.ts';
import { readSources } from '../../packages/server/src/sources/source-config.ts';
import { query } from './database.ts';
import { eventually, startTestNode, type TestNode, type TestNodeOptions } from './node.ts';

/** A file with these sources, until the tests end. */
export function sourcesFile(...sources: object[]): { path: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-sources-'));
  const path = join(folder, 'sources.json');
  writeFileSync(path, JSON.stringify({ sources }));
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A node that reads these sources. */
export async function startNodeWith(sources: object[], options: TestNodeOptions = {}): Promise<TestNode> {
  const { path, remove } = sourcesFile(...sources);
  const node = await startTestNode({ ...options, environment: { ...options.environment, POSTHORN_SOURCES: path } });
  return {
    ...node,
    async stop() {
      await node.stop();
      remove();
    },
  };
}

/** What an account's events carry, in the order in which they were accepted. */
export async function payloadsOf(databaseUrl: string, account: string): Promise<unknown[]> {
  const rows = await query<{ payload: string }>(
    databaseUrl,
    "SELECT convert_from(payload, 'UTF8') AS payload FROM events WHERE account_id = $1 ORDER BY id",
    [account],
  );
  return rows.map(({ payload }) => JSON.parse(payload));
}

/** Waits until an account has so many events, and answers their payloads. */
export async function eventsOf(databaseUrl: string, account: string, count: number, timeoutMs = 30_000) {
  return await eventually(
    () => payloadsOf(databaseUrl, account),
    (payloads) => payloads.length >= count,
    timeoutMs,
  );
}

export const deadLettersOf = async (node: TestNode, source: string) =>
  (await node.call('GET', `/v1/sources/${source}/dead-letters`)).body.data;

/** Waits until a node says that nothing waits at a source any more. */
export const isReadToTheEnd = (node: TestNode, source: string) =>
  eventually(
    async () => {
      const { data } = (await node.call('GET', '/v1/sources')).body;
      return data.find((one: { name: string }) => one.name === source).behind;
    },
    (count) => count === 0,
    30_000,
  );

/** How many messages wait at a source that no node reads. */
export async function waitingAt(source: object): Promise<number> {
  const { path, remove } = sourcesFile(source);
  const [config] = readSources(path, {});
  if (!config) throw new Error('there is a source in the file');
  const reader = await openReader(config);
  try {
    return await reader.behind();
  } finally {
    await reader.close();
    remove();
  }
}
