import type { components, operations } from './openapi.ts';

type Schemas = components['schemas'];

/** What the API answers and takes; generated from its OpenAPI document. */
export type Account = Schemas['Account'];
export type Endpoint = Schemas['Endpoint'];
export type EndpointWithSecret = Schemas['EndpointWithSecret'];
export type EventInput = Schemas['EventInput'];
export type Accepted = Schemas['Accepted'];
export type Event = Schemas['Event'];
export type FeedPage = Schemas['FeedPage'];
export type ScheduledEvent = Schemas['ScheduledEvent'];
export type Delivery = Schemas['Delivery'];
export type DeliveryDetail = Schemas['DeliveryDetail'];
export type Attempt = Schemas['Attempt'];
export type Key = Schemas['Key'];
export type KeyWithText = Schemas['KeyWithText'];
export type KeyVerdict = Schemas['KeyVerdict'];
export type PageSession = Schemas['PageSession'];
export type Replay = Schemas['Replay'];
export type Contract = Schemas['Contract'];
export type ContractSummary = Schemas['ContractSummary'];

/** A page of a list, with the cursor of the next. */
export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

type JsonOf<T> = T extends { content: { 'application/json': infer Json } } ? Json : never;

/** The body that an operation takes. */
export type BodyOf<O extends keyof operations> = operations[O] extends { requestBody?: infer Body }
  ? JsonOf<NonNullable<Body>>
  : never;
/** The parameters behind `?` that an operation takes. */
export type QueryOf<O extends keyof operations> = operations[O] extends { parameters: { query?: infer Query } }
  ? NonNullable<Query>
  : never;
/** What an operation answers when all is well. */
export type AnswerOf<O extends keyof operations> = operations[O] extends { responses: infer Answers }
  ? JsonOf<Answers[keyof Answers & (200 | 201 | 202)]>
  : never;
