import type { DeliveryPolicy } from '../domain/policy.ts';
import type { BodyEncoder } from './body.ts';
import type { HeaderWriter } from './headers.ts';

export interface ContractLimits {
  readonly httpsOnly: boolean;
  readonly endpointsPerAccount: number;
  readonly subscriptionsPerEndpoint: number;
  readonly payloadBytes: number;
}

export interface Scope {
  readonly value: string;
  readonly label: string;
}

/** A sender's promise, compiled from the data in its folder so that nothing is looked up twice on the hot path. */
export interface Contract {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly policy: DeliveryPolicy;
  readonly limits: ContractLimits;
  readonly scopes: readonly Scope[];
  /** Writes the bytes that are signed and sent. */
  readonly encodeBody: BodyEncoder;
  /** Writes the contract's own headers, signature included. */
  readonly writeHeaders: HeaderWriter;
  /** Whether events with this trigger exist in the contract. */
  hasTrigger(trigger: string): boolean;
  /** Whether an endpoint may subscribe to this pattern. */
  hasPattern(pattern: string): boolean;
}
