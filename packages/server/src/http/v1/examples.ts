import { Type } from 'typebox';
import { encodeId } from '../../domain/ids.ts';
import type { App, HttpParts } from '../app.ts';
import { AccountParams, closed, Nullable, responses } from '../schemas.ts';

export function exampleRoutes(app: App, { samples }: HttpParts): void {
  app.post(
    '/accounts/:account/examples',
    {
      schema: {
        operationId: 'sendExample',
        summary: "Send an event's sample to every endpoint that gets it",
        description: 'As tests: tried once, marked in the history, counting for nothing.',
        tags: ['Developers page'],
        params: AccountParams,
        body: closed({
          topic: Type.Optional(Type.String({ maxLength: 128 })),
          trigger: Type.String({ maxLength: 256 }),
        }),
        response: responses(
          {
            200: Type.Object({
              data: Type.Array(
                Type.Object({
                  endpoint_id: Type.String(),
                  delivery_id: Type.String(),
                  succeeded: Type.Boolean(),
                  status: Nullable(Type.Integer()),
                  error: Nullable(Type.String()),
                }),
              ),
            }),
          },
          422,
        ),
      },
    },
    async (request) => {
      const sent = await samples.sendExample(request.params.account, request.body);
      return {
        data: sent.map(({ delivery, outcome }) => ({
          endpoint_id: delivery.endpointId,
          delivery_id: encodeId('dlv', delivery.uuid),
          succeeded: outcome.error === undefined,
          status: outcome.response?.status ?? null,
          error: outcome.error ?? null,
        })),
      };
    },
  );
}
