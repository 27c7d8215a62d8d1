/** What the command `posthorn source` does with a source itself: check it, look at what comes, begin at another place. */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { DeliverPolicy, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { ListOffsetTimestamps } from '@platformatic/kafka';
import { commitAs, toMessage as kafkaMessage, kafkaOptions, offsetsAt } from './kafka.ts';
import { connectNats, consumerConfig, consumerOf, findConsumer, toMessage as natsMessage } from './nats.ts';
import { connectOutbox, describeOutbox, tableName } from './outbox.ts';
import { connectRabbitMq } from './rabbitmq.ts';
import { ReadCommittedConsumer, SafeAdmin } from './read-committed.ts';
import { BATCH_MAX, type Message } from './reader.ts';
import type { SourceConfig, SourceOf } from './source-config.ts';
import { connectSqs } from './sqs.ts';

const LOOK_EVERY_MS = 500;

/** What cannot be done with a source of this kind. The message says why. */
export class NotPossible extends Error {}

/** Connects, and answers in one line what is there. @throws Error that says what is wrong */
export async function checkSource(source: SourceConfig): Promise<string> {
  switch (source.type) {
    case 'kafka':
      return await checkKafka(source);
    case 'nats': {
      const connection = await connectNats(source);
      try {
        const manager = await jetstreamManager(connection);
        const { state } = await manager.streams.info(source.stream);
        const consumer = await findConsumer(manager, source);
        const waiting = consumer ? `${consumer.num_pending} wait` : `${consumerOf(source)} is made at the first start`;
        return `stream ${source.stream} has ${state.messages} messages, ${waiting}`;
      } finally {
        await connection.close();
      }
    }
    case 'rabbitmq': {
      const connection = await connectRabbitMq(source);
      // Its refusal of a queue is told by the call, too.
      connection.on('error', () => {});
      try {
        const channel = await connection.createChannel();
        channel.on('error', () => {});
        const { messageCount, consumerCount } = await channel.checkQueue(source.queue);
        return `queue ${source.queue} has ${messageCount} messages and ${consumerCount} readers`;
      } finally {
        await connection.close().catch(() => {});
      }
    }
    case 'sqs': {
      const client = connectSqs(source);
      try {
        const { Attributes = {} } = await client.send(
          new GetQueueAttributesCommand({ QueueUrl: source.queue_url, AttributeNames: ['All'] }),
        );
        return `the queue has about ${Attributes.ApproximateNumberOfMessages ?? '?'} messages`;
      } finally {
        client.destroy();
      }
    }
    case 'postgresql': {
      const client = connectOutbox(source);
      await client.connect();
      try {
        const waiting = await (await describeOutbox(client, source)).next({ messages: 1, bytes: 1 });
        const { rows: rights } = await client.query<{ may: boolean }>('SELECT has_table_privilege($1, $2) AS may', [
          tableName(source.table),
          source.done_column === undefined ? 'DELETE' : 'UPDATE',
        ]);
        if (!rights[0]?.may)
          throw new Error(`may not ${source.done_column === undefined ? 'delete from' : 'update'} ${source.table}`);
        return `table ${source.table} can be read, and ${waiting.length === 0 ? 'nothing waits' : 'something waits'}`;
      } finally {
        await client.end();
      }
    }
  }
}

async function checkKafka(source: SourceOf<'kafka'>): Promise<string> {
  const admin = new SafeAdmin(kafkaOptions(source));
  try {
    const known = await admin.metadata({ topics: source.topics });
    const topics = source.topics.map((topic) => {
      const partitions = known.topics.get(topic)?.partitionsCount;
      if (!partitions) throw new Error(`there is no topic ${topic}`);
      return `${topic} with ${partitions} partitions`;
    });
    return topics.join(', ');
  } finally {
    await admin.close();
  }
}

/**
 * Shows messages as they come, and takes none away from those who read them.
 * @throws NotPossible
 */
export async function tailSource(
  source: SourceConfig,
  show: (message: Message) => void,
  signal: AbortSignal,
): Promise<void> {
  const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  switch (source.type) {
    case 'kafka': {
      // A group of its own has nothing to do with the servers'.
      const consumer = new ReadCommittedConsumer({ ...kafkaOptions(source), groupId: `posthorn-tail-${randomUUID()}` });
      const stream = await consumer.consume({ topics: source.topics, mode: 'latest', autocommit: false });
      stream.on('data', (message) => show(kafkaMessage(message)));
      await ended;
      await consumer.close(true);
      return;
    }
    case 'nats': {
      const connection = await connectNats(source);
      const consumer = await jetstream(connection).consumers.get(source.stream, {
        deliver_policy: DeliverPolicy.New,
        ...(source.subjects ? { filter_subjects: source.subjects } : {}),
      });
      const messages = await consumer.consume({ callback: (message) => show(natsMessage(source.stream, message)) });
      await ended;
      messages.stop();
      await connection.close();
      return;
    }
    case 'postgresql': {
      const client = connectOutbox(source);
      await client.connect();
      const outbox = await describeOutbox(client, source);
      // What waits is shown once, for as long as it waits.
      let shown = new Set<string>();
      while (!signal.aborted) {
        const messages = await outbox.next(BATCH_MAX);
        for (const message of messages) if (!shown.has(message.place ?? '')) show(message);
        shown = new Set(messages.map(({ place }) => place ?? ''));
        await setTimeout(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      }
      await client.end();
      return;
    }
    default:
      throw new NotPossible(
        `A queue gives each message to one reader: looking at those of ${source.name} would take them away from the server.`,
      );
  }
}

/**
 * Lets a source begin at another place the next time: what was published within the last two days is no second event then, and
 * what is older is.
 * @throws NotPossible; Error while servers read it
 */
export async function resetSource(source: SourceConfig, to: 'earliest' | 'latest' | Date): Promise<void> {
  if (source.type === 'kafka') return await resetKafka(source, to);
  if (source.type !== 'nats')
    throw new NotPossible(
      `${source.name} has no places: what was acknowledged is gone there. A replay sends events again.`,
    );
  const connection = await connectNats(source);
  try {
    const manager = await jetstreamManager(connection);
    if (await isAskedFor(manager, source)) throw new Error(`servers read ${source.name}: stop them first`);
    if (await findConsumer(manager, source)) await manager.consumers.delete(source.stream, consumerOf(source));
    const from =
      to instanceof Date
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: to.toISOString() }
        : { deliver_policy: to === 'earliest' ? DeliverPolicy.All : DeliverPolicy.New };
    await manager.consumers.add(source.stream, { ...consumerConfig(source), ...from });
  } finally {
    await connection.close();
  }
}

/** Whether a server waits for messages. Between two requests none does, so it is looked at some times. */
async function isAskedFor(manager: JetStreamManager, source: SourceOf<'nats'>): Promise<boolean> {
  for (let look = 0; look < 4; look++) {
    if (look > 0) await setTimeout(LOOK_EVERY_MS);
    if (((await findConsumer(manager, source))?.num_waiting ?? 0) > 0) return true;
  }
  return false;
}

async function resetKafka(source: SourceOf<'kafka'>, to: 'earliest' | 'latest' | Date): Promise<void> {
  const admin = new SafeAdmin(kafkaOptions(source));
  try {
    const ends = await offsetsAt(admin, source.topics, ListOffsetTimestamps.LATEST);
    const found =
      to instanceof Date
        ? await offsetsAt(admin, source.topics, BigInt(to.getTime()))
        : await offsetsAt(admin, source.topics, ListOffsetTimestamps[to === 'earliest' ? 'EARLIEST' : 'LATEST']);
    const offsets = found.map(({ name, partitions }, t) => ({
      name,
      partitions: partitions.map((one, p) => ({
        ...one,
        // Behind the last message there is none of that time.
        offset: one.offset >= 0n ? one.offset : (ends[t]?.partitions[p]?.offset ?? 0n),
      })),
    }));
    await commitAs(admin, source, offsets);
  } finally {
    await admin.close();
  }
}
