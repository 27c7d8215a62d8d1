import cookie from '@fastify/cookie';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { Ajv, type Options } from 'ajv';
import Fastify, { LogController } from 'fastify';
import type { Logger } from 'pino';
import { parseRawBody } from '../accept/read-events.ts';
import { Problem } from '../domain/errors.ts';
import type { App, HttpParts } from './app.ts';
import { requireOperator } from './auth.ts';
import { errorsPage } from './errors-page.ts';
import { loopReturnsFacade } from './facades/loop-returns.ts';
import { loopSubscriptionsFacade } from './facades/loop-subscriptions.ts';
import { healthRoutes } from './health.ts';
import { homeRoutes } from './home.ts';
import { openApi } from './openapi.ts';
import { handleError, sendProblem } from './problem.ts';
import { accountRoutes } from './v1/accounts.ts';
import { contractRoutes, contractSchemaRoute } from './v1/contracts.ts';
import { databaseRoutes } from './v1/database.ts';
import { deliveryRoutes } from './v1/deliveries.ts';
import { endpointRoutes } from './v1/endpoints.ts';
import { eventRoutes } from './v1/events.ts';
import { keyRoutes } from './v1/keys.ts';

const BODY_BYTES_MAX = 256 * 1024;
const KEEP_ALIVE_MS = 72_000;
const REQUEST_TIMEOUT_MS = 60_000;

/** Builds the HTTP server; it listens only when told to. */
export async function buildServer(parts: HttpParts, logger: Logger): Promise<App> {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false,
    frameworkErrors: handleError,
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as App;

  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? STRICT : LENIENT).compile(schema as object),
  );
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: unknown, body: Buffer) =>
    // Clients that always send the header may have nothing to send.
    body.length === 0 ? null : parseRawBody(body).value,
  );
  app.setErrorHandler(handleError);
  app.setNotFoundHandler((request, reply) => {
    const allowed = methodsOf(app, request.url).filter((method) => method !== request.method);
    if (allowed.length === 0) return sendProblem(request, reply, new Problem('route_not_found'));
    reply.header('allow', allowed.join(', '));
    return sendProblem(request, reply, new Problem('method_not_allowed', `This address takes ${allowed.join(', ')}.`));
  });
  app.addHook('onRequest', (_, reply, done) => {
    reply.headers(STRICT_HEADERS);
    done();
  });

  await openApi(app);
  healthRoutes(app, parts);
  errorsPage(app);
  contractSchemaRoute(app);
  await app.register(async (home: App) => {
    await home.register(cookie);
    homeRoutes(home, parts);
  });
  await app.register(
    async (v1: App) => {
      const checkOperator = requireOperator(parts.operatorKeyDigest);
      v1.addHook('onRequest', (request, _, done) => {
        const problem = checkOperator(request) ?? (parts.isUp() ? undefined : new Problem('database_unavailable'));
        done(problem);
      });
      contractRoutes(v1, parts);
      accountRoutes(v1, parts);
      endpointRoutes(v1, parts);
      eventRoutes(v1, parts);
      deliveryRoutes(v1, parts);
      keyRoutes(v1, parts);
      databaseRoutes(v1, parts);
    },
    { prefix: '/v1' },
  );
  await app.register(async (facade: App) => loopReturnsFacade(facade, parts), { prefix: '/api/v1' });
  await app.register(async (facade: App) => loopSubscriptionsFacade(facade, parts), { prefix: '/admin' });
  await app.ready();
  return app;
}

const STRICT_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const FORMATS: Options['formats'] = {
  'date-time': (text: string) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text)),
};
/** Bodies are taken as they are: a string is not a number. The first error ends it: a body may have millions. */
const STRICT = new Ajv({ coerceTypes: false, useDefaults: false, allErrors: false, strict: false, formats: FORMATS });
/** Paths, queries and headers are text, from which numbers are read. */
const LENIENT = new Ajv({ coerceTypes: true, useDefaults: false, allErrors: true, strict: false, formats: FORMATS });

const METHODS = ['GET', 'POST', 'PATCH', 'DELETE'] as const;

function methodsOf(app: App, url: string): string[] {
  const path = url.split('?')[0] ?? url;
  return METHODS.filter((method) => app.findRoute({ url: path, method }));
}
