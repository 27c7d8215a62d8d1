/** Events out of NATS JetStream, with the real server. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Broker } from '../../support/brokers/broker.ts';
import { hasNats, startNats } from '../../support/brokers/nats.ts';
import { createDatabase } from '../../support/database.ts';
import { eventText, killUnderLoad } from '../../support/load-source.ts';
import { eventually } from '../../support/node.ts';
import { deadLettersOf, eventsOf, startNodeWith } from '../../support/sources.ts';

describe.skipIf(!hasNats)('a stream of NATS (skipped where nats-server is not installed: npm run brokers)', () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startNats();
  }, 60_000);
  afterAll(async () => {
    await broker?.stop();
  });

  async function streamOf(name: string) {
    const connection = await connect({ servers: broker.url });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name, subjects: [`${name}.>`] });
    await connection.close();
  }

  async function send(subject: string, texts: readonly string[], own: Record<string, string> = {}) {
    const connection = await connect({ servers: broker.url });
    const js = jetstream(connection);
    const named = headers();
    for (const [name, value] of Object.entries(own)) named.set(name, value);
    await Promise.all(texts.map((text) => js.publish(subject, text, { headers: named })));
    await connection.close();
  }

  test('its messages become events, those of other subjects do not, and what is none is a dead letter by its place', async () => {
    const databaseUrl = await createDatabase();
    await streamOf('shop');
    const source = {
      name: 'shop',
      type: 'nats',
      servers: [broker.url],
      stream: 'shop',
      subjects: ['shop.orders.*'],
      event: { account: { header: 'Shop' }, trigger: { value: 'order.created' }, payload: { pointer: '' } },
    };
    const node = await startNodeWith([source], { databaseUrl });
    await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    const numbers = Array.from({ length: 1_000 }, (_, n) => n);
    await send('shop.other.eu', ['{"n":-1}'], { Shop: 'acme' });
    await send(
      'shop.orders.eu',
      numbers.map((n) => `{"n":${n}}`),
      { Shop: 'acme' },
    );
    await send('shop.orders.eu', ['{}']);
    expect(await eventsOf(databaseUrl, 'acme', 1_000)).toEqual(numbers.map((n) => ({ n })));
    const [letter] = await eventually(
      () => deadLettersOf(node, 'shop'),
      (found) => found.length === 1,
    );
    expect(letter).toMatchObject({
      place: 'shop/1002',
      headers: { ':subject': 'shop.orders.eu' },
      error: { code: 'invalid_request', detail: 'header Shop: has no account' },
    });
    await node.stop();
  });

  test('nothing is lost and nothing twice while broker, nodes and database connections are killed', async () => {
    await streamOf('killed');
    await killUnderLoad(
      { name: 'killed', type: 'nats', servers: [broker.url], stream: 'killed' },
      [broker],
      (from, count) =>
        send(
          'killed.x',
          Array.from({ length: count }, (_, i) => eventText(from + i)),
        ),
    );
  }, 240_000);
});
