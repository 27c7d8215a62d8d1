import type { EventInput } from '../accept/publication.ts';
import { type PayloadText, parseRawBody, type RawBody } from '../accept/read-events.ts';
import { invalidAt } from '../domain/errors.ts';
import {
  ACCOUNT_ID_LENGTH_MAX,
  ACCOUNT_ID_PATTERN,
  EVENT_ID_PATTERN,
  TRIGGER_LENGTH_MAX,
} from '../domain/event-form.ts';
import { compact, eachElement, eachMember } from '../domain/raw-json.ts';
import type { Message } from './reader.ts';
import type { EventMapping, SourceConfig, ValuePlace } from './source-config.ts';

/** An event as a message has it. */
export interface MessageEvent {
  accountId: string;
  input: EventInput;
  text: PayloadText;
}

/** `isCanonical`: what JSON.stringify writes is this very text, so that nothing has to be cut out of it. */
type Body = RawBody & { isCanonical: boolean };

function parse(bytes: Buffer): Body {
  const body = parseRawBody(bytes);
  return { ...body, isCanonical: JSON.stringify(body.value) === body.text };
}

/** As the API takes them. */
const ACCOUNT_ID = new RegExp(ACCOUNT_ID_PATTERN);
const EVENT_ID = new RegExp(EVENT_ID_PATTERN);

/** As POST …/events takes it, with the account beside it. */
const AS_PUBLISHED: EventMapping = {
  account: { pointer: '/account' },
  trigger: { pointer: '/trigger' },
  id: { pointer: '/id' },
};
/** A row's columns are its headers, and its payload is the body. */
const AS_ROW: EventMapping = {
  account: { header: 'account' },
  trigger: { header: 'trigger' },
  payload: { pointer: '' },
};

/** The source's own mapping; what it does not say is as messages of its kind are by default. */
export function mappingOf({ type, event = {} }: Pick<SourceConfig, 'type' | 'event'>): EventMapping {
  return { ...(type === 'postgresql' ? AS_ROW : AS_PUBLISHED), ...event };
}

/**
 * Reads an event out of a message.
 * @throws Problem `malformed_json`, `invalid_request`: pointers are those of the message
 */
export function toEvent(message: Message, mapping: EventMapping): MessageEvent {
  let parsed: Body | undefined;
  const body = () => {
    parsed ??= parse(message.body);
    return parsed;
  };
  const valueAt = (place: ValuePlace | undefined, name: string, isNeeded: boolean): string | undefined => {
    const found = place && textAt(message, place, body);
    if (found === undefined && isNeeded) throw invalidAt(whereOf(place), `has no ${name}`);
    return found;
  };
  const accountId = valueAt(mapping.account, 'account', true) ?? '';
  const trigger = valueAt(mapping.trigger, 'trigger', true) ?? '';
  const id = valueAt(mapping.id, 'id', false);
  if (!ACCOUNT_ID.test(accountId) || accountId.length > ACCOUNT_ID_LENGTH_MAX)
    throw invalidAt(whereOf(mapping.account), 'is no id of an account');
  if (trigger.length > TRIGGER_LENGTH_MAX)
    throw invalidAt(whereOf(mapping.trigger), `has more than ${TRIGGER_LENGTH_MAX} characters`);
  if (id !== undefined && !EVENT_ID.test(id))
    throw invalidAt(whereOf(mapping.id), 'is no id: at most 128 of A-Z a-z 0-9 _ : -');
  const { pointer, isByTopic } = payloadPlace(mapping, body);
  const text = cut(body(), pointer);
  if (!text) throw invalidAt(`#${pointer}`, 'has no payload');
  const { value } = text;
  if (isByTopic && (typeof value !== 'object' || value === null || Array.isArray(value)))
    throw invalidAt(`#${pointer}`, 'is no object of topics and payloads');
  const payload = isByTopic ? { payloads: value as Record<string, unknown> } : { payload: value };
  return { accountId, input: { ...(id === undefined ? {} : { id }), trigger, ...payload }, text };
}

function payloadPlace({ payload, payloads }: EventMapping, body: () => Body): { pointer: string; isByTopic: boolean } {
  if (payloads) return { pointer: payloads.pointer, isByTopic: true };
  if (payload) return { pointer: payload.pointer, isByTopic: false };
  const { value } = body();
  const isByTopic = typeof value === 'object' && value !== null && Object.hasOwn(value, 'payloads');
  return { pointer: isByTopic ? '/payloads' : '/payload', isByTopic };
}

function whereOf(place: ValuePlace | undefined): string {
  if (place && 'header' in place) return `header ${place.header}`;
  return `#${place && 'pointer' in place ? place.pointer : ''}`;
}

/** Numbers count, too: an id of a database often is one. */
function textAt(message: Message, place: ValuePlace, body: () => Body): string | undefined {
  if ('value' in place) return place.value;
  if ('header' in place) return message.headers[place.header];
  const found = cut(body(), place.pointer);
  if (!found || found.value === null || found.value === '') return undefined;
  if (typeof found.value === 'string') return found.value;
  // As it is written: a number may have more digits than JavaScript keeps.
  const written = found.bytes.toString('utf8');
  if (!/^-?\d+$/.test(written)) throw invalidAt(`#${place.pointer}`, 'is no text and no whole number');
  return written;
}

/** The value at a place, and its compact text as it was written. @throws Problem for a member that stands twice */
function cut({ text, value, isCanonical }: Body, pointer: string): (PayloadText & { value: unknown }) | undefined {
  let from = 0;
  let to = text.length;
  let here = value;
  for (const escaped of pointer.split('/').slice(1)) {
    const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, name)) return undefined;
    if (Array.isArray(here) && !/^\d+$/.test(name)) return undefined;
    if (!isCanonical) [from, to] = placeOf(text, from, here, name);
    here = (here as Record<string, unknown>)[name];
  }
  const written = isCanonical ? JSON.stringify(here) : compact(text.slice(from, to).trim());
  return { bytes: Buffer.from(written), isCanonical, value: here };
}

/** From where to where a member stands in the text of the object, or list, that begins at `start`. */
function placeOf(text: string, start: number, of: object, name: string): [number, number] {
  let found: [number, number] = [start, start];
  if (Array.isArray(of)) {
    let i = 0;
    eachElement(text, start, (from, to) => {
      if (i++ === Number(name)) found = [from, to];
    });
    return found;
  }
  const count = eachMember(text, start, (key, from, to) => {
    if (key === name) found = [from, to];
  });
  if (count !== Object.keys(of).length) throw invalidAt('#', 'has a member that stands twice');
  return found;
}
