import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { checkFilter, compileFilter } from '../../domain/filter.ts';
import { matchesTrigger } from '../../domain/subscription.ts';
import { payloadsOf } from '../../fanout/fan-out.ts';
import type { App, HttpParts } from '../app.ts';
import { AccountParams, closed, named, responses, Time } from '../schemas.ts';
import { Filter } from './filter-schema.ts';

/** Newest events that are looked through. */
const LOOKED_AT = 200;

const TriedView = named(
  'TriedFilter',
  Type.Object({
    looked_at: Type.Integer({ description: 'How many of the newest events were looked through' }),
    data: Type.Array(
      Type.Object({ id: Type.String(), trigger: Type.String(), created_at: Time, passes: Type.Boolean() }),
      {
        description: 'Those that the subscription matches, newest first',
      },
    ),
  }),
);

export function filterRoutes(app: App, { directory, store }: HttpParts): void {
  app.post(
    '/accounts/:account/try-filter',
    {
      schema: {
        operationId: 'tryFilter',
        summary: 'Say which of the newest events would pass the filter of a subscription',
        description: 'Nothing is stored, and nothing is sent.',
        tags: ['Endpoints'],
        params: AccountParams,
        body: closed({
          topic: Type.Optional(Type.String({ maxLength: 128 })),
          trigger: Type.String({ maxLength: 256, description: 'Of the subscription, as `order.*`' }),
          filter: Filter,
        }),
        response: responses({ 200: TriedView }),
      },
    },
    async (request) => {
      const { account: accountId } = request.params;
      const { topic = null, trigger, filter } = request.body;
      if (!(await directory.get(accountId))) throw new Problem('account_not_found');
      checkFilter(filter, '#/filter');
      const passes = compileFilter(filter);
      const { events } = await store.events.list(accountId, { limit: LOOKED_AT }, {});
      const data = events
        .filter((event) => !event.test && matchesTrigger(trigger, event.trigger))
        .map((event) => ({
          id: event.externalId ?? event.id,
          trigger: event.trigger,
          created_at: new Date(event.createdAtMs).toISOString(),
          passes: passes(payloadsOf(event)(topic)),
        }));
      return { looked_at: events.length, data };
    },
  );
}
