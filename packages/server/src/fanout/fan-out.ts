import type { SkipReason } from '../domain/model.ts';
import type { KnownAccount, KnownEndpoint } from './directory.ts';

/** One delivery that an event becomes: to be sent, or skipped and why. */
export interface PlannedDelivery {
  endpoint: KnownEndpoint;
  topic: string | null;
  skip?: SkipReason;
}

/**
 * Finds who gets an event. Nothing disappears: who is subscribed but cannot get it is in the answer too.
 * @param topics topics that the event has a payload of; null when the contract has no topics
 */
export function fanOut(account: KnownAccount, trigger: string, topics: readonly string[] | null): PlannedDelivery[] {
  return account.matches(trigger).map(({ endpoint, topic }) => {
    if (topics !== null && (topic === null || !topics.includes(topic))) return { endpoint, topic, skip: 'no_payload' };
    return endpoint.status === 'active' ? { endpoint, topic } : { endpoint, topic, skip: 'endpoint_inactive' };
  });
}
