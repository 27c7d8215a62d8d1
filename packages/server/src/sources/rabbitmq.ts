import { type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import { averageOf, countOf, Inbox, type Message, type SourceReader } from './reader.ts';
import type { SourceOf } from './source-config.ts';
import { tlsOptions } from './tls.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** How many messages are on their way here: the next batch comes while one is being stored. Some may be of megabytes. */
const PREFETCH = 100;

export async function connectRabbitMq({ url, tls }: SourceOf<'rabbitmq'>): Promise<ChannelModel> {
  return await connect(url, {
    timeout: CONNECT_TIMEOUT_MS,
    clientProperties: { connection_name: 'posthorn' },
    ...tlsOptions(tls),
  });
}

/**
 * Reads a queue, as one of those who share it. A queue has no places: a message is known by its `message_id`, or by the id of
 * the event in it.
 */
export async function openRabbitMq(source: SourceOf<'rabbitmq'>): Promise<SourceReader> {
  const connection = await connectRabbitMq(source);
  const inbox = new Inbox<ConsumeMessage>(({ content }) => content.length);
  connection.on('error', (error) => inbox.fail(error));
  connection.on('close', () => inbox.fail(new Error('the broker has closed the connection')));
  try {
    const channel = await connection.createChannel();
    channel.on('error', (error) => inbox.fail(error));
    channel.on('close', () => inbox.fail(new Error('the broker has closed the channel')));
    await channel.checkQueue(source.queue);
    let prefetch = PREFETCH;
    let consumer = '';
    const consume = async () => {
      await channel.prefetch(prefetch);
      const { consumerTag } = await channel.consume(source.queue, (message) => {
        if (message) inbox.put(message);
        else inbox.fail(new Error(`the queue ${source.queue} was deleted`));
      });
      consumer = consumerTag;
    };
    /** The broker counts messages, no bytes: of large ones fewer are asked for. What is under way then may come in another order. */
    const adapt = async (taken: readonly ConsumeMessage[]): Promise<void> => {
      const fitting = countOf(averageOf(taken.map(({ content }) => content)));
      if (fitting > prefetch / 2) return;
      prefetch = fitting;
      await channel.cancel(consumer);
      await consume();
    };
    await consume();
    return {
      async read(signal) {
        const taken = await inbox.take(signal);
        if (taken.length === 0) return undefined;
        return {
          messages: taken.map(toMessage),
          async done() {
            for (const message of taken) channel.ack(message);
            await adapt(taken);
          },
        };
      },
      async behind() {
        return (await channel.checkQueue(source.queue)).messageCount;
      },
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close().catch(() => {});
    throw error;
  }
}

export function toMessage({ content, fields, properties }: ConsumeMessage): Message {
  const { messageId, type } = properties as { messageId?: string; type?: string };
  const own = Object.entries(properties.headers ?? {}).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [[name, String(value)]] : [],
  );
  return {
    place: messageId === undefined || messageId === '' ? undefined : messageId,
    headers: {
      ...Object.fromEntries(own),
      ':routing_key': fields.routingKey,
      ...(messageId ? { ':message_id': messageId } : {}),
      ...(type ? { ':type': type } : {}),
    },
    body: content,
  };
}
