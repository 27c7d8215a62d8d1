import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { App } from './app.ts';
import { nameSchemas } from './name-schemas.ts';
import { ProblemSchema } from './problem.ts';
import { problemsOf } from './schemas.ts';
import { FILTER } from './v1/filter-schema.ts';

/** Generates the OpenAPI document from the routes' own schemas, and serves it with a readable reference. */
export async function openApi(app: App): Promise<void> {
  app.addSchema({ $id: 'Problem', ...ProblemSchema });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Posthorn',
        version: '1.0.0',
        description:
          "Outbound webhooks for your product's own customers. Errors are RFC 9457 problem details; lists are paged with `limit` and `cursor`; times are ISO 8601 in UTC, from 1970 to 9999. Bodies may be compressed (`Content-Encoding`: gzip, br, and zstd where the server's Node has it). What never becomes a request of an operation is answered with 400, 408 or 431.",
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'Contracts', description: 'What the product promises to its receivers' },
        { name: 'Accounts', description: "The product's customers" },
        { name: 'Endpoints', description: 'Where their webhooks go' },
        { name: 'Events', description: 'What happened, published once' },
        { name: 'Deliveries', description: 'One event for one endpoint, with every attempt' },
        { name: 'API keys', description: 'Of accounts, for the API of your product' },
        { name: 'Developers page', description: 'Sessions, numbers, the audit log' },
        { name: 'Inspector', description: 'Request bins' },
        { name: 'Sources', description: 'Brokers and tables that events are read from' },
        { name: 'Operation', description: 'Health and metrics' },
      ],
      components: {
        securitySchemes: { operator: { type: 'http', scheme: 'bearer', description: 'The operator key' } },
      },
      security: [{ operator: [] }],
    },
    transformObject: (document) =>
      'openapiObject' in document ? nameSchemas(document.openapiObject, { Filter: FILTER }) : document.swaggerObject,
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `def-${i}`),
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async (_, reply) =>
    reply.type('application/json; charset=utf-8').serializer(JSON.stringify).send(app.swagger()),
  );
  await app.register(swaggerUi, {
    routePrefix: '/docs/api',
    staticCSP: true,
    uiConfig: { docExpansion: 'list', deepLinking: true, tryItOutEnabled: true },
    theme: {
      title: 'Posthorn API',
      css: [{ filename: 'posthorn.css', content: '.swagger-ui .topbar { display: none }' }],
    },
  });
}

/**
 * Adds to every route of this scope the problems that its kind can answer: without a key, without the permission, about
 * something that does not exist, too often, with a body that cannot be read, without the database.
 */
export function documentProblems(app: App): void {
  app.addHook('onRoute', (route) => {
    const takesBody = route.method !== 'GET' && route.method !== 'HEAD';
    const kinds = [
      400,
      401,
      403,
      429,
      ...(route.url.includes('/:') ? [404] : []),
      ...(takesBody ? [413, 415] : []),
      503,
    ];
    if (route.schema) route.schema.response = { ...problemsOf(kinds), ...(route.schema.response as object) };
  });
}
