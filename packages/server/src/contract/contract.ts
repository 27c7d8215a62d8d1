import type { DeliveryPolicy } from '../domain/policy.ts';
import type { BodyEncoder, BodyRules } from './body.ts';
import type { Catalog } from './catalog.ts';
import type { HeaderWriter } from './headers.ts';
import type { PayloadCheck, Payloads } from './payloads.ts';
import type { SignatureRules, SignatureScheme } from './signatures.ts';
import type { WireCheck } from './wire.ts';

export interface ContractLimits {
  readonly httpsOnly: boolean;
  readonly endpointsPerAccount: number;
  readonly subscriptionsPerEndpoint: number;
  readonly payloadBytes: number;
  /** Whether endpoints may set a rate limit of their own. */
  readonly ownRateLimit: boolean;
  /** Whether endpoints may ask for fewer requests at a time. */
  readonly ownConcurrency: boolean;
  /** Endpoints may have events without their payloads. */
  readonly thinEvents: boolean;
  /** Subscriptions may have the deliveries of an ordering key one after the other. */
  readonly orderedDelivery: boolean;
  /** Subscriptions may have filters. */
  readonly filters: boolean;
  /** Endpoints may authenticate to their receivers. */
  readonly authentication: boolean;
  /** Endpoints may reshape their requests by a function. */
  readonly transformations: boolean;
}

export interface Scope {
  readonly value: string;
  readonly label: string;
  readonly description?: string;
}

/** The sender's own words for our ideas; the page uses them. */
export interface Words {
  readonly endpoint: string;
  readonly url: string;
  readonly topic: string;
  readonly trigger: string;
  readonly secret: string;
}

export interface Versions {
  readonly values: readonly string[];
  readonly default: string;
}

/** A sender's promise, compiled from the data in its folder so that nothing is looked up twice on the hot path. */
export interface Contract {
  readonly name: string;
  /** Where it was read from. */
  readonly folder: string;
  readonly title: string;
  readonly description: string;
  readonly words: Words;
  readonly catalog: Catalog;
  readonly payloads: Payloads;
  readonly payloadCheck: PayloadCheck;
  /** Where a payload cannot be written as the contract writes bodies. */
  readonly wireViolations: WireCheck;
  readonly policy: DeliveryPolicy;
  readonly limits: ContractLimits;
  readonly scopes: readonly Scope[];
  readonly versions: Versions | undefined;
  /** What "Send test" sends; else a sample of what the endpoint is subscribed to. */
  readonly testTrigger: string | undefined;
  /** Whether the product may declare event types by the API. */
  readonly eventTypes: boolean;
  readonly newEndpoint: 'active' | 'inactive';
  /** Receivers echo a challenge before anything else is sent to them. */
  readonly ownershipProof: boolean;
  /** How the page is laid out. */
  readonly page: {
    readonly keys: 'section' | 'below-webhooks';
    /** The sender's own documentation and support. */
    readonly links: readonly { readonly label: string; readonly url: string }[];
    /** How the sender's API takes a key: the header's name, and what stands before the key in it. */
    readonly keyHeader: { readonly name: string; readonly before: string };
  };
  /** What people read in other languages, as the contract states it. */
  readonly languages: Readonly<Record<string, unknown>>;
  readonly keyPrefix: string;
  readonly signature: SignatureScheme;
  /** As the contract states them, for the page's help with verifying. */
  readonly signatureRules: SignatureRules;
  /** What every request carries, unless the contract says otherwise. */
  readonly defaultHeaders: readonly [string, string][];
  /** Names in lower case that the contract's requests carry, and that an endpoint may not set. */
  readonly headerNames: ReadonlySet<string>;
  /** As the contract states them. */
  readonly bodyRules: BodyRules;
  /** Writes the bytes that are signed and sent. */
  readonly encodeBody: BodyEncoder;
  /** Writes the contract's own headers, signature included. */
  readonly writeHeaders: HeaderWriter;
}
