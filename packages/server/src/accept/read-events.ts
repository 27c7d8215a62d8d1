import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { Problem } from '../domain/errors.ts';
import { compact, eachElement, eachMember } from '../domain/raw-json.ts';

/** A request's JSON with the text it came from, so that a payload can be taken out as it was written. */
export interface RawBody {
  text: string;
  value: unknown;
}

/** @throws Problem `malformed_json` */
export function parseRawBody(bytes: Buffer): RawBody {
  if (!isUtf8(bytes)) throw new Problem('malformed_json', 'The body is not UTF-8.');
  const text = bytes.toString('utf8');
  try {
    return { text, value: JSON.parse(text) };
  } catch (error) {
    throw new Problem('malformed_json', error instanceof Error ? error.message : undefined);
  }
}

/** The compact text of one event's `payload`. */
export function payloadOf(text: string, start = 0): Buffer {
  let payload = '';
  eachMember(text, start, (key, from, to) => {
    if (key === 'payload') payload = text.slice(from, to);
  });
  return Buffer.from(compact(payload));
}

/** The payloads of a batch, `{"events": [{"payload": …}, …]}`, in order. */
export function payloadsOf(text: string): Buffer[] {
  let listAt = 0;
  eachMember(text, 0, (key, from) => {
    if (key === 'events') listAt = from;
  });
  const payloads: Buffer[] = [];
  eachElement(text, listAt, (from) => payloads.push(payloadOf(text, from)));
  return payloads;
}

/** What a repeat under the same idempotency key must agree in. */
export function digestOfEvent(trigger: string, externalId: string | undefined, payload: Buffer): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([trigger, externalId ?? null]))
    .update(payload)
    .digest();
}
