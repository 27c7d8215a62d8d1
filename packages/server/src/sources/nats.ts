import { readFileSync } from 'node:fs';
import { AckPolicy, DeliverPolicy, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { BATCH_MAX, Inbox, type Message, type SourceReader } from './reader.ts';
import type { SourceOf } from './source-config.ts';
import { tlsOptions } from './tls.ts';

/** A message that is not acknowledged for so long comes again: the node that had it may be gone. */
const ACK_WAIT_MS = 15_000;
const NS_PER_MS = 1_000_000;

export function connectNats(source: SourceOf<'nats'>): Promise<NatsConnection> {
  const { servers, username, password, token, credentials_file: credentials } = source;
  const tls = tlsOptions(source.tls);
  const options: ConnectionOptions = {
    servers,
    name: 'posthorn',
    // Whoever reads opens it anew, and says so.
    reconnect: false,
    ...(username === undefined ? {} : { user: username }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
    ...(credentials === undefined ? {} : { authenticator: credsAuthenticator(readFileSync(credentials)) }),
    ...(tls ? { tls: pem(tls) } : {}),
  };
  return connect(options);
}

function pem({ ca, cert, key }: NonNullable<ReturnType<typeof tlsOptions>>) {
  return {
    ...(ca ? { ca: ca.toString() } : {}),
    ...(cert ? { cert: cert.toString() } : {}),
    ...(key ? { key: key.toString() } : {}),
  };
}

export const consumerOf = ({ name, consumer = `posthorn-${name}` }: SourceOf<'nats'>): string => consumer;

/** What is made if there is no consumer of that name. */
export function consumerConfig(source: SourceOf<'nats'>) {
  const { from = 'earliest', subjects } = source;
  return {
    durable_name: consumerOf(source),
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NS_PER_MS,
    // What cannot become an event is kept here, not by the broker: it may come as often as it takes.
    max_deliver: -1,
    max_ack_pending: 4 * BATCH_MAX.messages,
    deliver_policy: from === 'earliest' ? DeliverPolicy.All : DeliverPolicy.New,
    ...filterOf(subjects),
  };
}

/** Several at a time are known to servers from 2.10 on. */
function filterOf([first, ...more]: readonly string[] = []) {
  if (first === undefined) return {};
  return more.length === 0 ? { filter_subject: first } : { filter_subjects: [first, ...more] };
}

/**
 * Reads a stream of JetStream through a durable consumer that all nodes share. A message's place is `stream/sequence`.
 */
export async function openNats(source: SourceOf<'nats'>): Promise<SourceReader> {
  const connection = await connectNats(source);
  try {
    const manager = await jetstreamManager(connection);
    const name = consumerOf(source);
    const isThere = await manager.consumers.info(source.stream, name).then(
      () => true,
      () => false,
    );
    if (!isThere) await manager.consumers.add(source.stream, consumerConfig(source));
    const consumer = await jetstream(connection).consumers.get(source.stream, name);
    const messages = await consumer.consume({ max_messages: BATCH_MAX.messages, abort_on_missing_resource: true });
    const inbox = new Inbox<JsMsg>(({ data }) => data.length);
    void connection.closed().then((error) => inbox.fail(error ?? new Error('the connection was closed')));
    void inbox.pump(messages);
    return {
      async read(signal) {
        const taken = await inbox.take(signal);
        if (taken.length === 0) return undefined;
        return {
          messages: taken.map((message) => toMessage(source.stream, message)),
          async done() {
            for (const message of taken) message.ack();
            // The broker has them when this is through; those that it has not come again.
            await connection.flush();
          },
          async hold() {
            for (const message of taken) message.working();
          },
        };
      },
      async close() {
        messages.stop();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

export function toMessage(stream: string, { seq, subject, headers, data }: JsMsg): Message {
  const texts = headers ? headers.keys().map((name) => [name, headers.get(name)]) : [];
  return {
    place: `${stream}/${seq}`,
    headers: { ...Object.fromEntries(texts), ':subject': subject },
    body: Buffer.from(data),
  };
}
