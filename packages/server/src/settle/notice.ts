import type { SettledAttempt } from '../domain/model.ts';
import type { KnownEndpoint } from '../fanout/directory.ts';
import type { NoticeText } from '../storage/store.ts';

/** What the operator is told of. */
export type Notice =
  | { trigger: 'endpoint.disabled'; reason: 'consecutive_failures' | 'gone' | 'retries_exhausted'; failures?: number }
  | { trigger: 'endpoint.failing'; failures: number; limit: number }
  | { trigger: 'endpoint.recovered' }
  | { trigger: 'delivery.discarded'; delivery_id: string; event_id: string; of_trigger: string; reason: string };

type EndpointFacts = Pick<KnownEndpoint, 'id' | 'accountId' | 'url'>;

/** Writes notices for whoever stores them together with what they tell of, and publishes them soon after. */
export interface Announcer {
  /** The notice as it is stored; undefined where the operator is not told. */
  textOf(endpoint: EndpointFacts, notice: Notice): NoticeText | undefined;
  /** What every notice of an endpoint begins with, as JSON text; null where the operator is not told. */
  about(endpoint: EndpointFacts): string | null;
  /** The notices of outcomes, each to be stored with its outcome. */
  ofOutcomes(attempts: readonly SettledAttempt[]): (NoticeText & { deliveryUuid: Uint8Array })[];
  /** Something may have been stored. */
  publishSoon(): void;
}
