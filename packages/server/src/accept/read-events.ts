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

/** `payload`, or `payloads` of an event that has one per topic. */
type Member = 'payload' | 'payloads';

function memberOf(value: unknown): Member {
  return (value as { payloads?: unknown }).payloads === undefined ? 'payload' : 'payloads';
}

/**
 * The compact text of an event's payload or payloads. When JSON.stringify writes the body exactly as it came, it holds
 * no whitespace and no number that JavaScript would change, and what it writes for the payload is what came; that is
 * several times faster than to cut the payload out, and most publishers' bodies are like that.
 */
export function payloadOf({ text, value }: RawBody): Buffer {
  const member = memberOf(value);
  const written = JSON.stringify((value as Record<Member, unknown>)[member]);
  const shell = JSON.stringify({ ...(value as object), [member]: 0 });
  const at = shell.indexOf(`"${member}":0`) + member.length + '"":'.length;
  const isCanonical = text === shell.slice(0, at) + written + shell.slice(at + 1);
  return isCanonical ? Buffer.from(written) : cutPayload(text, 0);
}

/** The payloads of a batch, `{"events": [{"payload": …}, …]}`, in order. */
export function payloadsOf({ text, value }: RawBody): Buffer[] {
  const { events } = value as { events: Record<Member, unknown>[] };
  if (JSON.stringify(value) === text) {
    return events.map((event) => Buffer.from(JSON.stringify(event[memberOf(event)])));
  }
  let listAt = 0;
  eachMember(text, 0, (key, from) => {
    if (key === 'events') listAt = from;
  });
  const payloads: Buffer[] = [];
  eachElement(text, listAt, (from) => payloads.push(cutPayload(text, from)));
  return payloads;
}

function cutPayload(text: string, start: number): Buffer {
  let payload = '';
  eachMember(text, start, (key, from, to) => {
    if (key === 'payload' || key === 'payloads') payload = text.slice(from, to);
  });
  return Buffer.from(compact(payload));
}

/** What a repeat under the same idempotency key must agree in. */
export function digestOfEvent(trigger: string, externalId: string | undefined, payload: Buffer): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([trigger, externalId ?? null]))
    .update(payload)
    .digest();
}
