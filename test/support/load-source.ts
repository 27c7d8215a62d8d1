/** The test that every broker's source has to pass: kills of broker, node and database under load. */
import { expect } from 'vitest';
import type { Broker } from './brokers/broker.ts';
import { createDatabase } from './database.ts';
import { cutConnections } from './faults.ts';
import { eventually, MASTER_KEY, startTestNode } from './node.ts';
import { startServer } from './process.ts';
import { eventsOf, payloadsOf, sourcesFile, startNodeWith } from './sources.ts';

const AT_ONCE = 2_000;

/**
 * Publishes to a broker, while it, nodes that read from it, and the database's connections are killed in turns. Each message that
 * the broker has taken is an event in the end, and exactly one.
 * @param send puts messages with these numbers, and resolves when the broker has them for good
 */
export async function killUnderLoad(
  source: object,
  brokers: readonly Broker[],
  send: (from: number, count: number) => Promise<void>,
): Promise<void> {
  const url = await createDatabase();
  const plain = await startTestNode({ databaseUrl: url });
  await plain.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
  await plain.stop();
  const { path, remove } = sourcesFile(source);
  const start = () =>
    startServer({
      DATABASE_URL: url,
      POSTHORN_SOURCES: path,
      POSTHORN_DATA_DIR: `${path}.d`,
      POSTHORN_MASTER_KEY: MASTER_KEY,
      POSTHORN_LOG_LEVEL: 'error',
    });
  let sent = 0;
  const sendMore = async () => {
    await send(sent, AT_ONCE);
    sent += AT_ONCE;
  };
  const kills = [
    async (server: ReturnType<typeof start>) => void server.child.kill('SIGKILL'),
    async () => {
      for (const broker of brokers) {
        await broker.kill();
        await broker.start();
      }
    },
    async () => await cutConnections(url, "application_name LIKE 'posthorn%'"),
  ];
  for (const kill of kills) {
    const server = start();
    await server.ready;
    const before = (await payloadsOf(url, 'acme')).length;
    await sendMore();
    // Of a node that was killed the broker hears nothing, and gives what it had to others after some time.
    await eventsOf(url, 'acme', before + 1, 90_000);
    await kill(server);
    await sendMore();
    server.child.kill('SIGKILL');
    await server.ended;
  }
  const last = await startNodeWith([source], { databaseUrl: url });
  await eventsOf(url, 'acme', sent, 90_000);
  // Whatever comes again by now is no second event.
  await eventually(
    async () => (await last.call('GET', '/v1/sources')).body.data[0].nodes,
    (nodes) => nodes.length === 1 && nodes[0].state === 'running',
  );
  const all = (await payloadsOf(url, 'acme')) as { n: number }[];
  expect(all.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, n) => n));
  expect((await last.call('GET', `/v1/sources`)).body.data[0].dead_letters).toBe(0);
  await last.stop();
  remove();
}

/** A message as the API takes it, with the account beside it. */
export const eventText = (n: number, account = 'acme'): string =>
  JSON.stringify({ account, trigger: 'order.created', payload: { n } });
