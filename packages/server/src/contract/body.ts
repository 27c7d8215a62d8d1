import type { StoredEvent } from '../domain/model.ts';

/** Answers the body of an event's request. Pure: the same event gives the same bytes on every try. */
export type BodyEncoder = (event: StoredEvent) => Buffer;

const FIELDS = {
  '{trigger}': (event: StoredEvent) => JSON.stringify(event.trigger),
  '{event.id}': (event: StoredEvent) => JSON.stringify(event.externalId ?? event.id),
  '{event.time}': (event: StoredEvent) => `"${new Date(event.createdAtMs).toISOString()}"`,
} as const;

export type EnvelopeField = keyof typeof FIELDS | '{payload}';
export const ENVELOPE_FIELDS: readonly string[] = [...Object.keys(FIELDS), '{payload}'];

/**
 * Compiles an envelope, an object whose values are fields, into one that splices the payload's own text in:
 * numbers and key order reach the wire as they were published.
 */
export function compileEnvelope(envelope: Readonly<Record<string, EnvelopeField>>): BodyEncoder {
  const members = Object.entries(envelope);
  const at = members.findIndex(([, field]) => field === '{payload}');
  const write = (part: typeof members, event: StoredEvent) =>
    part.map(([key, field]) => `${JSON.stringify(key)}:${field === '{payload}' ? '' : FIELDS[field](event)}`).join(',');
  const before = members.slice(0, at + 1);
  const after = members.slice(at + 1);
  return (event) => {
    const head = `{${write(before, event)}`;
    const tail = after.length > 0 ? `,${write(after, event)}}` : '}';
    const bytes = Buffer.allocUnsafe(Buffer.byteLength(head) + event.payload.length + Buffer.byteLength(tail));
    const payloadAt = bytes.write(head);
    event.payload.copy(bytes, payloadAt);
    bytes.write(tail, payloadAt + event.payload.length);
    return bytes;
  };
}
