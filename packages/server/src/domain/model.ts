import type { Decision } from './decide.ts';
import type { EndpointAuth } from './endpoint-auth.ts';
import type { EndpointTls } from './endpoint-tls.ts';
import type { AttemptError, AttemptOutcome, Timings } from './outcome.ts';
import type { SignatureKind } from './signature.ts';
import type { Subscription } from './subscription.ts';
import type { Method } from './transformation.ts';

/** One customer of the product. */
export interface Account {
  id: string;
  /** Small and unique: for vendors' APIs that show integers. */
  number: number;
  name: string;
  contract: string;
  metadata: Record<string, unknown>;
  createdAt: Date;
  updatedAt: Date;
}

export type EndpointStatus = 'active' | 'inactive';
export type InactiveReason = 'new' | 'user' | 'consecutive_failures' | 'gone';

export interface Endpoint {
  id: string;
  /** Small and unique: for vendors' APIs that show integers. */
  number: number;
  accountId: string;
  url: string;
  description: string;
  status: EndpointStatus;
  inactiveReason: InactiveReason | null;
  subscriptions: Subscription[];
  /** Sent with every request, besides the contract's own. */
  headers: Record<string, string>;
  /** How requests authenticate, besides their signature. */
  auth: EndpointAuth | null;
  /** Certificates of its own. */
  tls: EndpointTls | null;
  /** The code of the function that reshapes its requests. */
  transformation: string | null;
  signature: SignatureKind;
  publicKey: string | null;
  /** Of the API, in contracts that have versions. */
  version: string | null;
  /** Requests a second, where the contract lets endpoints choose. */
  rateLimit: number | null;
  /** Requests at a time, where the contract lets endpoints choose. */
  concurrency: number | null;
  /** It gets events without their payloads. */
  thin: boolean;
  /**
   * The URL whose receiver wants its requests: it has echoed a challenge, or the contract asked for none. `''`: it is yet to be
   * asked; null: from before anybody was asked.
   */
  provenUrl: string | null;
  /** Until then samples are sent all the time, and failures do not switch it off. */
  testingUntil: Date | null;
  /** Since when it has its status; null: since it was created. */
  statusAt: Date | null;
  /** Until when a secret from before the last rotation signs, too. */
  previousSecretUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** Whether an endpoint's receiver has shown that it wants its requests. */
export function isProven({ url, provenUrl }: { url: string; provenUrl: string | null }): boolean {
  return provenUrl === null || provenUrl === url;
}

/** A secret and until when it signs; `null` for the current one. */
export interface EndpointSecret {
  secret: string;
  expiresAt: Date | null;
}

/** What the product published. `payload` is JSON text, or an object of one payload per topic when `byTopic`. */
export interface StoredEvent {
  id: string;
  uuid: Uint8Array;
  /** The publisher's own id, where it gave one; receivers see it instead of `id`. */
  externalId: string | null;
  accountId: string;
  trigger: string;
  byTopic: boolean;
  test: boolean;
  payload: Buffer;
  createdAtMs: number;
}

/**
 * - `pending` waits for its first attempt; `delivering` is being sent; `failed` waits for a retry
 * - `held` waits because its endpoint is inactive
 * - `succeeded`, `discarded` (given up) and `skipped` (never sent) are final, until somebody retries by hand
 */
export const DELIVERY_STATUSES = [
  'pending',
  'delivering',
  'held',
  'failed',
  'succeeded',
  'discarded',
  'skipped',
] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

export type SkipReason = 'endpoint_inactive' | 'filtered' | 'no_payload';

/** One event for one endpoint, as history shows it. */
export interface Delivery {
  id: string;
  accountId: string;
  endpointId: string;
  eventId: string;
  topic: string | null;
  trigger: string;
  status: DeliveryStatus;
  /** Why it was skipped or discarded. */
  reason: string | null;
  attempts: number;
  test: boolean;
  createdAtMs: number;
  nextAttemptAt: Date | null;
  /** While it waits: of its key, deliveries are sent one after the other. */
  orderingKey: string | null;
  finishedAt: Date | null;
}

/** One HTTP try, as history shows it. */
export interface Attempt {
  number: number;
  startedAt: Date;
  url: string;
  /** Where it cannot be written again from the event; null: POST, and the body as the contract writes it. */
  sent: SentRequest | null;
  /** The contract's own. */
  requestHeaders: [string, string][];
  /** The endpoint's own, as they were then: their values are for those who may change the endpoint. */
  ownHeaders: [string, string][];
  error: AttemptError | null;
  errorDetail: string | null;
  responseStatus: number | null;
  responseHeaders: [string, string][];
  responseBody: Buffer | null;
  responseTruncated: boolean;
  /** Of many attempts, only the newest are read with their bodies. */
  bodiesOmitted: boolean;
  timings: Timings;
}

/** A delivery that this node has in memory, with all that sending it takes. */
export interface ActiveDelivery {
  /** Its id's bytes: the text form is needed only where people look. */
  readonly uuid: Uint8Array;
  readonly accountId: string;
  readonly endpointId: string;
  readonly endpointUuid: Uint8Array;
  readonly topic: string | null;
  readonly test: boolean;
  /** Attempts ever made. */
  readonly attempts: number;
  /** Attempts made in this round; the schedule counts these. */
  readonly attemptsThisRound: number;
  /** When the first of them began; absent before it, or when it is not known any more. */
  readonly roundAtMs?: number;
  readonly event: StoredEvent;
  /** Somebody asked for just this delivery: it is sent before others, and whatever the status of its endpoint. */
  readonly isUrgent: boolean;
  /** Those of one key are sent one after the other; null: it waits for no other. */
  readonly orderingKey: string | null;
  /** The epoch of the lane in which it came into memory: what is stored of it counts only in this epoch. */
  epoch: number;
  /** Whether it has a row in the queue. Deliveries that are handed over from memory have none at first. */
  isStored: boolean;
}

/** An endpoint's own headers, and the id under which they are stored; `null` when there are none. */
export interface OwnHeaders {
  readonly id: string | null;
  readonly values: readonly [string, string][];
}

/** Of a request that a transformation has reshaped, or that was thin: what cannot be written again from the event. */
export interface SentRequest {
  method: Method;
  body: Buffer;
}

/** What one attempt came to, on its way to be stored. */
export interface SettledAttempt {
  delivery: ActiveDelivery;
  startedAtMs: number;
  url: string;
  /** The contract's own. */
  requestHeaders: [string, string][];
  ownHeaders: OwnHeaders;
  sent?: SentRequest | undefined;
  outcome: AttemptOutcome;
  decision: Decision;
}
