/** What the server answers, as its OpenAPI document says. */
import type { components } from '@posthorn/sdk/openapi';

type Schemas = components['schemas'];

export type PageInfo = Schemas['PageInfo'];
export type Permission = PageInfo['permissions'][number];
export type Account = Schemas['Account'];

export type ContractSummary = Schemas['ContractSummary'];
export type Contract = Omit<Schemas['Contract'], 'schemas'> & { schemas: Record<string, Schema> };
export type Word = Contract['topics'][number];
export type Pair = Contract['pairs'][number];
export type Translation = Schemas['Translation'];
export type BodyRules = Schemas['BodyRules'];
export type SignatureRules = Schemas['SignatureRules'];

export type Endpoint = Schemas['Endpoint'];
export type Subscription = Endpoint['subscriptions'][number];
export type CellFacts = Schemas['Cell'];
export type ParkedKey = Schemas['ParkedKey'];
export type TriedFilter = Schemas['TriedFilter'];
export type TriedTransformation = Schemas['TriedTransformation'];
export type InactiveReason = NonNullable<Endpoint['inactive_reason']>;

export type Event = Schemas['Event'];
export type FeedPage = Schemas['FeedPage'];

export type Delivery = Schemas['Delivery'];
export type DeliveryStatus = Delivery['status'];
export type DeliveryDetail = Schemas['DeliveryDetail'];
export type Attempt = Schemas['Attempt'];
export type Replay = Schemas['Replay'];

export type Bucket = Schemas['Bucket'];
export type Stats = Schemas['Stats'];
export type EndpointStats = Schemas['EndpointStats'];
/** What was answered last, when that was no success. */
export type Failing = Schemas['LastFailure'];
/** How an account is doing, for the console. */
export type AccountDay = Schemas['AccountStats'];
/** How the installation is doing. */
export type Overview = Schemas['Overview'];
export type NodeInfo = Schemas['Node'];
export type FailingEndpoint = Schemas['FailingEndpoint'];

export type Source = Schemas['Source'];
export type DeadLetter = Schemas['DeadLetter'];
export type Redriven = Schemas['Redriven'];

export type OperatorKey = Schemas['OperatorKey'];

export type ApiKey = Schemas['Key'];
export type Bin = Schemas['Bin'];
export type BinRequest = Schemas['BinRequest'];
export type Verdict = Schemas['SignatureVerdict'];
export type AuditEntry = Schemas['AuditEntry'];

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

/** JSON Schema, as far as the page reads it. */
export interface Schema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  const?: unknown;
  $ref?: string;
  $defs?: Record<string, Schema>;
}
