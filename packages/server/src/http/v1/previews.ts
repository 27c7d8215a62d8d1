import { Type } from 'typebox';
import type { App, HttpParts } from '../app.ts';
import { presentBody, toRecord } from '../present-http.ts';
import { AccountParams, closed, responses } from '../schemas.ts';

export function previewRoutes(app: App, { previews }: HttpParts): void {
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
