import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import type { App, HttpParts } from '../app.ts';
import { closed, EndpointParams, Nullable, named, responses } from '../schemas.ts';

const BODY_CHARACTERS_MAX = 200_000;

/** An endpoint's secret, and help with verifying signatures. */
export function signatureRoutes(app: App, { store, endpoints, verification }: HttpParts): void {
  app.get(
    '/accounts/:account/endpoints/:endpoint/secret',
    {
      schema: {
        operationId: 'getSecret',
        summary: "Show an endpoint's current secret",
        description: 'For the Developers page, where customers look it up. It is noted in the audit log.',
        tags: ['Developers page'],
        params: EndpointParams,
        response: responses({ 200: Type.Object({ secret: Type.String() }) }),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      await endpoints.find(account, endpoint);
      const secret = await store.endpoints.secretOf(account, endpoint);
      if (secret === undefined) throw new Problem('endpoint_not_found');
      return { secret };
    },
  );

  app.post(
    '/accounts/:account/endpoints/:endpoint/verify',
    {
      schema: {
        operationId: 'verifySignature',
        summary: 'Say whether a request that arrived verifies, and why not',
        tags: ['Developers page'],
        params: EndpointParams,
        body: closed({
          headers: Type.Record(Type.String({ maxLength: 200 }), Type.String({ maxLength: 8192 })),
          body: Type.String({ maxLength: BODY_CHARACTERS_MAX, description: 'Exactly as it arrived' }),
        }),
        response: responses({
          200: named(
            'SignatureVerdict',
            Type.Object({
              valid: Type.Boolean(),
              diagnosis: Type.String(),
              header: Nullable(Type.String()),
              given: Nullable(Type.String()),
              expected: Nullable(Type.String()),
            }),
          ),
        }),
      },
    },
    async (request) => {
      const account = await endpoints.accountOf(request.params.account);
      const endpoint = account.endpoints.get(request.params.endpoint);
      if (!endpoint) throw new Problem('endpoint_not_found');
      const { headers, body } = request.body;
      return { ...verification.check(endpoint, { headers: Object.entries(headers), body: Buffer.from(body) }) };
    },
  );
}
