import type { SkipReason } from '../domain/model.ts';
import type { KnownAccount, KnownEndpoint } from './directory.ts';

/** One delivery that an event becomes: to be sent, or skipped and why. */
export interface PlannedDelivery {
  endpoint: KnownEndpoint;
  topic: string | null;
  skip?: SkipReason;
}

/** Finds who gets an event. Nothing disappears: who is subscribed but cannot get it is in the answer too. */
export function fanOut(account: KnownAccount, trigger: string): PlannedDelivery[] {
  return account
    .matches(trigger)
    .map(({ endpoint, topic }) =>
      endpoint.status === 'active' ? { endpoint, topic } : { endpoint, topic, skip: 'endpoint_inactive' },
    );
}
