import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { isId } from '../../domain/ids.ts';
import type { ScheduledEvent } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { answerPage, toPage } from '../cursor.ts';
import { sendJson } from '../raw-json.ts';
import { AccountParams, closed, named, PageQuery, pageOf, responses, Time } from '../schemas.ts';

const ScheduledEventView = named(
  'ScheduledEvent',
  Type.Object({
    id: Type.String({ description: "The event's id from then on: your own, or this one" }),
    scheduled_id: Type.String({ description: 'Of this entry' }),
    trigger: Type.String(),
    scheduled_for: Type.Union([Time, Type.Null()], {
      description: 'null: at once; published with SQL, and not picked up yet',
    }),
    created_at: Time,
    error: Type.Union([Type.Object({ code: Type.String(), detail: Type.String() }), Type.Null()], {
      description: 'Why it could not be published when its time had come. It stays for 30 days.',
    }),
    next_try_at: Type.Union([Time, Type.Null()], {
      description:
        'When what the contract has refused is tried again, in case that a newer one accepts it: for 24 hours, each time after twice as long',
    }),
    payload: Type.Optional(Type.Unknown({ description: 'Only when one is asked for' })),
    payloads: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  }),
);
const Params = Type.Object({
  account: Type.String({ maxLength: 128 }),
  scheduled_event: Type.String({ maxLength: 64 }),
});

/** A place in the list: when it is due, and its id. */
const placeOf = ({ dueAtMs, id }: ScheduledEvent) => `${dueAtMs}~${id}`;
const isPlace = (text: string) => /^\d{1,15}~/.test(text) && isId('sch', text.slice(text.indexOf('~') + 1));

/** Events that are to be published later, and those that an application has published with SQL. */
export function scheduledEventRoutes(app: App, { store, directory }: HttpParts): void {
  app.get(
    '/accounts/:account/scheduled-events',
    {
      schema: {
        operationId: 'listScheduledEvents',
        summary: 'List the events that are to be published later, and those that could not be, the soonest first',
        tags: ['Events'],
        params: AccountParams,
        querystring: closed(PageQuery),
        response: responses({ 200: pageOf(ScheduledEventView) }),
      },
    },
    async (request) => {
      const { account } = request.params;
      if (!(await directory.get(account))) throw new Problem('account_not_found');
      return await answerPage(
        toPage(request.query, isPlace),
        ({ limit, before: after }) =>
          store.scheduledEvents.list(account, { limit, ...(after === undefined ? {} : { after }) }),
        placeOf,
        present,
      );
    },
  );

  app.get(
    '/accounts/:account/scheduled-events/:scheduled_event',
    {
      schema: {
        operationId: 'getScheduledEvent',
        summary: 'Show an event that is to be published later, with its payload',
        tags: ['Events'],
        params: Params,
        response: responses({ 200: ScheduledEventView }),
      },
    },
    async (request, reply) => {
      const { account, scheduled_event: id } = request.params;
      const event = isId('sch', id) ? await store.scheduledEvents.find(account, id) : undefined;
      if (!event) throw new Problem('scheduled_event_not_found');
      // The payload's own text: parsing it here would round its numbers.
      const at = event.input.search(/"payloads?"\s*:/);
      return sendJson(reply, `${JSON.stringify(present(event)).slice(0, -1)},${event.input.slice(at)}`);
    },
  );

  app.delete(
    '/accounts/:account/scheduled-events/:scheduled_event',
    {
      schema: {
        operationId: 'cancelScheduledEvent',
        summary: 'Cancel an event that has not been published yet',
        tags: ['Events'],
        params: Params,
        response: responses({ 204: Type.Null() }),
      },
    },
    async (request, reply) => {
      const { account, scheduled_event: id } = request.params;
      const isGone = isId('sch', id) && (await store.scheduledEvents.cancel(account, id));
      if (!isGone) throw new Problem('scheduled_event_not_found');
      return reply.code(204).send(null);
    },
  );
}

function present({ id, externalId, trigger, dueAtMs, createdAtMs, error, nextTryAtMs }: ScheduledEvent) {
  return {
    id: externalId ?? id,
    scheduled_id: id,
    trigger,
    scheduled_for: dueAtMs === 0 ? null : new Date(dueAtMs).toISOString(),
    created_at: new Date(createdAtMs).toISOString(),
    error,
    next_try_at: nextTryAtMs === null ? null : new Date(nextTryAtMs).toISOString(),
  };
}
