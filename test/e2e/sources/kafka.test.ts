/** Events out of Apache Kafka, with real brokers. */
import { Admin, Producer, stringSerializers } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Broker } from '../../support/brokers/broker.ts';
import { hasKafka, startKafka } from '../../support/brokers/kafka.ts';
import { createDatabase } from '../../support/database.ts';
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
import { topicAt } from '../../support/topics.ts';

describe.skipIf(!hasKafka)('a topic of Kafka (skipped where its jars are not there: npm run brokers)', () => {
  let brokers: Broker[];
  beforeAll(async () => {
    brokers = await startKafka();
  }, 90_000);
  afterAll(async () => {
    for (const broker of brokers ?? []) await broker.stop();
  });

  test('its messages become events, in the order of their partition; what is none is a dead letter by its place', async () => {
    const databaseUrl = await createDatabase();
    const send = await topicAt(brokers, 'orders');
    const source = {
      name: 'orders',
      type: 'kafka',
      brokers: [brokers[0]?.url],
      topics: ['orders'],
      event: {
        account: { header: 'shop' },
        trigger: { pointer: '/kind' },
        id: { pointer: '/id' },
        payload: { pointer: '/order' },
      },
    };
    const node = await startNodeWith([source], { databaseUrl });
    await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    const order = (n: number) => `{"kind":"order.created","id":"o-${n}","order":{"n":${n}.0}}`;
    const numbers = Array.from({ length: 1_000 }, (_, n) => n);
    await send(numbers.map(order), { key: 'one-partition', headers: { shop: 'acme' } });
    expect(await eventsOf(databaseUrl, 'acme', 1_000)).toEqual(numbers.map((n) => ({ n })));
    // The same event once more, as a producer that has not heard of its success sends it.
    await send([order(0), 'no JSON'], { key: 'one-partition', headers: { shop: 'acme' } });
    const [letter] = await eventually(
      () => deadLettersOf(node, 'orders'),
      (found) => found.length === 1,
    );
    expect(letter).toMatchObject({
      error: { code: 'malformed_json' },
      headers: { shop: 'acme', ':topic': 'orders', ':key': 'one-partition' },
      body: 'no JSON',
      place: expect.stringMatching(/^orders\/\d\/1001@\d{13}$/),
    });
    expect(await payloadsOf(databaseUrl, 'acme')).toHaveLength(1_000);
    await isReadToTheEnd(node, 'orders');
    const { name: _, ...others } = source;
    expect(await waitingAt({ ...others, name: 'others' })).toBe(1_002);
    await node.stop();
  });

  test('two nodes share its partitions, and one takes over when the other leaves', async () => {
    const databaseUrl = await createDatabase();
    const send = await topicAt(brokers, 'shared');
    const source = { name: 'shared', type: 'kafka', brokers: [brokers[0]?.url], topics: ['shared'], group: 'shared' };
    const one = await startNodeWith([source], { databaseUrl });
    await one.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    const two = await startNodeWith([source], { databaseUrl });
    let sent = 0;
    const sendMore = async () => {
      await send(Array.from({ length: 1_000 }, (_, i) => eventText(sent + i)));
      sent += 1_000;
      await eventsOf(databaseUrl, 'acme', sent);
    };
    const taken = async () =>
      (await one.call('GET', '/v1/sources')).body.data[0].nodes.map(({ accepted }: { accepted: number }) => accepted);
    await eventually(
      async () => {
        await sendMore();
        return await taken();
      },
      (counts) => counts.length === 2 && counts.every((count: number) => count > 0),
      40_000,
    );
    await two.stop();
    await sendMore();
    const all = (await payloadsOf(databaseUrl, 'acme')) as { n: number }[];
    expect(all.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, n) => n));
    await one.stop();
  }, 120_000);

  test('what belongs to transactions that were given up is no event', async () => {
    const databaseUrl = await createDatabase();
    await topicAt(brokers, 'transactions');
    const producer = new Producer({
      clientId: 'test',
      bootstrapBrokers: brokers.map(({ url }) => url),
      serializers: stringSerializers,
      idempotent: true,
      transactionalId: 'shop',
      retries: 30,
      retryDelay: 200,
    });
    const transact = async (from: number, how: 'commit' | 'abort') => {
      const transaction = await producer.beginTransaction();
      for (const n of [from, from + 1])
        await transaction.send({ messages: [{ topic: 'transactions', key: 'one-partition', value: eventText(n) }] });
      await transaction[how]();
    };
    for (const [from, how] of [
      [0, 'abort'],
      [2, 'commit'],
      [4, 'abort'],
      [6, 'abort'],
      [8, 'commit'],
    ] as const)
      await transact(from, how);
    const source = { name: 'transactions', type: 'kafka', brokers: [brokers[0]?.url], topics: ['transactions'] };
    const node = await startNodeWith([source], { databaseUrl });
    await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    await eventually(
      async () => {
        await node.call('POST', '/v1/sources/transactions/redrive', {});
        return await payloadsOf(databaseUrl, 'acme');
      },
      (payloads) => payloads.length >= 4,
      30_000,
    );
    await transact(10, 'abort');
    await transact(12, 'commit');
    const all = (await eventsOf(databaseUrl, 'acme', 6)) as { n: number }[];
    expect(all.map(({ n }) => n).sort((a, b) => a - b)).toEqual([2, 3, 8, 9, 12, 13]);
    await producer.close();
    await node.stop();
  }, 60_000);

  test('from the latest on: what arrives while no server runs is read, also where nothing was read before', async () => {
    const databaseUrl = await createDatabase();
    const send = await topicAt(brokers, 'latest');
    await send([eventText(1)]);
    const source = {
      name: 'latest',
      type: 'kafka',
      brokers: [brokers[0]?.url],
      topics: ['latest'],
      group: 'latest',
      from: 'latest',
    };
    const first = await startNodeWith([source], { databaseUrl });
    await first.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    await eventually(
      async () => (await first.call('GET', '/v1/sources')).body.data[0].nodes[0]?.state,
      (state) => state === 'running',
      30_000,
    );
    await first.stop();
    for (const n of [2, 3, 4, 5, 6]) await send([eventText(n)], { key: `k${n}` });
    const second = await startNodeWith([source], { databaseUrl });
    const all = (await eventsOf(databaseUrl, 'acme', 5)) as { n: number }[];
    expect(all.map(({ n }) => n).sort()).toEqual([2, 3, 4, 5, 6]);
    await second.stop();
  }, 60_000);

  test('what the broker has deleted before it was read is passed over', async () => {
    const databaseUrl = await createDatabase();
    const send = await topicAt(brokers, 'deleted');
    const source = { name: 'deleted', type: 'kafka', brokers: [brokers[0]?.url], topics: ['deleted'] };
    const first = await startNodeWith([source], { databaseUrl });
    await first.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
    await send([eventText(0)], { key: 'k' });
    await eventsOf(databaseUrl, 'acme', 1);
    await first.stop();
    await send(
      [1, 2, 3].map((n) => eventText(n)),
      { key: 'k' },
    );
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: brokers.map(({ url }) => url) });
    const ends = await admin.listOffsets({
      topics: [
        { name: 'deleted', partitions: [0, 1, 2, 3].map((partitionIndex) => ({ partitionIndex, timestamp: -1n })) },
      ],
    });
    await admin.deleteRecords({
      topics: ends.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, offset }) => ({ partition: partitionIndex, offset })),
      })),
    });
    await admin.close();
    const second = await startNodeWith([source], { databaseUrl });
    await send([eventText(4)], { key: 'k' });
    expect(await eventsOf(databaseUrl, 'acme', 2)).toEqual([{ n: 0 }, { n: 4 }]);
    await second.stop();
  }, 60_000);

  test('a broker that is not there is told of, and tried again', async () => {
    const source = { name: 'gone', type: 'kafka', brokers: ['127.0.0.1:1'], topics: ['gone'] };
    const node = await startNodeWith([source]);
    const { body } = await eventually(
      () => node.call('GET', '/v1/sources'),
      (answer) => answer.body.data[0].nodes[0]?.state === 'failing',
      30_000,
    );
    expect(body.data[0].nodes[0].error).toMatch(/127\.0\.0\.1:1/);
    await node.stop();
  });

  test('nothing is lost and nothing twice while broker, nodes and database connections are killed', async () => {
    const send = await topicAt(brokers, 'killed');
    await killUnderLoad(
      { name: 'killed', type: 'kafka', brokers: [brokers[0]?.url], topics: ['killed'], group: 'killed' },
      brokers,
      (from, count) => send(Array.from({ length: count }, (_, i) => eventText(from + i))),
    );
  }, 240_000);
});

describe.skipIf(!hasKafka)('three brokers', () => {
  test('nothing is lost and nothing twice while they are killed one after the other', async () => {
    const brokers = await startKafka(3);
    const send = await topicAt(brokers, 'orders', 3);
    await killUnderLoad(
      { name: 'three', type: 'kafka', brokers: brokers.map(({ url }) => url), topics: ['orders'] },
      brokers,
      (from, count) => send(Array.from({ length: count }, (_, i) => eventText(from + i))),
    );
    for (const broker of brokers) await broker.stop();
  }, 300_000);
});
