import { Type } from 'typebox';
import type { Accepted } from '../../accept/acceptor.ts';
import { type Publication, toPublication } from '../../accept/publication.ts';
import { parseRawBody, payloadOf, payloadsOf } from '../../accept/read-events.ts';
import type { ForLater, Scheduled } from '../../accept/scheduler.ts';
import { Problem } from '../../domain/errors.ts';
import { EVENT_ID_PATTERN, TRIGGER_LENGTH_MAX } from '../../domain/event-form.ts';
import { isId } from '../../domain/ids.ts';
import type { StoredEvent } from '../../domain/model.ts';
import type { KnownAccount } from '../../fanout/directory.ts';
import type { App, HttpParts } from '../app.ts';
import { encodeCursor, toPage } from '../cursor.ts';
import { keepRawBody, rawBodyOf, takeJson } from '../json-body.ts';
import { toProblem } from '../problem.ts';
import { sendJson } from '../raw-json.ts';
import { AccountParams, closed, named, PageQuery, pageOf, responses, Time } from '../schemas.ts';

const BATCH_MAX = 1_000;
const BATCH_BYTES_MAX = 16 * 1024 * 1024;
/** Room for everything in a body besides the payload. */
const ENVELOPE_BYTES = 64 * 1024;

const EventInput = named(
  'EventInput',
  closed({
    id: Type.Optional(
      Type.String({
        pattern: EVENT_ID_PATTERN,
        description:
          "Your own id of the event, not in the form of ours; receivers see it as the event's id. A repeat answers the same, without a second event.",
      }),
    ),
    trigger: Type.String({ minLength: 1, maxLength: TRIGGER_LENGTH_MAX }),
    payload: Type.Optional(
      Type.Unknown({ description: 'Any JSON. Numbers and key order reach the receiver as you wrote them.' }),
    ),
    payloads: Type.Optional(
      Type.Record(Type.String({ maxLength: 128 }), Type.Unknown(), {
        description: 'Instead of payload, in contracts with topics: topic and payload',
      }),
    ),
    scheduled_for: Type.Optional({
      ...Time,
      description:
        'Publish it then, up to 366 days ahead, and not now; until then it can be cancelled (`cancelScheduledEvent`)',
    }),
  }),
);

const IdempotencyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'A repeat within 24 hours answers the same, without a second event',
    }),
  ),
  traceparent: Type.Optional(
    Type.String({
      maxLength: 512,
      description: 'W3C Trace Context: your trace refers to that of the event, where traces are kept',
    }),
  ),
});

const AcceptedView = named(
  'Accepted',
  Type.Object({
    id: Type.String(),
    deliveries: Type.Integer({ description: 'How many endpoints it, and what it implies, is sent to' }),
    scheduled_for: Type.Optional({ ...Time, description: 'As it was asked for' }),
    warnings: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), detail: Type.String() }), {
        description: 'Where the payload does not fit its schema, in contracts that only warn',
      }),
    ),
  }),
);

export const EventView = named(
  'Event',
  Type.Object({
    id: Type.String(),
    trigger: Type.String(),
    test: Type.Boolean(),
    created_at: Time,
    payload: Type.Optional(Type.Unknown()),
    payloads: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  }),
);

export function eventRoutes(
  app: App,
  { store, directory, acceptor, scheduler, contracts, metrics, clock }: HttpParts,
): void {
  const payloadBytesMax = Math.max(...[...contracts.values()].map((c) => c.limits.payloadBytes));

  app.register(async (scoped: App) => {
    // What a form may not hold is looked for while the payloads are cut out, and in many bodies need not be.
    takeJson(scoped, (body, request) => keepRawBody(request, parseRawBody(body)));

    scoped.post(
      '/accounts/:account/events',
      {
        bodyLimit: payloadBytesMax + ENVELOPE_BYTES,
        schema: {
          operationId: 'publishEvent',
          summary: 'Publish an event',
          description:
            '202 means that the event and its deliveries are committed: nothing that was acknowledged is lost.',
          tags: ['Events'],
          params: AccountParams,
          headers: IdempotencyHeader,
          body: EventInput,
          response: responses({ 202: AcceptedView }, 409, 422),
        },
      },
      async (request, reply) => {
        const account = await accountOf(request.params.account);
        const payload = payloadOf(rawBodyOf(request));
        const key = request.headers['idempotency-key'];
        const nowMs = clock.now();
        const publication = toPublication(account, request.body, payload, '#', nowMs, key);
        const { traceparent } = request.headers;
        if (traceparent !== undefined) publication.traceparent = traceparent;
        const atMs = scheduler.timeOf(request.body, '#', nowMs);
        const event = { publication, key, atMs };
        const accepted = isForLater(event)
          ? await publish(event, await scheduler.schedule(account.id, [event]))
          : await publishNow(publication);
        return reply.code(202).send(present(accepted, publication));
      },
    );

    scoped.post(
      '/accounts/:account/events/batch',
      {
        bodyLimit: BATCH_BYTES_MAX,
        schema: {
          operationId: 'publishEvents',
          summary: 'Publish up to 1,000 events',
          description:
            'Either every event is valid, or none is accepted. The answers stand in the order of the events; one that could not be accepted has an error instead, and a repeat of the batch under the same key completes it.',
          tags: ['Events'],
          params: AccountParams,
          headers: IdempotencyHeader,
          body: closed({ events: Type.Array(EventInput, { minItems: 1, maxItems: BATCH_MAX }) }),
          response: responses(
            {
              202: Type.Object({
                data: Type.Array(
                  Type.Object({
                    id: Type.Optional(Type.String()),
                    deliveries: Type.Optional(Type.Integer()),
                    scheduled_for: AcceptedView.properties.scheduled_for,
                    warnings: AcceptedView.properties.warnings,
                    error: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String() })),
                  }),
                ),
              }),
            },
            409,
            422,
          ),
        },
      },
      async (request, reply) => {
        const account = await accountOf(request.params.account);
        const payloads = payloadsOf(rawBodyOf(request));
        const key = request.headers['idempotency-key'];
        const { events } = request.body;
        const { traceparent } = request.headers;
        // No header holds a control character: a batch's keys are nobody else's.
        const keys = events.map((_, i) => (key === undefined ? undefined : `${key}\u0001${i}`));
        const nowMs = clock.now();
        const toPublish = events.map((event, i) => {
          const payload = payloads[i] ?? { bytes: Buffer.alloc(0), isCanonical: false };
          const publication = toPublication(account, event, payload, `#/events/${i}`, nowMs, keys[i]);
          if (traceparent !== undefined) publication.traceparent = traceparent;
          return { publication, key: keys[i], atMs: scheduler.timeOf(event, `#/events/${i}`, nowMs) };
        });
        const later = toPublish.filter(isForLater);
        const scheduled = later.length === 0 ? new Map() : await scheduler.schedule(account.id, later);
        const answers = await Promise.allSettled(toPublish.map((event) => publish(event, scheduled)));
        const refused = answers.filter((answer) => answer.status === 'rejected');
        // Nothing was stored: the request as a whole has failed, for the reason of its first event. Of what may be stored all the
        // same, or may be later, only a repeat knows.
        const unsure = refused.find(({ reason }) => !(reason instanceof Problem) || reason.status >= 500);
        if (refused.length === answers.length && !isConflict(refused[0]?.reason)) throw (unsure ?? refused[0])?.reason;
        const data = answers.map((answer, i) => toBatchAnswer(answer, toPublish[i]?.publication));
        return reply.code(202).send({ data });
      },
    );
  });

  app.get(
    '/accounts/:account/events',
    {
      schema: {
        operationId: 'listEvents',
        summary: "List an account's events, newest first",
        tags: ['Events'],
        params: AccountParams,
        querystring: closed({
          ...PageQuery,
          trigger: Type.Optional(Type.String({ maxLength: 256 })),
          from: Type.Optional(Time),
          to: Type.Optional(Time),
        }),
        response: responses({ 200: pageOf(EventView) }),
      },
    },
    async (request, reply) => {
      await accountOf(request.params.account);
      const { trigger, from, to } = request.query;
      const filter = {
        ...(trigger === undefined ? {} : { trigger }),
        ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
        ...(to === undefined ? {} : { toMs: Date.parse(to) }),
      };
      const page = toPage(request.query, (id) => isId('evt', id));
      const { events, more } = await store.events.list(request.params.account, page, filter);
      const last = events.at(-1);
      const next = more && last ? encodeCursor(last.id) : null;
      return sendJson(reply, `{"data":[${events.map(eventJson).join(',')}],"next_cursor":${JSON.stringify(next)}}`);
    },
  );

  app.get(
    '/accounts/:account/events/:event',
    {
      schema: {
        operationId: 'getEvent',
        summary: 'Show an event by its id or your own',
        description: 'An API key of the account with the scope `posthorn:feed` may read it, too.',
        tags: ['Events'],
        params: Type.Object({ account: Type.String({ maxLength: 128 }), event: Type.String({ maxLength: 128 }) }),
        response: responses({ 200: EventView }),
      },
    },
    async (request, reply) => {
      const event = await store.events.find(request.params.account, request.params.event);
      if (!event) throw new Problem('event_not_found');
      return sendJson(reply, eventJson(event));
    },
  );

  async function publishNow(publication: Publication): Promise<Accepted> {
    const accepted = await acceptor.accept(publication);
    metrics.tally.accepted++;
    return accepted;
  }

  /** @param scheduled what the scheduler has put down, answered or refused */
  async function publish(
    event: ToPublish,
    scheduled: ReadonlyMap<ToPublish, Scheduled | Problem>,
  ): Promise<Accepted | Scheduled> {
    const answer = scheduled.get(event);
    if (answer instanceof Problem) throw answer;
    if (answer) return answer;
    const accepted = await publishNow(event.publication);
    return isForLater(event) ? { ...accepted, scheduledForMs: event.atMs } : accepted;
  }

  async function accountOf(id: string): Promise<KnownAccount> {
    const known = directory.peek(id) ?? (await directory.get(id));
    if (!known) throw new Problem('account_not_found');
    return known;
  }
}

interface ToPublish extends Omit<ForLater, 'atMs'> {
  /** Undefined: now. */
  atMs: number | undefined;
}

const isForLater = (event: ToPublish): event is ForLater => event.atMs !== undefined;

function isConflict(error: unknown): boolean {
  return error instanceof Problem && error.code === 'idempotency_conflict';
}

function present(accepted: Accepted | Scheduled, { warnings }: Publication) {
  if (warnings.length === 0 && !('scheduledForMs' in accepted)) return accepted;
  const { id, deliveries } = accepted;
  return {
    id,
    deliveries,
    ...('scheduledForMs' in accepted ? { scheduled_for: new Date(accepted.scheduledForMs).toISOString() } : {}),
    ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
  };
}

function toBatchAnswer(answer: PromiseSettledResult<Accepted>, publication: Publication | undefined) {
  if (answer.status === 'fulfilled') return publication ? present(answer.value, publication) : answer.value;
  const { code, message } = toProblem(answer.reason);
  return { error: { code, detail: message } };
}

/** The payload's own text goes into the answer: parsing it here would round its numbers. */
export function eventJson(event: StoredEvent): string {
  const { id, externalId, trigger, test, createdAtMs } = event;
  const head = JSON.stringify({ id: externalId ?? id, trigger, test, created_at: new Date(createdAtMs).toISOString() });
  return `${head.slice(0, -1)},"${event.byTopic ? 'payloads' : 'payload'}":${event.payload.toString('utf8')}}`;
}
