/** Events out of a queue that speaks the protocol of Amazon SQS. */
import { CreateQueueCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Broker } from '../../support/brokers/broker.ts';
import { hasElasticMq, startElasticMq } from '../../support/brokers/elasticmq.ts';
import { createDatabase } from '../../support/database.ts';
import { eventText, killUnderLoad } from '../../support/load-source.ts';
import { eventually } from '../../support/node.ts';
import { deadLettersOf, eventsOf, isReadToTheEnd, startNodeWith, waitingAt } from '../../support/sources.ts';

const KEYS = { access_key_id: 'x', secret_access_key: 'x' };

describe.skipIf(!hasElasticMq)('a queue of SQS (skipped where ElasticMQ’s jars are not there: npm run brokers)', () => {
  let broker: Broker;
  let client: SQSClient;
  beforeAll(async () => {
    broker = await startElasticMq();
    client = new SQSClient({
      endpoint: broker.url,
      region: 'elasticmq',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    });
  }, 90_000);
  afterAll(async () => {
    client?.destroy();
    await broker?.stop();
  });

  const createQueue = async (QueueName: string) =>
    (await client.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: '5' } }))).QueueUrl ?? '';

  async function send(QueueUrl: string, texts: readonly string[], attribute?: [string, string]) {
    for (let i = 0; i < texts.length; i += 10) {
      const Entries = texts.slice(i, i + 10).map((MessageBody, n) => ({
        Id: String(n),
        MessageBody,
        ...(attribute
          ? { MessageAttributes: { [attribute[0]]: { DataType: 'String', StringValue: attribute[1] } } }
          : {}),
      }));
      await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    }
  }

  const sourceOf = (name: string, queueUrl: string, more = {}) => ({
    name,
    type: 'sqs',
    queue_url: queueUrl,
    endpoint: broker.url,
    region: 'elasticmq',
    ...KEYS,
    ...more,
  });

  test('its messages become events, and what is none is a dead letter', async () => {
    const databaseUrl = await createDatabase();
    const url = await createQueue('orders');
    const event = { account: { header: 'shop' }, trigger: { value: 'order.created' }, payload: { pointer: '' } };
    const node = await startNodeWith([sourceOf('orders', url, { event })], { databaseUrl });
    await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    await send(
      url,
      Array.from({ length: 100 }, (_, n) => `{"n":${n}}`),
      ['shop', 'acme'],
    );
    const payloads = (await eventsOf(databaseUrl, 'acme', 100)) as { n: number }[];
    expect(payloads.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    await send(url, ['{}'], ['shop', 'nobody']);
    const [letter] = await eventually(
      () => deadLettersOf(node, 'orders'),
      (found) => found.length === 1,
    );
    expect(letter).toMatchObject({ error: { code: 'account_not_found' }, headers: { shop: 'nobody' }, body: '{}' });
    await isReadToTheEnd(node, 'orders');
    const others = await createQueue('others');
    await send(others, ['1', '2', '3']);
    expect(await waitingAt(sourceOf('others', others))).toBe(3);
    await node.stop();
  });

  // ElasticMQ itself is not killed: it has not written to its disk all that it has taken.
  test('nothing is lost and nothing twice while nodes and database connections are killed', async () => {
    const url = await createQueue('killed');
    await killUnderLoad(sourceOf('killed', url), [], (from, count) =>
      send(
        url,
        Array.from({ length: count }, (_, i) => eventText(from + i)),
      ),
    );
  }, 300_000);
});
