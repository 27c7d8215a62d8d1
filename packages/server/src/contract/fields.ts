import { decodeId } from '../domain/ids.ts';
import type { StoredEvent } from '../domain/model.ts';
import { traceparentOf } from '../domain/trace-context.ts';

/** What an account's fields are read from. */
export interface AccountFacts {
  readonly id: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What of an event may stand in bodies and headers. */
export type EventFacts = Pick<StoredEvent, 'id' | 'externalId' | 'trigger' | 'byTopic' | 'payload' | 'createdAtMs'>;

/** What is the same on every try of a delivery: all that a body may be made of. */
export interface BodyFacts {
  readonly event: EventFacts;
  readonly topic: string | null;
  readonly account: AccountFacts;
}

/** The event as those get it who read its payload themselves: its id and its trigger in the place of the payload. */
export function thinned(event: EventFacts): EventFacts {
  const { id, externalId, trigger } = event;
  return { ...event, byTopic: false, payload: Buffer.from(JSON.stringify({ id: externalId ?? id, trigger })) };
}

/** What is known when one attempt's request is written. */
export interface AttemptFacts extends BodyFacts {
  /** `dlv_…`; made only where a contract asks for it. */
  readonly deliveryId: () => string;
  /** Attempts made before this one. */
  readonly retryCount: number;
  /** The API version of the endpoint, in contracts that have versions. */
  readonly version: string | null;
  readonly nowMs: number;
}

/** What a field may be: JSON. */
export type FieldValue = string | number | boolean | null | object;

const iso = (ms: number) => new Date(ms).toISOString();
const unix = (ms: number) => Math.floor(ms / 1000);

const BODY_FIELDS: Readonly<Record<string, (facts: BodyFacts) => FieldValue>> = {
  'event.id': ({ event }) => event.externalId ?? event.id,
  'event.time': ({ event }) => iso(event.createdAtMs),
  'event.unix': ({ event }) => unix(event.createdAtMs),
  trigger: ({ event }) => event.trigger,
  topic: ({ topic }) => topic,
  'account.id': ({ account }) => account.id,
  'account.name': ({ account }) => account.name,
};

const ATTEMPT_FIELDS: Readonly<Record<string, (facts: AttemptFacts) => FieldValue>> = {
  ...BODY_FIELDS,
  'delivery.id': ({ deliveryId }) => deliveryId(),
  'attempt.time': ({ nowMs }) => iso(nowMs),
  'attempt.unix': ({ nowMs }) => unix(nowMs),
  'retry.count': ({ retryCount }) => retryCount,
  'attempt.traceparent': ({ event, deliveryId, retryCount }) =>
    traceparentOf(
      decodeId('evt', event.id) ?? Buffer.alloc(16),
      decodeId('dlv', deliveryId()) ?? Buffer.alloc(16),
      retryCount,
    ),
  version: ({ version }) => version,
};

const METADATA = 'account.metadata.';

/** A field that a template names and that does not exist. */
export class UnknownField extends Error {}

function readerOf<F extends BodyFacts>(
  fields: Readonly<Record<string, (facts: F) => FieldValue>>,
  name: string,
): (facts: F) => FieldValue {
  if (name.startsWith(METADATA)) {
    const key = name.slice(METADATA.length);
    return ({ account }) => (account.metadata[key] ?? null) as FieldValue;
  }
  const read = fields[name];
  if (!read) {
    const isForHeaders = name in ATTEMPT_FIELDS;
    const known = [...Object.keys(fields), `${METADATA}<name>`].join(', ');
    const what = isForHeaders ? 'is not the same on every try, and can stand in headers only' : 'is not a field';
    throw new UnknownField(`{${name}} ${what}; the fields are ${known}`);
  }
  return read;
}

/** A field of a body: numbers stay numbers. @throws UnknownField */
export function compileBodyField(name: string): (facts: BodyFacts) => FieldValue {
  return readerOf(BODY_FIELDS, name);
}

/** Half a surrogate pair cannot be encoded. */
const HALF_PAIR = /\p{Surrogate}/gu;
/** Only visible ASCII and spaces stay: nothing of an account's metadata can end a header or begin another. */
const NOT_FOR_HEADERS = /[^\x20-\x7e]/gu;

/** A header's value: text with fields in braces. @throws UnknownField */
export function compileHeaderValue(template: string): (facts: AttemptFacts) => string {
  const parts = template.split(/\{([^{}]*)\}/).map((part, i) => {
    if (i % 2 === 0) return () => part;
    const read = readerOf(ATTEMPT_FIELDS, part);
    return (facts: AttemptFacts) => {
      const value = read(facts);
      if (value === null) return '';
      const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
      return text.replace(HALF_PAIR, '?').replace(NOT_FOR_HEADERS, encodeURIComponent);
    };
  });
  const [only, field, end] = parts;
  // Most headers are one field and nothing around it.
  if (field && end && parts.length === 3 && template.startsWith('{') && template.endsWith('}')) return field;
  return only && parts.length === 1 ? only : (facts) => parts.map((part) => part(facts)).join('');
}
