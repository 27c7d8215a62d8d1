/** Events out of RabbitMQ's quorum queues, with the real broker. */
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Broker } from '../../support/brokers/broker.ts';
import { hasRabbitMq, startRabbitMq } from '../../support/brokers/rabbitmq.ts';
import { createDatabase } from '../../support/database.ts';
import { failInserts } from '../../support/faults.ts';
import { eventText, killUnderLoad } from '../../support/load-source.ts';
import { eventually } from '../../support/node.ts';
import {
  deadLettersOf,
  eventsOf,
  isReadToTheEnd,
  payloadsOf,
  startNodeWith,
  waitingAt,
} from '../../support/sources.ts';

describe.skipIf(!hasRabbitMq)('a queue of RabbitMQ (skipped where it is not installed: npm run brokers)', () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startRabbitMq();
  }, 90_000);
  afterAll(async () => {
    await broker?.stop();
  });

  async function send(queue: string, messages: readonly { text: string; id?: string; headers?: object }[]) {
    const connection = await connect(broker.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    for (const { text, id, headers } of messages)
      channel.sendToQueue(queue, Buffer.from(text), {
        persistent: true,
        ...(id === undefined ? {} : { messageId: id }),
        ...(headers === undefined ? {} : { headers }),
      });
    await channel.waitForConfirms();
    await connection.close();
  }

  test('its messages become events; one without any id, or that is none, is a dead letter', async () => {
    const databaseUrl = await createDatabase();
    await send('orders', []);
    const node = await startNodeWith([{ name: 'orders', type: 'rabbitmq', url: broker.url, queue: 'orders' }], {
      databaseUrl,
    });
    await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    const numbers = Array.from({ length: 1_000 }, (_, n) => n);
    const messages = numbers.map((n) => ({ text: eventText(n), id: `m-${n}` }));
    await send('orders', messages);
    expect(await eventsOf(databaseUrl, 'acme', 1_000)).toEqual(numbers.map((n) => ({ n })));
    // Sent again, by a sender that has not heard of its success; and one that is known by the id of its event.
    await send('orders', [...messages.slice(0, 10), { text: eventText(-1) }]);
    await send('orders', [{ text: '{"account":"acme","trigger":"a.b","id":"e-1","payload":1}' }]);
    await send('orders', [{ text: '{"account":"acme","trigger":"a.b","id":"e-1","payload":1}' }]);
    const [letter] = await eventually(
      () => deadLettersOf(node, 'orders'),
      (found) => found.length === 1,
    );
    expect(letter.error.detail).toContain('The message has no id');
    expect(letter.headers).toEqual({ ':routing_key': 'orders' });
    await eventsOf(databaseUrl, 'acme', 1_001);
    expect(await payloadsOf(databaseUrl, 'acme')).toHaveLength(1_001);
    await isReadToTheEnd(node, 'orders');
    // A hundred of them are on their way to whoever reads.
    await send(
      'others',
      numbers.map((n) => ({ text: eventText(n) })),
    );
    const waiting = await waitingAt({ name: 'others', type: 'rabbitmq', url: broker.url, queue: 'others' });
    expect(waiting).toBeGreaterThanOrEqual(900);
    await node.stop();
  });

  test('however large its messages are, only some of them are on their way here', async () => {
    const databaseUrl = await createDatabase();
    await send('large', []);
    const node = await startNodeWith([{ name: 'large', type: 'rabbitmq', url: broker.url, queue: 'large' }], {
      databaseUrl,
    });
    await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    const filler = 'x'.repeat(200_000);
    const messages = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({
        text: JSON.stringify({ account: 'acme', trigger: 'a.b', payload: { n: from + i, filler } }),
        id: `m-${from + i}`,
      }));
    await send('large', messages(0, 120));
    await eventsOf(databaseUrl, 'acme', 120);
    const heal = await failInserts(databaseUrl, 'events', '53100');
    await send('large', messages(120, 300));
    const connection = await connect(broker.url);
    const channel = await connection.createChannel();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    // What is not on its way is ready for others; 8 MiB are 41 of these.
    expect((await channel.checkQueue('large')).messageCount).toBeGreaterThan(200);
    await connection.close();
    await heal();
    await eventsOf(databaseUrl, 'acme', 420, 60_000);
    await node.stop();
  }, 90_000);

  test('a queue that is not there is told of', async () => {
    const node = await startNodeWith([{ name: 'none', type: 'rabbitmq', url: broker.url, queue: 'none' }]);
    const { body } = await eventually(
      () => node.call('GET', '/v1/sources'),
      (answer) => answer.body.data[0].nodes[0]?.state === 'failing',
    );
    expect(body.data[0].nodes[0].error).toContain("no queue 'none'");
    await node.stop();
  });

  test('nothing is lost and nothing twice while broker, nodes and database connections are killed', async () => {
    await send('killed', []);
    await killUnderLoad(
      { name: 'killed', type: 'rabbitmq', url: broker.url, queue: 'killed' },
      [broker],
      (from, count) =>
        send(
          'killed',
          Array.from({ length: count }, (_, i) => ({ text: eventText(from + i), id: String(from + i) })),
        ),
    );
  }, 240_000);
});
