import {
  type Admin,
  Base,
  type BaseOptions,
  type Message as KafkaMessage,
  ListOffsetTimestamps,
} from '@platformatic/kafka';
import { ReadCommittedConsumer, SafeAdmin } from './read-committed.ts';
import { Inbox, type Message, type SourceReader } from './reader.ts';
import type { SourceOf } from './source-config.ts';
import { tlsOptions } from './tls.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** A node that is gone has its partitions taken over after this. */
const SESSION_TIMEOUT_MS = 15_000;
const HEARTBEAT_MS = 3_000;
const FETCH_WAIT_MS = 500;

/** How to reach the brokers. */
export function kafkaOptions({ brokers, tls, sasl }: SourceOf<'kafka'>): BaseOptions {
  const secure = tlsOptions(tls);
  return {
    clientId: 'posthorn',
    bootstrapBrokers: brokers,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retries: 3,
    ...(secure ? { tls: secure } : {}),
    ...(sasl ? { sasl } : {}),
  };
}

/** One for each source: whoever leads a group shares out the topics that it reads itself. */
export const groupOf = ({ name, group = `posthorn-${name}` }: SourceOf<'kafka'>): string => group;

/**
 * Reads topics as one of a consumer group: partitions are shared by all nodes. A message's place is
 * `topic/partition/offset@timestamp`: a topic that was made again has other messages at the offsets of before. Offsets are committed
 * when the messages are stored; what was read and not committed comes again, and is no second event.
 */
export async function openKafka(source: SourceOf<'kafka'>): Promise<SourceReader> {
  await prepareOffsets(source);
  const consumer = new ReadCommittedConsumer({
    ...kafkaOptions(source),
    groupId: groupOf(source),
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
  });
  const inbox = new Inbox<KafkaMessage>(({ value }) => value?.length ?? 0);
  const close = async () => {
    try {
      await consumer.close(true);
    } catch {
      // It could not leave its group, and has kept its connections. The broker will find out.
      await Base.prototype.close.call(consumer);
    }
  };
  // Without a listener it would end the process.
  consumer.on('error', (error) => inbox.fail(error));
  // It says so once, and sends no more: the group would go on without this one, and it would not know.
  consumer.on('consumer:heartbeat:error', ({ error }) => inbox.fail(error));
  try {
    const stream = await consumer.consume({
      topics: source.topics,
      mode: 'committed',
      // A partition that is added later is read from its beginning.
      fallbackMode: 'earliest',
      autocommit: false,
      maxWaitTime: FETCH_WAIT_MS,
      // Transactions of producers that were given up are nothing that happened.
      isolationLevel: 1,
    });
    stream.on('error', (error) => inbox.fail(error));
    void inbox.pump(stream);
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
  return {
    async read(signal) {
      const taken = await inbox.take(signal);
      if (taken.length === 0) return undefined;
      return {
        messages: taken.map(toMessage),
        async done() {
          await consumer.commit({ offsets: lastOf(taken) });
        },
      };
    },
    async behind() {
      const ends = await consumer.listOffsets({ topics: source.topics });
      const topics = [...ends].map(([topic, list]) => ({ topic, partitions: list.map((_, i) => i) }));
      const committed = await consumer.listCommittedOffsets({ topics });
      let waiting = 0n;
      for (const [topic, list] of ends)
        list.forEach((end, i) => {
          // What nobody has committed is read from its beginning.
          const at = committed.get(topic)?.[i] ?? -1n;
          waiting += end - (at < 0n ? 0n : at);
        });
      return Number(waiting);
    },
    close,
  };
}

/**
 * Where the group goes on. With `latest` the end of a topic is noted when it is seen first, so that it is the beginning from then on,
 * whatever is sent until the first message has been stored. What has been deleted at the source meanwhile is passed over.
 */
async function prepareOffsets(source: SourceOf<'kafka'>): Promise<void> {
  const admin = new SafeAdmin(kafkaOptions(source));
  try {
    const [starts, ends] = await Promise.all([
      offsetsAt(admin, source.topics, ListOffsetTimestamps.EARLIEST),
      offsetsAt(admin, source.topics, ListOffsetTimestamps.LATEST),
    ]);
    const topics = starts.map(({ name, partitions }) => ({
      name,
      partitionIndexes: partitions.map(({ partitionIndex }) => partitionIndex),
    }));
    const [group] = await admin.listConsumerGroupOffsets({ groups: [{ groupId: groupOf(source), topics }] });
    const changes = ends.map(({ name, partitions }, t) => {
      const committed = group?.topics.find((topic) => topic.name === name)?.partitions ?? [];
      const isNew = committed.every(({ committedOffset }) => committedOffset < 0n);
      const moved = partitions.flatMap((end, p) => {
        const start = starts[t]?.partitions[p];
        const { committedOffset: at = -1n } = committed.find((one) => one.partitionIndex === end.partitionIndex) ?? {};
        if (isNew) return source.from === 'latest' ? [end] : [];
        const isGone = at >= 0n && start !== undefined && (at < start.offset || at > end.offset);
        return isGone ? [start] : [];
      });
      return { name, partitions: moved };
    });
    const moving = changes.filter(({ partitions }) => partitions.length > 0);
    if (moving.length > 0) await commitAs(admin, source, moving);
  } finally {
    await admin.close();
  }
}

type TopicOffsets = Awaited<ReturnType<Admin['listOffsets']>>;

/** Where topics are at a time, or at one of the special ones. */
export async function offsetsAt(admin: Admin, topics: readonly string[], timestamp: bigint): Promise<TopicOffsets> {
  const known = await admin.metadata({ topics: [...topics] });
  return await admin.listOffsets({
    topics: topics.map((name) => ({
      name,
      partitions: Array.from({ length: known.topics.get(name)?.partitionsCount ?? 0 }, (_, partitionIndex) => ({
        partitionIndex,
        timestamp,
      })),
    })),
  });
}

/** Lets the group go on from there. @throws Error while one of it reads */
export async function commitAs(admin: Admin, source: SourceOf<'kafka'>, offsets: TopicOffsets): Promise<void> {
  await admin.alterConsumerGroupOffsets({
    groupId: groupOf(source),
    topics: offsets.map(({ name, partitions }) => ({
      name,
      partitionOffsets: partitions.map(({ partitionIndex, offset }) => ({ partition: partitionIndex, offset })),
    })),
  });
}

/** Of each partition the place behind the last message. */
function lastOf(messages: readonly KafkaMessage[]) {
  const last = new Map(messages.map((message) => [`${message.topic} ${message.partition}`, message]));
  return [...last.values()].map(({ topic, partition, offset }) => ({
    topic,
    partition,
    offset: offset + 1n,
    leaderEpoch: -1,
  }));
}

export function toMessage({ topic, partition, offset, timestamp, key, value, headers }: KafkaMessage): Message {
  const texts = [...headers].map(([name, text]) => [String(name), text === null ? '' : String(text)]);
  return {
    place: `${topic}/${partition}/${offset}@${timestamp}`,
    // A message may have no key, and no value either (a tombstone).
    headers: { ...Object.fromEntries(texts), ':topic': topic, ...(key ? { ':key': String(key) } : {}) },
    body: value ?? Buffer.alloc(0),
  };
}
