import type { ActiveDelivery, StoredEvent } from './model.ts';

/** A delivery that has not been tried, and of which the database knows nothing yet. */
export function newDelivery(
  uuid: Uint8Array,
  endpoint: { id: string; uuid: Uint8Array; accountId: string },
  topic: string | null,
  event: StoredEvent,
  isUrgent: boolean,
  orderingKey: string | null = null,
): ActiveDelivery {
  return {
    uuid,
    accountId: endpoint.accountId,
    endpointId: endpoint.id,
    endpointUuid: endpoint.uuid,
    topic,
    test: event.test,
    attempts: 0,
    attemptsThisRound: 0,
    event,
    isUrgent,
    orderingKey,
    epoch: Number.NaN,
    isStored: false,
  };
}
