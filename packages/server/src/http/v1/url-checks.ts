import { Type } from 'typebox';
import { ERROR_CODES } from '../../domain/outcome.ts';
import type { App, HttpParts } from '../app.ts';
import { AccountParams, closed, Nullable, responses } from '../schemas.ts';
import { Url } from './endpoint-schemas.ts';

export function urlCheckRoutes(app: App, { urlChecks }: HttpParts): void {
  app.post(
    '/accounts/:account/check-url',
    {
      schema: {
        operationId: 'checkUrl',
        summary: 'Say whether there is a server behind a URL: its name, TLS and an answer',
        description:
          'It asks with OPTIONS, which changes nothing there. Whatever comes, an endpoint can be created: the server may not be running yet.',
        tags: ['Developers page'],
        params: AccountParams,
        body: closed({ url: Url }),
        response: responses(
          {
            200: Type.Object({
              error: Nullable(Type.Enum([...ERROR_CODES])),
              error_detail: Nullable(Type.String()),
              status: Nullable(Type.Integer({ description: 'Of whatever answered: 404 and 405 are usual' })),
              duration_ms: Type.Number(),
            }),
          },
          422,
        ),
      },
    },
    async (request) => {
      const outcome = await urlChecks.check(request.params.account, request.body.url);
      // Any answer is one: only POST says what the server thinks of webhooks.
      const error = outcome?.error === 'http_status' ? null : (outcome?.error ?? null);
      return {
        error,
        error_detail: error === null ? null : (outcome?.errorDetail ?? null),
        status: outcome?.response?.status ?? null,
        duration_ms: outcome?.timings.total ?? 0,
      };
    },
  );
}
