import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { type Static, type TProperties, Type } from 'typebox';
import { messageOf } from './reader.ts';

/** A source's file that is wrong. The message names the place in it. */
export class SourcesError extends Error {
  constructor(where: string, reason: string) {
    super(`${where} ${reason}`);
    this.name = 'SourcesError';
  }
}

const closed = <T extends TProperties>(properties: T, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description ? { description } : {}) });
const Text = (description: string) => Type.String({ minLength: 1, maxLength: 2_048, description });
const Pointer = Type.String({
  pattern: '^(/([^~]|~[01])*)*$',
  description: 'JSON pointer (RFC 6901) into the message',
});
/** What is no secret may stand here all the same, so that it can differ from place to place. */
const Secret = Type.Union([Text('As it is'), closed({ env: Text('The variable of the environment that holds it') })]);

const Place = Type.Union([
  closed({ pointer: Pointer }),
  closed({ header: Text('A header of the message') }),
  closed({ value: Text('The same for every message') }),
]);
const Mapping = closed(
  {
    account: Type.Optional(Place),
    trigger: Type.Optional(Place),
    id: Type.Optional(Place),
    payload: Type.Optional(closed({ pointer: Pointer })),
    payloads: Type.Optional(closed({ pointer: Pointer })),
  },
  'Where a message has what makes up an event',
);

const NAME = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'Names it, in addresses too' });
const base = { name: NAME, event: Type.Optional(Mapping) };
const From = Type.Optional(
  Type.Enum(['earliest', 'latest'], { description: 'Where it begins the first time: earliest without it' }),
);
const Tls = Type.Optional(
  Type.Union([
    Type.Boolean(),
    closed({
      ca_file: Type.Optional(Text('Certificate authorities to trust, PEM')),
      cert_file: Type.Optional(Text('Certificate of this client, PEM')),
      key_file: Type.Optional(Text('Its private key, PEM')),
    }),
  ]),
);

const Kafka = closed({
  ...base,
  type: Type.Literal('kafka'),
  brokers: Type.Array(Text('host:port'), { minItems: 1 }),
  topics: Type.Array(Text('A topic'), { minItems: 1 }),
  group: Type.Optional(Text('Consumer group, of this source alone: posthorn-<name> without it')),
  from: From,
  tls: Tls,
  sasl: Type.Optional(
    closed({
      mechanism: Type.Enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
      username: Secret,
      password: Secret,
    }),
  ),
});
const Nats = closed({
  ...base,
  type: Type.Literal('nats'),
  servers: Type.Array(Text('nats://host:port'), { minItems: 1 }),
  stream: Text('A stream of JetStream'),
  subjects: Type.Optional(Type.Array(Text('Of the stream, those that count'), { minItems: 1 })),
  consumer: Type.Optional(Text('Durable consumer, made if it is missing: posthorn-<name> without it')),
  from: From,
  username: Type.Optional(Secret),
  password: Type.Optional(Secret),
  token: Type.Optional(Secret),
  credentials_file: Type.Optional(Text('A .creds file')),
  tls: Tls,
});
const RabbitMq = closed({
  ...base,
  type: Type.Literal('rabbitmq'),
  url: Secret,
  queue: Text('A queue that exists'),
  tls: Tls,
});
const Sqs = closed({
  ...base,
  type: Type.Literal('sqs'),
  queue_url: Text('The URL of the queue'),
  region: Type.Optional(Text('Its region')),
  endpoint: Type.Optional(Text('Of a service that speaks the same protocol')),
  access_key_id: Type.Optional(Secret),
  secret_access_key: Type.Optional(Secret),
});
const PostgreSql = closed({
  ...base,
  type: Type.Literal('postgresql'),
  url: Secret,
  table: Text('The outbox table, with its schema if needed'),
  id_column: Type.Optional(Text('Primary key, in the order of which rows are published: id without it')),
  payload_column: Type.Optional(Text('JSON: payload without it')),
  done_column: Type.Optional(Text('A timestamp that is set when a row is published; without it the row is deleted')),
  channel: Type.Optional(Text('A channel of NOTIFY: rows are picked up at once')),
});

const File = closed({ sources: Type.Array(Type.Union([Kafka, Nats, RabbitMq, Sqs, PostgreSql])) });

export type EventMapping = Static<typeof Mapping>;
export type ValuePlace = Static<typeof Place>;
export type TlsConfig = Static<typeof Tls>;
/** A source as its file has it, with what the environment holds in its place. */
export type SourceConfig = Resolved<Static<typeof File>['sources'][number]>;
export type SourceOf<T extends SourceConfig['type']> = Extract<SourceConfig, { type: T }>;

/** Without references to the environment. */
type Resolved<T> = T extends { env: string }
  ? string
  : T extends readonly (infer E)[]
    ? Resolved<E>[]
    : T extends object
      ? { [K in keyof T]: Resolved<T[K]> }
      : T;

const TYPES = { kafka: Kafka, nats: Nats, rabbitmq: RabbitMq, sqs: Sqs, postgresql: PostgreSql };
export const SOURCE_TYPES = Object.keys(TYPES);

/** The file's schema, for editors and for the docs. */
export const SOURCES_SCHEMA = File;

/**
 * Reads the file of POSTHORN_SOURCES.
 * @throws SourcesError
 */
export function readSources(path: string, env: Readonly<Record<string, string | undefined>>): SourceConfig[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new SourcesError(path, `cannot be read: ${messageOf(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SourcesError(path, `is not JSON: ${messageOf(error)}`);
  }
  return checkSources(value, path, env);
}

/** @throws SourcesError */
export function checkSources(
  value: unknown,
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): SourceConfig[] {
  const list = (value as { sources?: unknown } | null)?.sources;
  if (!Array.isArray(list)) throw new SourcesError(path, 'has no list "sources"');
  const ajv = new Ajv({ strict: false });
  const names = new Set<string>();
  const groups = new Set<string>();
  const sources = list.map((entry: unknown, i) => {
    const type = String((entry as { type?: unknown } | null)?.type);
    const schema = Object.hasOwn(TYPES, type) ? TYPES[type as keyof typeof TYPES] : undefined;
    if (!schema)
      throw new SourcesError(`${path}#/sources/${i}/type`, `is "${type}", and none of ${SOURCE_TYPES.join(', ')}`);
    if (!ajv.validate(schema, entry)) {
      const [first] = ajv.errors ?? [];
      const extra = (first?.params as { additionalProperty?: string } | undefined)?.additionalProperty;
      throw new SourcesError(
        `${path}#/sources/${i}${first?.instancePath ?? ''}`,
        extra === undefined ? (first?.message ?? 'is wrong') : `has "${extra}", which is not known`,
      );
    }
    const source = resolveSecrets(entry, `${path}#/sources/${i}`, env) as SourceConfig;
    if (source.event?.payload && source.event.payloads)
      throw new SourcesError(`${path}#/sources/${i}/event`, 'has payload or payloads, not both');
    if (names.has(source.name)) throw new SourcesError(`${path}#/sources/${i}/name`, 'is the name of another one');
    names.add(source.name);
    if (source.type === 'kafka' && source.group !== undefined) {
      if (groups.has(source.group))
        throw new SourcesError(`${path}#/sources/${i}/group`, 'is the group of another source');
      groups.add(source.group);
    }
    return source;
  });
  return sources;
}

function resolveSecrets(value: unknown, where: string, env: Readonly<Record<string, string | undefined>>): unknown {
  if (Array.isArray(value)) return value.map((one, i) => resolveSecrets(one, `${where}/${i}`, env));
  if (typeof value !== 'object' || value === null) return value;
  const { env: name, ...others } = value as Record<string, unknown>;
  if (typeof name === 'string' && Object.keys(others).length === 0) {
    const found = env[name];
    if (found === undefined || found === '')
      throw new SourcesError(where, `needs the variable ${name}, which is not set`);
    return found;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, resolveSecrets(one, `${where}/${key}`, env)]),
  );
}
