import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { invalidAt, Problem, pointerTo } from '../domain/errors.ts';
import { compact, eachElement, eachMember, isDeeperThan } from '../domain/raw-json.ts';

/** Far more than any event has; Node 20's JSON.stringify gives up at some thousands. */
const DEPTH_MAX = 1_000;

/** A request's JSON with the text it came from, so that a payload can be taken out as it was written. */
export interface RawBody {
  text: string;
  value: unknown;
}

/** @throws Problem `malformed_json`, `invalid_request` */
export function parseRawBody(bytes: Buffer): RawBody {
  if (!isUtf8(bytes)) throw new Problem('malformed_json', 'The body is not UTF-8.');
  // A byte order mark may be ignored (RFC 8259, 8.1), and some clients write one.
  const text = bytes.toString('utf8', bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);
  const value = parse(text);
  if (isDeeperThan(text, DEPTH_MAX)) throw invalidAt('#', `is nested more than ${DEPTH_MAX} deep`);
  return { text, value };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem('malformed_json', error instanceof Error ? error.message : undefined);
  }
}

/** `payload`, or `payloads` of an event that has one per topic. */
type Member = 'payload' | 'payloads';

function memberOf(value: unknown): Member {
  return (value as { payloads?: unknown }).payloads === undefined ? 'payload' : 'payloads';
}

/** The compact text of an event's payload or payloads. */
export interface PayloadText {
  bytes: Buffer;
  /** What JSON.stringify writes of the parsed payload is this very text. */
  isCanonical: boolean;
}

/**
 * Takes the payload or payloads out of an event. When JSON.stringify writes the body exactly as it came, it holds
 * no whitespace and no number that JavaScript would change, and what it writes for the payload is what came; that is
 * several times faster than to cut the payload out, and most publishers' bodies are like that. Nor does such a body hold
 * a member twice; any other is searched for that.
 * @throws Problem `invalid_request`
 */
export function payloadOf({ text, value }: RawBody): PayloadText {
  const member = memberOf(value);
  const written = JSON.stringify((value as Record<Member, unknown>)[member]);
  const shell = JSON.stringify({ ...(value as object), [member]: 0 });
  const at = shell.indexOf(`"${member}":0`) + member.length + '"":'.length;
  const isCanonical = text === shell.slice(0, at) + written + shell.slice(at + 1);
  const bytes = isCanonical ? Buffer.from(written) : cutPayload(text, 0, value, '#');
  return { bytes, isCanonical };
}

/** The payloads of a batch, `{"events": [{"payload": …}, …]}`, in order. @throws Problem `invalid_request` */
export function payloadsOf({ text, value }: RawBody): PayloadText[] {
  const { events } = value as { events: Record<Member, unknown>[] };
  if (JSON.stringify(value) === text) {
    // Without any there is nothing to write: that is refused where events are checked.
    return events.map((event) => {
      const written = JSON.stringify(event[memberOf(event)]) ?? '';
      return { bytes: Buffer.from(written), isCanonical: true };
    });
  }
  let listAt = 0;
  const count = eachMember(text, 0, (key, from) => {
    if (key === 'events') listAt = from;
  });
  if (count !== Object.keys(value as object).length) throw repeatIn(text, 0, '#');
  const payloads: PayloadText[] = [];
  eachElement(text, listAt, (from) => {
    const i = payloads.length;
    payloads.push({ bytes: cutPayload(text, from, events[i], `#/events/${i}`), isCanonical: false });
  });
  return payloads;
}

/** @param event what the text at `start` was parsed to: of members that stand twice it has only one */
function cutPayload(text: string, start: number, event: unknown, pointer: string): Buffer {
  const { payloads } = event as { payloads?: object };
  let payload = '';
  let payloadsAt = 0;
  const count = eachMember(text, start, (key, from, to) => {
    if (key !== 'payload' && key !== 'payloads') return;
    payload = text.slice(from, to);
    payloadsAt = from;
  });
  if (count !== Object.keys(event as object).length) throw repeatIn(text, start, pointer);
  if (payloads !== undefined && eachMember(text, payloadsAt, () => {}) !== Object.keys(payloads).length) {
    throw repeatIn(text, payloadsAt, `${pointer}/payloads`);
  }
  return Buffer.from(compact(payload));
}

/** The refusal of an object's first member that stands twice. */
function repeatIn(text: string, start: number, pointer: string): Problem {
  const seen = new Set<string>();
  let repeat = '';
  eachMember(text, start, (key) => {
    if (seen.has(key)) repeat ||= key;
    seen.add(key);
  });
  return invalidAt(pointerTo(pointer, repeat), 'stands twice');
}

/** What a repeat under the same idempotency key must agree in. */
export function digestOfEvent(trigger: string, externalId: string | undefined, payload: Buffer): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([trigger, externalId ?? null]))
    .update(payload)
    .digest();
}
