import type { Contract } from '../contract/contract.ts';
import { impliedBy } from '../contract/implied.ts';
import { invalidPayload, type Violation } from '../contract/payloads.ts';
import { invalidAt, Problem, pointerTo } from '../domain/errors.ts';
import { isId } from '../domain/ids.ts';
import type { KnownAccount } from '../fanout/directory.ts';
import { digestOfEvent, type PayloadText } from './read-events.ts';

/** An event on its way in, checked and parsed. */
export interface Publication {
  accountId: string;
  trigger: string;
  /** Compact JSON text. */
  payload: Buffer;
  byTopic: boolean;
  /** Topics that there is a payload of; null in contracts without topics. */
  topics: readonly string[] | null;
  externalId: string | null;
  /** Events that the contract publishes along with this one, in the same commit. */
  implied: readonly { trigger: string; payload: Buffer; topics: readonly string[] | null }[];
  /** How many deliveries it and what it implies will come to, by what is known now. */
  planned: number;
  /** Under which a repeat answers the same: the header's key, the event's own id, both or none. */
  keys: string[];
  /** SHA-256 of what was meant; needed with keys only. */
  digest: Buffer | null;
  /** Of the publisher's request (W3C Trace Context). */
  traceparent?: string;
  /** Where a payload does not fit its schema, in contracts that only warn. */
  warnings: readonly Violation[];
}

/** What a publisher sends. */
export interface EventInput {
  id?: string;
  trigger: string;
  payload?: unknown;
  payloads?: Record<string, unknown>;
}

/**
 * Checks an event by its contract.
 * @param text of the input's payload, or payloads
 * @param pointer to the event in the request's body
 * @param key of the Idempotency-Key header
 * @throws Problem `idempotency_conflict`, `unknown_trigger`, `unknown_topic`, `unknown_pair`, `payload_too_large`, `invalid_payload`
 */
export function toPublication(
  account: KnownAccount,
  input: EventInput,
  text: PayloadText,
  pointer: string,
  nowMs: number,
  key?: string,
): Publication {
  const payload = text.bytes;
  const { contract } = account;
  const { id, trigger } = input;
  // An id of our form is some event's that was made here, or will be: two events would have it as their webhook-id.
  if (id !== undefined && isId('evt', id)) {
    const place = { pointer: `${pointer}/id`, detail: 'has the form of the ids that are made here' };
    throw new Problem('idempotency_conflict', `${place.pointer}: ${place.detail}; use one of your own.`, [place]);
  }
  if (!contract.catalog.hasTrigger(trigger)) {
    throw new Problem('unknown_trigger', `"${trigger}" is not a trigger of contract ${contract.name}.`, [
      { pointer: `${pointer}/trigger`, detail: 'is not a trigger of this contract' },
    ]);
  }
  if (payload.length > contract.limits.payloadBytes) {
    throw new Problem(
      'payload_too_large',
      `A payload has at most ${contract.limits.payloadBytes} bytes; this one has ${payload.length}.`,
      [{ pointer: `${pointer}/payload`, detail: 'is too large' }],
    );
  }
  const byTopic = input.payloads !== undefined;
  const topics = topicsOf(contract, input, pointer);
  const unwritable = contract.wireViolations(payload, text.isCanonical);
  if (unwritable.length > 0) throw invalidPayload(unwritable, `${pointer}/${byTopic ? 'payloads' : 'payload'}`);
  const keys = id === undefined ? [] : [`id ${id}`];
  if (key !== undefined) keys.push(`key ${key}`);
  const implied = impliedBy(contract.catalog, trigger, payload).map((one) => ({ ...one, topics: null }));
  return {
    accountId: account.id,
    trigger,
    payload,
    byTopic,
    topics,
    externalId: id ?? null,
    implied,
    planned: implied.reduce((sum, one) => sum + account.matches(one.trigger).length, account.matches(trigger).length),
    keys,
    digest: keys.length === 0 ? null : digestOfEvent(trigger, id, payload),
    warnings: contract.payloadCheck === 'off' ? [] : check(account, input, payload, topics, pointer, nowMs),
  };
}

function topicsOf(contract: Contract, input: EventInput, pointer: string): readonly string[] | null {
  const { catalog } = contract;
  const { trigger, payload, payloads } = input;
  if ((payload === undefined) === (payloads === undefined)) {
    const detail = payload === undefined ? 'is missing' : 'cannot stand beside payloads';
    throw invalidAt(`${pointer}/payload`, detail);
  }
  if (payloads === undefined) {
    if (!catalog.hasTopics) return null;
    const topic = catalog.soleTopicOf(trigger);
    if (topic !== null) return [topic];
    throw new Problem(
      'unknown_topic',
      `"${trigger}" has payloads of several topics: send \`payloads\`, an object of topic and payload.`,
      [{ pointer: `${pointer}/payload`, detail: 'send payloads instead' }],
    );
  }
  if (!catalog.hasTopics) {
    throw new Problem('unknown_topic', 'This contract has no topics: send `payload`.', [
      { pointer: `${pointer}/payloads`, detail: 'send payload instead' },
    ]);
  }
  const topics = Object.keys(payloads);
  for (const topic of topics) {
    const place = { pointer: pointerTo(`${pointer}/payloads`, topic) };
    if (!catalog.hasTopic(topic)) {
      throw new Problem('unknown_topic', `"${topic}" is not a topic of contract ${contract.name}.`, [
        { ...place, detail: 'is not a topic of this contract' },
      ]);
    }
    const kind = catalog.kindOf({ topic, trigger });
    if (kind === 'empty' || kind === 'refused') {
      throw new Problem('unknown_pair', `Trigger "${trigger}" has no payload of topic "${topic}".`, [
        { ...place, detail: `is no payload of trigger ${trigger}` },
      ]);
    }
  }
  return topics;
}

/** Answers what is to be warned of. @throws Problem `invalid_payload` in contracts that reject */
function check(
  { contract, facts }: KnownAccount,
  input: EventInput,
  payload: Buffer,
  topics: readonly string[] | null,
  pointer: string,
  nowMs: number,
): Violation[] {
  const event = {
    id: 'evt_new',
    externalId: input.id ?? null,
    trigger: input.trigger,
    byTopic: input.payloads !== undefined,
    payload,
    createdAtMs: nowMs,
  };
  const violations = (topics ?? [null]).flatMap((topic) => {
    const value = topic !== null && input.payloads ? input.payloads[topic] : input.payload;
    const place = topic !== null && input.payloads ? pointerTo('/payloads', topic) : '/payload';
    const found = contract.payloads.violations({ event, topic, account: facts }, value);
    return found.map((violation) => ({ ...violation, pointer: place + violation.pointer }));
  });
  if (violations.length > 0 && contract.payloadCheck === 'reject') throw invalidPayload(violations, pointer);
  return violations;
}
