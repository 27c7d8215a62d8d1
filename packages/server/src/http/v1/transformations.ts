import { Type } from 'typebox';
import { CODE_MAX, METHODS } from '../../domain/transformation.ts';
import type { TriedRequest } from '../../manage/transformations.ts';
import type { App, HttpParts } from '../app.ts';
import { presentBody, toRecord } from '../present-http.ts';
import { AccountParams, closed, Nullable, named, responses } from '../schemas.ts';

const Request = Type.Object({
  method: Type.Enum([...METHODS]),
  headers: Type.Record(Type.String(), Type.String()),
  body: Type.String(),
  body_encoding: Type.Enum(['utf8', 'base64']),
});
const TriedView = named(
  'TriedTransformation',
  Type.Object({
    before: Request,
    after: Nullable(Request),
    error: Type.Union([Type.String(), Type.Null()], { description: 'Why there is no request' }),
  }),
);

export function transformationRoutes(app: App, { transformations }: HttpParts): void {
  app.post(
    '/accounts/:account/try-transformation',
    {
      schema: {
        operationId: 'tryTransformation',
        summary: 'Run a transformation on an event, and answer the request that it makes',
        description:
          "On the contract's sample, or on an event that was published. Nothing is stored, and nothing is sent.",
        tags: ['Endpoints'],
        params: AccountParams,
        body: closed({
          transformation: Type.String({ maxLength: CODE_MAX }),
          endpoint: Type.Optional(
            Type.String({ maxLength: 64, description: 'Of which the headers are that it may not set again' }),
          ),
          trigger: Type.Optional(Type.String({ maxLength: 256 })),
          topic: Type.Optional(Type.String({ maxLength: 128 })),
          event: Type.Optional(Type.String({ maxLength: 256, description: 'Instead of the sample' })),
        }),
        response: responses({ 200: TriedView }, 409, 422),
      },
    },
    async (request) => {
      const { transformation, endpoint, ...of } = request.body;
      const { before, after, error } = await transformations.try(request.params.account, transformation, endpoint, of);
      return { before: present(before), after: after ? present(after) : null, error: error ?? null };
    },
  );
}

function present({ method, headers, body }: TriedRequest) {
  return { method, headers: toRecord(headers), ...presentBody(body, false) };
}
