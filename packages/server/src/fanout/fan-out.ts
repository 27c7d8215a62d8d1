import type { SkipReason, StoredEvent } from '../domain/model.ts';
import type { KnownAccount, KnownEndpoint } from './directory.ts';

/**
 * Reads an event's payload of a topic, or its only one, as filters see it: numbers are those of JavaScript. It is parsed when
 * it is asked for first: where nobody filters or orders, never.
 */
export function payloadsOf({ payload, byTopic }: StoredEvent): (topic: string | null) => unknown {
  let parsed: { value: unknown } | undefined;
  return (topic) => {
    parsed ??= { value: JSON.parse(payload.toString('utf8')) };
    return byTopic && topic !== null ? (parsed.value as Record<string, unknown>)[topic] : parsed.value;
  };
}

/** One delivery that an event becomes: to be sent, or skipped and why. */
export interface PlannedDelivery {
  endpoint: KnownEndpoint;
  topic: string | null;
  skip?: SkipReason;
  orderingKey?: string | null;
}

/**
 * Finds who gets an event. Nothing disappears: who is subscribed but does not get it is in the answer too.
 * @param topics topics that the event has a payload of; null when the contract has no topics
 */
export function fanOut(account: KnownAccount, event: StoredEvent, topics: readonly string[] | null): PlannedDelivery[] {
  const payloadOf = payloadsOf(event);
  return account.matches(event.trigger).map(({ endpoint, topic, wants, orderingKeyOf }) => {
    if (topics !== null && (topic === null || !topics.includes(topic))) return { endpoint, topic, skip: 'no_payload' };
    // Before the status: what nobody wants has not been missed.
    if (wants !== undefined && !wants(payloadOf(topic))) return { endpoint, topic, skip: 'filtered' };
    if (endpoint.status !== 'active') return { endpoint, topic, skip: 'endpoint_inactive' };
    return orderingKeyOf ? { endpoint, topic, orderingKey: orderingKeyOf(payloadOf(topic)) } : { endpoint, topic };
  });
}
