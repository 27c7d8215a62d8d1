import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { payloadOf } from '../../accept/read-events.ts';
import { Problem } from '../../domain/errors.ts';
import { decodeId, encodeId, isId } from '../../domain/ids.ts';
import { DELIVERY_STATUSES, type StoredEvent } from '../../domain/model.ts';
import { ERROR_CODES } from '../../domain/outcome.ts';
import { METHODS } from '../../domain/transformation.ts';
import type { KnownAccount } from '../../fanout/directory.ts';
import type { DeliveryRow } from '../../storage/store.ts';
import type { App, HttpParts } from '../app.ts';
import { seesCredentials } from '../caller.ts';
import { answerPage, toPage } from '../cursor.ts';
import { rawBodyOf } from '../json-body.ts';
import {
  AccountParams,
  closed,
  EndpointParams,
  Nullable,
  named,
  PageQuery,
  pageOf,
  responses,
  Time,
} from '../schemas.ts';
import { accountOf } from './account-of.ts';
import { FilterFields, TestFilter, toFilter } from './delivery-filter.ts';
import { presentAttempt, presentDelivery, toAttempt, withoutCredentials } from './present-delivery.ts';

export const DeliveryView = named(
  'Delivery',
  Type.Object({
    id: Type.String(),
    event_id: Type.String(),
    endpoint_id: Type.String(),
    topic: Nullable(Type.String()),
    trigger: Type.String(),
    status: Type.Enum([...DELIVERY_STATUSES]),
    reason: Type.Union([Type.String(), Type.Null()], { description: 'Why it was skipped or discarded' }),
    test: Type.Boolean(),
    attempt_count: Type.Integer(),
    tries: Type.Union([Type.Integer(), Type.Null()], {
      description: 'Attempts of this round, until it is finished: a resend begins a new round',
    }),
    last_status: Type.Union([Type.Integer(), Type.Null()], { description: "The last response's HTTP status" }),
    last_error: Nullable(Type.Enum([...ERROR_CODES])),
    created_at: Time,
    next_attempt_at: Nullable(Time),
    ordering_key: Type.Union([Type.String(), Type.Null()], {
      description:
        'While it waits: of its key, deliveries are sent one after the other, and only the first has a next attempt',
    }),
    finished_at: Nullable(Time),
  }),
);

const Body = {
  body: Type.String(),
  body_encoding: Type.Enum(['utf8', 'base64'], { description: 'base64 when the bytes are not UTF-8' }),
};

const AttemptView = named(
  'Attempt',
  Type.Object({
    number: Type.Integer(),
    started_at: Time,
    url: Type.String(),
    error: Nullable(Type.Enum([...ERROR_CODES])),
    error_detail: Nullable(Type.String()),
    duration_ms: Type.Number(),
    bodies_omitted: Type.Boolean({ description: 'Both bodies are empty here: ask for this attempt alone' }),
    timings_ms: Type.Object(
      {
        dns: Nullable(Type.Number()),
        connect: Nullable(Type.Number()),
        tls: Nullable(Type.Number()),
        first_byte: Nullable(Type.Number()),
        total: Type.Number(),
      },
      { description: 'dns, connect and tls are null when a connection was used again' },
    ),
    request: Type.Object({
      method: Type.Enum([...METHODS]),
      headers: Type.Record(Type.String(), Type.String()),
      ...Body,
    }),
    response: Nullable(
      Type.Object({
        status: Type.Integer(),
        headers: Type.Record(Type.String(), Type.String()),
        ...Body,
        truncated: Type.Boolean({ description: 'The body was longer than the 64 KiB that are kept' }),
      }),
    ),
  }),
);

/** Nobody needs to know exactly how many more there are. */
const COUNTED_MAX = 10_000;
const ATTEMPTS_SHOWN = 100;
/** The others are asked for one by one: a thousand bodies of a MiB would be more than a process can hold. */
const ATTEMPTS_WITH_BODIES = 3;
/** By hand and by replays: each is kept for as long as the history. */
const ATTEMPTS_MAX = 1_000;
const NO_CONTRACT = { headerNames: new Set<string>() };

const DeliveryDetail = named(
  'DeliveryDetail',
  Type.Object({
    ...DeliveryView.properties,
    attempts: Type.Array(AttemptView, { description: 'The newest 100; the newest 3 with their bodies' }),
  }),
);
const DeliveryParams = Type.Object({
  account: Type.String({ maxLength: 128 }),
  delivery: Type.String({ maxLength: 64 }),
});

export function deliveryRoutes(app: App, parts: HttpParts): void {
  listDeliveries(app, parts);
  getDeliveryCount(app, parts);
  getDelivery(app, parts);
  getAttempt(app, parts);
  retryDelivery(app, parts);
  testEndpoint(app, parts);
}

function listDeliveries(app: App, parts: HttpParts): void {
  const { store } = parts;
  app.get(
    '/accounts/:account/deliveries',
    {
      schema: {
        operationId: 'listDeliveries',
        summary: "List an account's deliveries, newest first",
        tags: ['Deliveries'],
        params: AccountParams,
        querystring: closed({
          ...PageQuery,
          ...FilterFields,
          ...TestFilter,
        }),
        response: responses({ 200: pageOf(DeliveryView) }),
      },
    },
    async (request) => {
      const { account } = request.params;
      const known = await accountOf(parts, account);
      const page = toPage(request.query, (id) => isId('dlv', id));
      const filter = await toFilter(store, known, request, request.query);
      if (!filter) return { data: [], next_cursor: null };
      return answerPage(
        page,
        (p) => store.deliveries.list(account, p, filter),
        (d) => d.id,
        presentDelivery,
      );
    },
  );
}

function getDeliveryCount(app: App, parts: HttpParts): void {
  const { store } = parts;
  app.get(
    '/accounts/:account/deliveries/count',
    {
      schema: {
        operationId: 'getDeliveryCount',
        summary: 'Count the deliveries that a list would show',
        tags: ['Deliveries'],
        params: AccountParams,
        querystring: closed({ ...FilterFields, ...TestFilter }),
        response: responses({
          200: Type.Object({
            count: Type.Integer(),
            is_more: Type.Boolean({ description: `There are more than ${COUNTED_MAX}, which is what \`count\` says` }),
          }),
        }),
      },
    },
    async (request) => {
      const account = await accountOf(parts, request.params.account);
      const filter = await toFilter(store, account, request, request.query);
      const count = filter ? await store.deliveries.count(account.id, filter, COUNTED_MAX + 1) : 0;
      return { count: Math.min(count, COUNTED_MAX), is_more: count > COUNTED_MAX };
    },
  );
}

function getDelivery(app: App, parts: HttpParts): void {
  app.get(
    '/accounts/:account/deliveries/:delivery',
    {
      schema: {
        operationId: 'getDelivery',
        summary: 'Show a delivery with its attempts',
        tags: ['Deliveries'],
        params: DeliveryParams,
        response: responses({ 200: DeliveryDetail }),
      },
    },
    async (request) => {
      const { account, delivery: id } = request.params;
      const delivery = await findDelivery(parts, account, id);
      return { ...presentDelivery(delivery), attempts: await attemptsOf(parts, request, delivery) };
    },
  );
}

function getAttempt(app: App, parts: HttpParts): void {
  app.get(
    '/accounts/:account/deliveries/:delivery/attempts/:number',
    {
      schema: {
        operationId: 'getAttempt',
        summary: 'Show one attempt with its bodies',
        tags: ['Deliveries'],
        params: Type.Object({
          ...DeliveryParams.properties,
          number: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
        }),
        response: responses({ 200: AttemptView }),
      },
    },
    async (request) => {
      const { account, delivery: id, number } = request.params;
      const [attempt] = await attemptsOf(parts, request, await findDelivery(parts, account, id), number);
      if (!attempt) throw new Problem('attempt_not_found');
      return attempt;
    },
  );
}

function retryDelivery(app: App, parts: HttpParts): void {
  const { store, dispatcher, node } = parts;
  app.post(
    '/accounts/:account/deliveries/:delivery/retry',
    {
      schema: {
        operationId: 'retryDelivery',
        summary: 'Send a delivery again, now',
        description:
          'Works at any time: while it waits, after it has ended, and while its endpoint is inactive. It begins a new round of tries.',
        tags: ['Deliveries'],
        params: DeliveryParams,
        response: responses({ 202: DeliveryView }, 409),
      },
    },
    async (request, reply) => {
      const { account, delivery: id } = request.params;
      const before = await findDelivery(parts, account, id);
      if (before.attempts >= ATTEMPTS_MAX) {
        throw new Problem('not_retryable', `It has been sent ${ATTEMPTS_MAX} times: publish the event again instead.`);
      }
      // In this node's memory already, it is sent before the others.
      const uuid = decodeId('dlv', id) ?? new Uint8Array();
      const isMoved = dispatcher.advance(before.endpointId, uuid);
      if (!isMoved && before.status !== 'delivering') {
        const owner = await store.queue.retry(account, id, node.id, dispatcher.ownsLanes);
        if (owner) dispatcher.adopt([owner]);
        if (owner) dispatcher.noteBacklog([owner.endpointId]);
      }
      const after = await findDelivery(parts, account, id);
      // A very fast receiver has answered already; then there is one attempt more.
      const isOnItsWay = isMoved || after.status === 'delivering' || after.attempts > before.attempts;
      if (!isOnItsWay) throw new Problem('not_retryable', await whyNot(parts, after));
      return reply.code(202).send(presentDelivery(after));
    },
  );
}

function testEndpoint(app: App, parts: HttpParts): void {
  const { samples } = parts;
  app.post(
    '/accounts/:account/endpoints/:endpoint/test',
    {
      schema: {
        operationId: 'testEndpoint',
        summary: 'Send one test delivery and answer its outcome',
        description:
          'Works for inactive endpoints too. It is tried once, marked as a test in the history, and counts for nothing.',
        tags: ['Endpoints'],
        params: EndpointParams,
        body: Type.Optional(
          Nullable(
            closed({
              topic: Type.Optional(Type.String({ maxLength: 128 })),
              trigger: Type.Optional(Type.String({ maxLength: 256 })),
              payload: Type.Optional(Type.Unknown({ description: "Instead of the contract's sample" })),
            }),
          ),
        ),
        response: responses(
          {
            200: Type.Object({
              succeeded: Type.Boolean(),
              event_id: Type.String(),
              delivery_id: Type.String(),
              attempt: AttemptView,
            }),
          },
          409,
          422,
        ),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      const { payload, ...input } = request.body ?? {};
      const own = payload === undefined ? {} : { payload: payloadOf(rawBodyOf(request)) };
      const settled = await samples.sendTest(account, endpoint, { ...input, ...own });
      const { delivery, outcome } = settled;
      const known = await parts.directory.get(account);
      return {
        succeeded: outcome.error === undefined,
        event_id: delivery.event.id,
        delivery_id: encodeId('dlv', delivery.uuid),
        attempt: presentAttempt(
          toAttempt(settled),
          bodyOf(known, delivery.event, delivery.topic),
          seesCredentials(request) ? undefined : withoutCredentials(known?.contract ?? NO_CONTRACT),
        ),
      };
    },
  );
}

async function findDelivery({ store }: HttpParts, account: string, id: string): Promise<DeliveryRow> {
  const delivery = isId('dlv', id) ? await store.deliveries.find(account, id) : undefined;
  if (!delivery) throw new Problem('delivery_not_found');
  return delivery;
}

async function attemptsOf(
  { store, directory }: HttpParts,
  request: FastifyRequest,
  { accountId, id, eventId, topic }: DeliveryRow,
  number?: number,
) {
  const [attempts, event, account] = await Promise.all([
    store.deliveries.attempts(id, { limit: ATTEMPTS_SHOWN, withBodies: ATTEMPTS_WITH_BODIES }, number),
    store.events.find(accountId, eventId),
    directory.get(accountId),
  ]);
  const body = bodyOf(account, event, topic);
  const sees = seesCredentials(request) ? undefined : withoutCredentials(account?.contract ?? NO_CONTRACT);
  return attempts.map((attempt) => presentAttempt(attempt, body, sees));
}

/** The bytes that are signed and sent: made again from the event, not stored with every attempt. */
function bodyOf(account: KnownAccount | undefined, event: StoredEvent | undefined, topic: string | null): Buffer {
  if (!account || !event) return Buffer.alloc(0);
  return account.contract.encodeBody({ event, topic, account: account.facts });
}

/** Why it cannot be sent again. */
async function whyNot({ store }: HttpParts, delivery: DeliveryRow): Promise<string> {
  if (delivery.reason === 'no_payload') return 'The event has no payload for the topic of this delivery.';
  if (!(await store.endpoints.find(delivery.accountId, delivery.endpointId))) return 'Its endpoint has been deleted.';
  if (delivery.status !== 'delivering' && delivery.orderingKey !== null && delivery.nextAttemptAt === null)
    return 'It waits in line for an earlier delivery of its ordering key: release the key, or send that one again.';
  return 'Its event is no longer kept.';
}
