import { type BaseOptions, Consumer, type Message as KafkaMessage } from '@platformatic/kafka';
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
 * Reads topics as one of a consumer group: partitions are shared by all nodes. A message's place is `topic/partition/offset`.
 * Offsets are committed when the messages are stored; what was read and not committed comes again, and is no second event.
 */
export async function openKafka(source: SourceOf<'kafka'>): Promise<SourceReader> {
  const consumer = new Consumer({
    ...kafkaOptions(source),
    groupId: groupOf(source),
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
  });
  const inbox = new Inbox<KafkaMessage>(({ value }) => value?.length ?? 0);
  const close = async () => {
    await consumer.close(true);
  };
  // Without a listener it would end the process.
  consumer.on('error', (error) => inbox.fail(error));
  try {
    const stream = await consumer.consume({
      topics: source.topics,
      mode: 'committed',
      fallbackMode: source.from ?? 'earliest',
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

export function toMessage({ topic, partition, offset, key, value, headers }: KafkaMessage): Message {
  const texts = [...headers].map(([name, text]) => [String(name), text === null ? '' : String(text)]);
  return {
    place: `${topic}/${partition}/${offset}`,
    // A message may have no key, and no value either (a tombstone).
    headers: { ...Object.fromEntries(texts), ':topic': topic, ...(key ? { ':key': String(key) } : {}) },
    body: value ?? Buffer.alloc(0),
  };
}
