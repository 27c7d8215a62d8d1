import { Type } from 'typebox';
import { METHODS } from '../../domain/transformation.ts';
import type { App, HttpParts } from '../app.ts';
import { presentBody, toRecord } from '../present-http.ts';
import { AccountParams, closed, Nullable, named, responses } from '../schemas.ts';

const EventParams = Type.Object({
  account: Type.String({ maxLength: 128 }),
  event: Type.String({ maxLength: 128 }),
});
const RenderedRequest = named(
  'RenderedRequest',
  Type.Object({
    topic: Nullable(Type.String()),
    method: Type.Enum([...METHODS]),
    headers: Type.Record(Type.String(), Type.String()),
    body: Type.String(),
    body_encoding: Type.Enum(['utf8', 'base64']),
  }),
);

export function previewRoutes(app: App, { previews }: HttpParts): void {
  app.post(
    '/accounts/:account/events/:event/requests',
    {
      schema: {
        operationId: 'renderEvent',
        summary: 'Write the requests that an event makes, without sending them',
        description:
          'For receivers that no delivery reaches, as one on a developer’s machine (`posthorn listen`). One for each topic that the event has a payload of.',
        tags: ['Events'],
        params: EventParams,
        body: Type.Optional(
          Nullable(
            closed({
              endpoint: Type.Optional(
                Type.String({
                  maxLength: 64,
                  description: 'As this endpoint gets them: its subscriptions, headers, version and secret',
                }),
              ),
              secret: Type.Optional(
                Type.String({ maxLength: 256, description: 'Without an endpoint: this signs them' }),
              ),
            }),
          ),
        ),
        response: responses({ 200: Type.Object({ data: Type.Array(RenderedRequest) }) }, 422),
      },
    },
    async (request) => {
      const { account, event } = request.params;
      const { endpoint, secret } = request.body ?? {};
      const options = {
        ...(endpoint === undefined ? {} : { endpointId: endpoint }),
        ...(secret === undefined ? {} : { secret }),
      };
      const rendered = await previews.requestsOf(account, event, options);
      return {
        data: rendered.map(({ topic, method, headers, body }) => ({
          topic,
          method,
          headers: toRecord(headers),
          ...presentBody(body, false),
        })),
      };
    },
  );

  app.get(
    '/accounts/:account/preview',
    {
      schema: {
        operationId: 'getPreview',
        summary: 'Show the request that an event makes, without sending it',
        description:
          "Of the contract's sample, or of an event that was published. It is signed with a secret that nobody has.",
        tags: ['Developers page'],
        params: AccountParams,
        querystring: closed({
          trigger: Type.Optional(Type.String({ maxLength: 256 })),
          topic: Type.Optional(Type.String({ maxLength: 128 })),
          event: Type.Optional(Type.String({ maxLength: 256, description: 'Instead of the sample' })),
        }),
        response: responses(
          {
            200: Type.Object({
              headers: Type.Record(Type.String(), Type.String()),
              body: Type.String(),
              body_encoding: Type.Enum(['utf8', 'base64']),
              payload: Type.String({
                description:
                  'What it is made of, as it was published: JSON text, for a test with a payload of your own',
              }),
            }),
          },
          422,
        ),
      },
    },
    async (request) => {
      const { headers, body, payload } = await previews.show(request.params.account, request.query);
      return { headers: toRecord(headers), ...presentBody(body, false), payload: payload.toString('utf8') };
    },
  );
}
