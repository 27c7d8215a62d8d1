import { Type } from 'typebox';
import type { EventType } from '../../domain/event-type.ts';
import type { PutOptions } from '../../manage/event-types.ts';
import type { App, HttpParts } from '../app.ts';
import { noteDetail } from '../audit.ts';
import { closed, Nullable, named, responses, Time } from '../schemas.ts';

const CONTRACT_DEFAULT = 'standard';
/** Descriptions of APIs are large. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;
/** In one request. */
const TYPES_MAX = 1_000;

const tags = ['Event types'];
const Name = Type.String({ maxLength: 256, description: 'The trigger, as `order.paid`' });
const ContractName = Type.Optional(Type.String({ maxLength: 64, default: CONTRACT_DEFAULT }));
const NameParams = Type.Object({ event_type: Type.String({ maxLength: 256 }) });
const Check = Type.Enum(['off', 'warn', 'reject'], {
  description: 'What publishing does with a payload that does not fit: nothing, say so in the answer, or refuse it',
});

const Facts = {
  name: Type.String(),
  version: Type.Integer({ description: 'Raised by every change of the schema' }),
  label: Type.String(),
  description: Type.String(),
  deprecated: Type.Boolean({ description: 'It is still sent, and should not be subscribed to any more' }),
  created_at: Time,
  updated_at: Time,
};
const EventTypeView = named('EventType', Type.Object(Facts));
const Json = Type.Unknown({ description: 'JSON Schema of the payload; null: it may be anything' });
const EventTypeDetail = named(
  'EventTypeDetail',
  Type.Object({
    ...Facts,
    schema: Json,
    sample: Type.Unknown({ description: 'A payload, for tests and the page; null: there is none' }),
    versions: Type.Array(Type.Object({ version: Type.Integer(), schema: Json, created_at: Time }), {
      description: 'The newest 20',
    }),
  }),
);
const PutView = named(
  'PutEventTypes',
  Type.Object({
    data: Type.Array(
      Type.Object({
        name: Type.String(),
        version: Type.Integer(),
        outcome: Type.Enum(['created', 'changed', 'unchanged']),
        changes: Type.Array(
          Type.Object({ kind: Type.Enum(['breaking', 'compatible']), path: Type.String(), what: Type.String() }),
          { description: 'What readers of the schema before notice' },
        ),
      }),
    ),
  }),
);
const Options = {
  contract: ContractName,
  check: Type.Optional(Check),
  allow_breaking: Type.Optional(
    Type.Boolean({ description: 'Also what readers of the schema before may fail by; refused otherwise' }),
  ),
  dry_run: Type.Optional(Type.Boolean({ description: 'Answers what would become of it, and changes nothing' })),
};

/** Event types that the product declares, in contracts that leave triggers free. */
export function eventTypeRoutes(app: App, { eventTypes }: HttpParts): void {
  app.put(
    '/event-types',
    {
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        operationId: 'putEventTypes',
        summary: 'Declare event types',
        description:
          'Creates and changes those that are named; the others stay. They stand in the contract’s catalog and on the Developers page, with their samples, and what is published is checked against their schemas as `check` says.',
        tags,
        body: closed({
          ...Options,
          event_types: Type.Array(
            closed({
              name: Name,
              label: Type.Optional(Type.String({ maxLength: 200 })),
              description: Type.Optional(Type.String({ maxLength: 5_000 })),
              schema: Type.Optional(Nullable(Type.Record(Type.String(), Type.Unknown()))),
              sample: Type.Optional(Type.Unknown()),
              deprecated: Type.Optional(Type.Boolean()),
            }),
            { maxItems: TYPES_MAX },
          ),
        }),
        response: responses({ 200: PutView }, 404, 409),
      },
    },
    async (request) => {
      const { contract = CONTRACT_DEFAULT, event_types, ...options } = request.body;
      noteDetail(request, { event_types: event_types.map(({ name }) => name).join(', ') });
      return { data: await eventTypes.put(contract, event_types, toOptions(options)) };
    },
  );

  app.post(
    '/event-types/import',
    {
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        operationId: 'importEventTypes',
        summary: 'Declare the event types that an OpenAPI or AsyncAPI document describes',
        description:
          '`webhooks` of OpenAPI 3.1, messages of AsyncAPI 2 and 3; references within the document are followed. Where a schema describes the whole body of a request, the payload’s part of it is taken.',
        tags,
        body: closed({ ...Options, document: Type.Record(Type.String(), Type.Unknown()) }),
        response: responses({ 200: PutView }, 404, 409),
      },
    },
    async (request) => {
      const { contract = CONTRACT_DEFAULT, document, ...options } = request.body;
      noteDetail(request, { document: null });
      return { data: await eventTypes.import(contract, document, toOptions(options)) };
    },
  );

  app.get(
    '/event-types',
    {
      schema: {
        operationId: 'listEventTypes',
        summary: 'List the event types of a contract that were declared by the API',
        tags,
        querystring: closed({ contract: ContractName }),
        response: responses({ 200: Type.Object({ data: Type.Array(EventTypeView) }) }, 404, 409),
      },
    },
    async (request) => ({
      data: (await eventTypes.list(request.query.contract ?? CONTRACT_DEFAULT)).map(present),
    }),
  );

  app.get(
    '/event-types/:event_type',
    {
      schema: {
        operationId: 'getEventType',
        summary: 'Show an event type with its schemas',
        tags,
        params: NameParams,
        querystring: closed({ contract: ContractName }),
        response: responses({ 200: EventTypeDetail }, 404, 409),
      },
    },
    async (request) => {
      const { contract = CONTRACT_DEFAULT } = request.query;
      const { versions, ...type } = await eventTypes.find(contract, request.params.event_type);
      return {
        ...present(type),
        schema: parsed(type.schema),
        sample: parsed(type.sample),
        versions: versions.map(({ version, schema, createdAt }) => ({
          version,
          schema: parsed(schema),
          created_at: createdAt.toISOString(),
        })),
      };
    },
  );

  app.delete(
    '/event-types/:event_type',
    {
      schema: {
        operationId: 'deleteEventType',
        summary: 'Take an event type out of the catalog',
        description:
          'It may still be published, and subscriptions to it stay: its trigger is one of the free ones again.',
        tags,
        params: NameParams,
        querystring: closed({ contract: ContractName }),
        response: responses({ 204: Type.Null() }, 404, 409),
      },
    },
    async (request, reply) => {
      await eventTypes.remove(request.query.contract ?? CONTRACT_DEFAULT, request.params.event_type);
      return reply.code(204).send(null);
    },
  );
}

interface GivenOptions {
  check?: 'off' | 'warn' | 'reject';
  allow_breaking?: boolean;
  dry_run?: boolean;
}

function toOptions({ check, allow_breaking, dry_run }: GivenOptions): PutOptions {
  return {
    ...(check === undefined ? {} : { check }),
    allowBreaking: allow_breaking ?? false,
    dryRun: dry_run ?? false,
  };
}

function present({ name, version, label, description, deprecated, createdAt, updatedAt }: EventType) {
  return {
    name,
    version,
    label,
    description,
    deprecated,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

const parsed = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
