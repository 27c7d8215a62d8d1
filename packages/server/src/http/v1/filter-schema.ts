import { Type } from 'typebox';
import { named } from '../schemas.ts';

const SCALAR = { type: ['string', 'number', 'boolean', 'null'] };
const FILTERS = { type: 'array', minItems: 1, items: { $ref: '#/components/schemas/Filter' } };

/** The language of `domain/filter.ts`, as the OpenAPI document has it. Requests are checked there: it says where a filter is wrong. */
export const FILTER = {
  oneOf: [
    {
      type: 'object',
      description: 'What holds of one place of the payload. Of several operators, all have to',
      properties: {
        at: { type: 'string', description: 'JSON pointer (RFC 6901)' },
        equals: SCALAR,
        in: { type: 'array', items: SCALAR, maxItems: 100 },
        contains: { ...SCALAR, description: 'A list that holds it' },
        prefix: { type: 'string' },
        exists: { type: 'boolean' },
        gt: { type: 'number' },
        gte: { type: 'number' },
        lt: { type: 'number' },
        lte: { type: 'number' },
      },
      required: ['at'],
      minProperties: 2,
      additionalProperties: false,
    },
    { type: 'object', properties: { and: FILTERS }, required: ['and'], additionalProperties: false },
    { type: 'object', properties: { or: FILTERS }, required: ['or'], additionalProperties: false },
    {
      type: 'object',
      properties: { not: { $ref: '#/components/schemas/Filter' } },
      required: ['not'],
      additionalProperties: false,
    },
  ],
};

export const Filter = named(
  'Filter',
  Type.Unknown({
    description: 'What a subscription wants of the payload: events that do not pass are skipped',
    examples: [{ at: '/total', gte: 100 }],
  }),
);
