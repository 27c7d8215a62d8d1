import { Admin, Base, type BaseOptions, type Message as KafkaMessage, ListOffsetTimestamps } from '@platformatic/kafka';
import { ReadCommittedConsumer } from './read-committed.ts';
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

export const groupOf = ({ group = 'posthorn' }: SourceOf<'kafka'>): string => group;

/**
 * Reads topics as one of a consumer group: partitions are shared by all nodes. A message's place is
 * `topic/partition/offset@timestamp`: a topic that was made again has other messages at the offsets of before. Offsets are committed when the messages are stored; what was read and not committed comes again, and is no second event.
 */
export async function openKafka(source: SourceOf<'kafka'>): Promise<SourceReader> {
  if (source.from === 'latest') await beginAtTheEnd(source);
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
    close,
  };
}

/**
 * Notes the end of topics of which the group has read nothing yet, so that it is the beginning from now on, whatever is sent
 * until the first message has been stored.
 */
async function beginAtTheEnd(source: SourceOf<'kafka'>): Promise<void> {
  const admin = new Admin(kafkaOptions(source));
  try {
    const ends = await offsetsAt(admin, source.topics, ListOffsetTimestamps.LATEST);
    const partitionsOf = new Map(
      ends.map(({ name, partitions }) => [name, partitions.map((one) => one.partitionIndex)]),
    );
    const [group] = await admin.listConsumerGroupOffsets({
      groups: [
        {
          groupId: groupOf(source),
          topics: [...partitionsOf].map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
        },
      ],
    });
    const isRead = new Set(
      group?.topics
        .filter(({ partitions }) => partitions.some(({ committedOffset }) => committedOffset >= 0n))
        .map(({ name }) => name),
    );
    const unread = ends.filter(({ name }) => !isRead.has(name));
    if (unread.length > 0) await commitAs(admin, source, unread);
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
