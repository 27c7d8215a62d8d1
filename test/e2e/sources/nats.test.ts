/** Events out of NATS JetStream, with the real server. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resetSource } from '../../../packages/server/src/sources/look.ts';
import type { SourceConfig } from '../../../packages/server/src/sources/source-config.ts';
import type { Broker } from '../../support/brokers/broker.ts';
import { hasNats, startNats } from '../../support/brokers/nats.ts';
import { createDatabase } from '../../support/database.ts';
import { eventText, killUnderLoad } from '../../support/load-source.ts';
import { eventually, type TestNode } from '../../support/node.ts';
import { deadLettersOf, eventsOf, isReadToTheEnd, startNodeWith, waitingAt } from '../../support/sources.ts';

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

  const running = (node: TestNode) =>
    eventually(
      async () => (await node.call('GET', '/v1/sources')).body.data[0].nodes[0],
      (one) => one?.state === 'running',
    );

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
      place: expect.stringMatching(/^shop\/1002@\d{13}$/),
      headers: { ':subject': 'shop.orders.eu' },
      error: { code: 'invalid_request', detail: 'header Shop: has no account' },
    });
    await isReadToTheEnd(node, 'shop');
    await send('shop.others.eu', ['1', '2', '3']);
    const others = { ...source, name: 'others', subjects: ['shop.others.*'] };
    expect(await waitingAt(others)).toBe(3);
    await node.stop();
  });

  test('its consumer follows the file; one of another kind is told of; nothing is reset while a server reads', async () => {
    const databaseUrl = await createDatabase();
    await streamOf('moved');
    const source = {
      name: 'moved',
      type: 'nats',
      servers: [broker.url],
      stream: 'moved',
      subjects: ['moved.a'],
    } satisfies SourceConfig;
    const first = await startNodeWith([source], { databaseUrl });
    await first.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    await send('moved.a', [eventText(1)]);
    await eventsOf(databaseUrl, 'acme', 1);
    await expect(resetSource(source, 'earliest')).rejects.toThrow('servers read moved: stop them first');
    await first.stop();
    await expect(resetSource({ ...source, stream: 'nowhere' }, 'earliest')).rejects.toThrow('stream not found');
    const { subjects: _, ...all } = source;
    const next = await startNodeWith([all], { databaseUrl });
    await running(next);
    await send('moved.c', [eventText(2)]);
    await eventsOf(databaseUrl, 'acme', 2);
    await next.stop();
    const connection = await connect({ servers: broker.url });
    const manager = await jetstreamManager(connection);
    await manager.consumers.add('moved', { durable_name: 'careless', ack_policy: 'none' });
    await connection.close();
    const careless = await startNodeWith([{ ...source, consumer: 'careless' }], { databaseUrl });
    const { body } = await eventually(
      () => careless.call('GET', '/v1/sources'),
      (answer) => answer.body.data[0].nodes[0]?.state === 'failing',
    );
    expect(body.data[0].nodes[0].error).toContain('explicit acknowledgements');
    await careless.stop();
  }, 60_000);

  test('messages of a megabyte come through, a few at a time', async () => {
    const databaseUrl = await createDatabase();
    await streamOf('large');
    const source = { name: 'large', type: 'nats', servers: [broker.url], stream: 'large' };
    const node = await startNodeWith([source], { databaseUrl });
    await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    const filler = 'x'.repeat(1_000_000);
    const text = (n: number) => JSON.stringify({ account: 'acme', trigger: 'a.b', payload: { n, filler } });
    await send(
      'large.x',
      Array.from({ length: 20 }, (_, n) => text(n)),
    );
    const all = (await eventsOf(databaseUrl, 'acme', 20, 60_000)) as { n: number }[];
    expect(all.map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    await node.stop();
  }, 90_000);

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
