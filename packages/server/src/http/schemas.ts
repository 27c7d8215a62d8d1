/** Schemas that several resources share. They check requests, give types, and make up the OpenAPI document. */
import { type TProperties, type TSchema, Type } from 'typebox';
import { ACCOUNT_ID_LENGTH_MAX, ACCOUNT_ID_PATTERN } from '../domain/event-form.ts';

export const closed = <T extends TProperties>(properties: T, options: { description?: string } = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** A schema that has a name in the OpenAPI document, and so in everything that is generated from it. */
export const named = <T extends TSchema>(title: string, schema: T): T => ({ ...schema, title });

/** An instant in ISO 8601, from 1970 to 9999 (`isInstant`); answers have it in UTC with milliseconds. */
export const Time = Type.String({ format: 'date-time' });
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const AccountId = Type.String({
  pattern: ACCOUNT_ID_PATTERN,
  maxLength: ACCOUNT_ID_LENGTH_MAX,
  description: 'Your own id of the customer, or one made here',
});
export const AccountParams = Type.Object({ account: Type.String({ maxLength: 128 }) });
export const EndpointParams = Type.Object({
  account: Type.String({ maxLength: 128 }),
  endpoint: Type.String({ maxLength: 64 }),
});

export const PageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Entries per page' })),
  cursor: Type.Optional(Type.String({ maxLength: 256, description: '`next_cursor` of the page before' })),
};

export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object({
    data: Type.Array(item),
    next_cursor: Type.Union([Type.String(), Type.Null()], { description: 'null on the last page' }),
  });

const PROBLEM = {
  description: 'Problem details',
  content: { 'application/problem+json': { schema: Type.Ref('Problem') } },
};

/**
 * Responses of a route: its own, and problem details for the errors that only this route can answer. Those that come
 * with the kind of a route are added where it is registered (`documentProblems`).
 */
export function responses<T extends Record<number, TSchema>>(own: T, ...errors: number[]) {
  return { ...problemsOf(errors), ...own } as T;
}

export function problemsOf(statuses: readonly number[]): Record<number, object> {
  return Object.fromEntries(statuses.map((status) => [status, PROBLEM]));
}
