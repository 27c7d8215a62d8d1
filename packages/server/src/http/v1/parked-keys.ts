import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { isId } from '../../domain/ids.ts';
import { ERROR_CODES } from '../../domain/outcome.ts';
import type { ParkedKey } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { answerPage, toPage } from '../cursor.ts';
import { closed, EndpointParams, Nullable, named, PageQuery, pageOf, responses, Time } from '../schemas.ts';

const KEY_LENGTH_MAX = 512;
const tags = ['Endpoints'];

const ParkedKeyView = named(
  'ParkedKey',
  Type.Object({
    key: Type.String(),
    delivery_id: Type.String({ description: 'The first in line: those behind it wait until it has ended' }),
    event_id: Type.String(),
    trigger: Type.String(),
    attempt_count: Type.Integer(),
    last_status: Nullable(Type.Integer()),
    last_error: Nullable(Type.Enum([...ERROR_CODES])),
    next_attempt_at: Time,
    behind: Type.Integer({ description: 'Deliveries in line behind it' }),
  }),
);

/** Ordering keys of an endpoint whose first delivery has failed and waits for its next try. */
export function parkedKeyRoutes(app: App, { store, endpoints }: HttpParts): void {
  app.get(
    '/accounts/:account/endpoints/:endpoint/parked-keys',
    {
      schema: {
        operationId: 'listParkedKeys',
        summary: 'List ordering keys whose first delivery has failed, those that wait longest first',
        description:
          'Deliveries of one ordering key are sent one after the other: those behind wait until the first has succeeded, is given up, or its key is released.',
        tags,
        params: EndpointParams,
        querystring: closed(PageQuery),
        response: responses({ 200: pageOf(ParkedKeyView) }),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      await endpoints.find(account, endpoint);
      return await answerPage(
        toPage(request.query, (id) => isId('dlv', id)),
        (page) => store.orderingKeys.parked(account, endpoint, page),
        ({ deliveryId }) => deliveryId,
        present,
      );
    },
  );

  app.post(
    '/accounts/:account/endpoints/:endpoint/parked-keys/release',
    {
      schema: {
        operationId: 'releaseParkedKey',
        summary: 'Let those behind the first delivery of a parked key go on without it',
        description:
          'The first delivery leaves the line: it is tried again as before, and may arrive after those that were behind it.',
        tags,
        params: EndpointParams,
        body: closed({
          key: Type.String({ maxLength: KEY_LENGTH_MAX }),
          delivery_id: Type.Optional(
            Type.String({ maxLength: 64, description: 'Only if this is still the first: by now it may be another' }),
          ),
        }),
        response: responses({
          200: Type.Object({ delivery_id: Type.String({ description: 'The one that nothing waits for any more' }) }),
        }),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      await endpoints.find(account, endpoint);
      const { key, delivery_id: id } = request.body;
      if (id !== undefined && !isId('dlv', id)) throw new Problem('parked_key_not_found');
      const released = await store.orderingKeys.release(account, endpoint, key, id);
      if (released === undefined) throw new Problem('parked_key_not_found');
      return { delivery_id: released };
    },
  );
}

function present(key: ParkedKey) {
  return {
    key: key.key,
    delivery_id: key.deliveryId,
    event_id: key.eventId,
    trigger: key.trigger,
    attempt_count: key.attempts,
    last_status: key.lastStatus,
    last_error: key.lastError,
    next_attempt_at: key.nextAttemptAt.toISOString(),
    behind: key.behind,
  };
}
