import { readFileSync } from 'node:fs';
import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { type ConnectionOptions, connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { averageOf, BATCH_MAX, countOf, Inbox, type Message, type SourceReader } from './reader.ts';
import type { SourceOf } from './source-config.ts';
import { tlsOptions } from './tls.ts';

/** A message that is not acknowledged for so long comes again: the node that had it may be gone. */
const ACK_WAIT_MS = 15_000;
const NS_PER_MS = 1_000_000;
/** How long a request for messages stands at the server, if nothing comes. */
const FETCH_MS = 30_000;
/** How many messages are asked for first, and how much more at most each time: how large they are shows when they are here. */
const COUNT = { first: 100, growth: 4, max: 500 };

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

/** @returns undefined: there is none of that name */
export async function findConsumer(manager: JetStreamManager, source: SourceOf<'nats'>) {
  try {
    return await manager.consumers.info(source.stream, consumerOf(source));
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound) return undefined;
    throw error;
  }
}

/** Makes the consumer that all nodes share, or lets it follow the file. @throws Error for one that is of another kind */
async function prepareConsumer(manager: JetStreamManager, source: SourceOf<'nats'>): Promise<void> {
  const name = consumerOf(source);
  const found = await findConsumer(manager, source);
  if (!found) {
    await manager.consumers.add(source.stream, consumerConfig(source));
    return;
  }
  const { ack_policy: policy, deliver_subject: pushed, filter_subject: one, filter_subjects: several } = found.config;
  if (policy !== AckPolicy.Explicit || pushed !== undefined)
    throw new Error(
      `the consumer ${name} is none that is pulled with explicit acknowledgements: name another one (\`consumer\`)`,
    );
  // One that somebody has made, and the file says nothing of subjects: it is as it should be.
  if (source.consumer !== undefined && source.subjects === undefined) return;
  const subjects = several ?? (one ? [one] : []);
  const { subjects: wanted = [] } = source;
  if ([...subjects].sort().join() === [...wanted].sort().join()) return;
  // The client sends what a consumer has and what is changed: `undefined` is what makes it send no filter.
  const none = { filter_subject: undefined, filter_subjects: undefined } as object;
  await manager.consumers.update(source.stream, name, { ...none, ...filterOf(wanted) });
}

/**
 * Asks for messages when somebody reads, and not again before those have come or the time is over: what waits here has an end,
 * however long it takes to store.
 */
class Fetcher {
  private current: ConsumerMessages | undefined;
  private isFetching = false;
  private count = COUNT.first;

  constructor(
    private readonly consumer: Consumer,
    private readonly inbox: Inbox<JsMsg>,
  ) {}

  begin(): void {
    if (this.isFetching) return;
    this.isFetching = true;
    this.fetch()
      .catch((error: unknown) => this.inbox.fail(error))
      .finally(() => {
        this.isFetching = false;
      });
  }

  /** So many fit, as far as these tell. */
  adapt(taken: readonly JsMsg[]): void {
    this.count = Math.min(this.count * COUNT.growth, COUNT.max, countOf(averageOf(taken.map(({ data }) => data))));
  }

  stop(): void {
    this.current?.stop();
  }

  private async fetch(): Promise<void> {
    this.current = await this.consumer.fetch({ max_messages: this.count, expires: FETCH_MS });
    for await (const message of this.current) this.inbox.put(message);
  }
}

/**
 * Reads a stream of JetStream through a durable consumer that all nodes share. A message's place is `stream/sequence@time`: a
 * stream that was made again counts from 1.
 */
export async function openNats(source: SourceOf<'nats'>): Promise<SourceReader> {
  const connection = await connectNats(source);
  try {
    const manager = await jetstreamManager(connection);
    await prepareConsumer(manager, source);
    const consumer = await jetstream(connection).consumers.get(source.stream, consumerOf(source));
    const inbox = new Inbox<JsMsg>(({ data }) => data.length);
    const fetcher = new Fetcher(consumer, inbox);
    void connection.closed().then((error) => inbox.fail(error ?? new Error('the connection was closed')));
    return {
      async read(signal) {
        fetcher.begin();
        const taken = await inbox.take(signal);
        if (taken.length === 0) return undefined;
        fetcher.adapt(taken);
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
      async behind() {
        const { num_pending: pending = 0, num_ack_pending: sent = 0 } = (await findConsumer(manager, source)) ?? {};
        return pending + sent;
      },
      async close() {
        fetcher.stop();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

export function toMessage(stream: string, { seq, subject, headers, data, timestampNanos }: JsMsg): Message {
  const texts = headers ? headers.keys().map((name) => [name, headers.get(name)]) : [];
  return {
    place: `${stream}/${seq}@${timestampNanos / BigInt(NS_PER_MS)}`,
    headers: { ...Object.fromEntries(texts), ':subject': subject },
    body: Buffer.from(data),
  };
}
