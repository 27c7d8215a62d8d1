import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { LogController } from 'fastify';
import type { Logger } from 'pino';
import { Problem } from '../domain/errors.ts';
import { AnswersInFlight } from './answers-in-flight.ts';
import type { App, HttpParts } from './app.ts';
import { noteChanges } from './audit.ts';
import { requireOperator } from './auth.ts';
import { takeRequests } from './bin-requests.ts';
import { checkAndWriteBySchema } from './by-schema.ts';
import { authorize, denyUnknown, OPERATOR, setCaller } from './caller.ts';
import { compressReads } from './compression.ts';
import { answerConnectionError, hasOneHost } from './connection-problem.ts';
import { docsFiles } from './docs-files.ts';
import { loopReturnsFacade } from './facades/loop-returns.ts';
import { loopSubscriptionsFacade } from './facades/loop-subscriptions.ts';
import { healthRoutes } from './health.ts';
import { readForm, takeJson } from './json-body.ts';
import { KeyGuard } from './key-guard.ts';
import { documentProblems, openApi } from './openapi.ts';
import { pageFiles } from './page-files.ts';
import { handleError, sendProblem } from './problem.ts';
import { signInRoutes } from './sign-in.ts';
import { accountRoutes } from './v1/accounts.ts';
import { binRoutes } from './v1/bins.ts';
import { cellRoutes } from './v1/cells.ts';
import { contractRoutes, contractSchemaRoute } from './v1/contracts.ts';
import { databaseRoutes } from './v1/database.ts';
import { deliveryRoutes } from './v1/deliveries.ts';
import { endpointRoutes } from './v1/endpoints.ts';
import { eventTypeRoutes } from './v1/event-types.ts';
import { eventRoutes } from './v1/events.ts';
import { exampleRoutes } from './v1/examples.ts';
import { exportRoutes } from './v1/exports.ts';
import { feedRoutes } from './v1/feed.ts';
import { filterRoutes } from './v1/filters.ts';
import { keyRoutes } from './v1/keys.ts';
import { liveRoutes } from './v1/live.ts';
import { noticeRoutes } from './v1/notices.ts';
import { operatorKeyRoutes } from './v1/operator-keys.ts';
import { pageRoutes } from './v1/page.ts';
import { parkedKeyRoutes } from './v1/parked-keys.ts';
import { previewRoutes } from './v1/previews.ts';
import { replayRoutes } from './v1/replays.ts';
import { scheduledEventRoutes } from './v1/scheduled-events.ts';
import { signatureRoutes } from './v1/signatures.ts';
import { sourceRoutes } from './v1/sources.ts';
import { statsRoutes } from './v1/stats.ts';
import { transformationRoutes } from './v1/transformations.ts';
import { urlCheckRoutes } from './v1/url-checks.ts';

const BODY_BYTES_MAX = 256 * 1024;
const KEEP_ALIVE_MS = 72_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Whoever neither reads nor writes for so long is gone. Live views and slow bins say something before. */
const SILENCE_MS = 120_000;
/** Node's own limit of a request's head: no parameter of a path is longer, and what it may hold its schema says. */
const HEAD_BYTES_MAX = 16 * 1024;

/** What slows down guessers of the operator key, wherever they come. */
export async function openKeyGuard(
  { clock, store }: Pick<HttpParts, 'clock' | 'store'>,
  logger: Logger,
): Promise<KeyGuard> {
  const keyGuard = new KeyGuard(clock, store.settings, (error) =>
    logger.warn({ err: error }, 'a trusted address could not be kept'),
  );
  await keyGuard.load();
  return keyGuard;
}

/** Builds the HTTP server; it listens only when told to. */
export async function buildServer(parts: HttpParts, logger: Logger, keyGuard: KeyGuard): Promise<App> {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: SILENCE_MS,
    return503OnClosing: false,
    frameworkErrors: handleError,
    clientErrorHandler: answerConnectionError,
    // Refused below instead, with an answer in the same form as all others.
    http: { requireHostHeader: false },
    routerOptions: { maxParamLength: HEAD_BYTES_MAX },
    // A proxy says for whom it asks; who comes directly is who they are.
    trustProxy: [...parts.trustedProxies],
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as App;

  checkAndWriteBySchema(app);
  app.removeContentTypeParser('text/plain');
  takeJson(app, readForm);
  // Any expectation but 100-continue may be ignored (RFC 9110, 10.1.1); Node would answer it with a 417 of its own.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  app.setErrorHandler(async (error, request, reply) => {
    const { account } = request.params as { account?: string };
    const isMissing = error instanceof Problem && error.code === 'account_not_found' && account !== undefined;
    // Whoever led it here had not heard yet.
    return handleError(
      isMissing && (await parts.hasMoved(account)) ? new Problem('account_moving') : error,
      request,
      reply,
    );
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = methodsOf(app, request.url).filter((method) => method !== request.method);
    if (allowed.length === 0) return sendProblem(request, reply, new Problem('route_not_found'));
    reply.header('allow', allowed.join(', '));
    return sendProblem(request, reply, new Problem('method_not_allowed', `This address takes ${allowed.join(', ')}.`));
  });
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(STRICT_HEADERS);
    done(hasOneHost(request.raw) ? undefined : new Problem('malformed_request'));
  });

  const { appOf } = parts;
  if (appOf) {
    // Before anything of it is read, or anybody is asked who comes: that is for the other app to do.
    app.addHook('onRequest', async (request, reply) => {
      const other = await appOf(request);
      if (!other) return;
      reply.hijack();
      other.routing(request.raw, reply.raw);
    });
  }
  denyUnknown(app);
  await openApi(app);
  healthRoutes(app, parts);
  docsFiles(app);
  contractSchemaRoute(app);
  signInRoutes(app, parts, keyGuard);
  await app.register(
    async (v1: App) => {
      const checkOperator = requireOperator(parts.operatorKeyDigest);
      const answers = new AnswersInFlight();
      const check = authorize(checkOperator, keyGuard, answers, parts);
      v1.addHook('onRequest', (request, reply, done) => {
        // Publishers come with the operator key: for them this costs a comparison.
        if (checkOperator(request) === undefined) {
          const refusal = keyGuard.refusal(request);
          if (refusal) return done(refusal);
          keyGuard.succeeded(request);
          setCaller(request, OPERATOR);
          done(parts.isUp() ? undefined : new Problem('database_unavailable'));
        } else check(request, reply).then(() => done(), done);
      });
      v1.addHook('onSend', (_, reply, payload, done) => {
        const refusal = typeof payload === 'string' ? answers.grow(reply, payload.length) : undefined;
        if (refusal) done(refusal);
        else done(null, payload);
      });
      await compressReads(v1);
      noteChanges(v1, parts);
      documentProblems(v1);
      contractRoutes(v1, parts);
      eventTypeRoutes(v1, parts);
      accountRoutes(v1, parts);
      endpointRoutes(v1, parts);
      eventRoutes(v1, parts);
      filterRoutes(v1, parts);
      transformationRoutes(v1, parts);
      parkedKeyRoutes(v1, parts);
      scheduledEventRoutes(v1, parts);
      feedRoutes(v1, parts);
      deliveryRoutes(v1, parts);
      exportRoutes(v1, parts);
      exampleRoutes(v1, parts);
      previewRoutes(v1, parts);
      keyRoutes(v1, parts);
      replayRoutes(v1, parts);
      binRoutes(v1, parts);
      statsRoutes(v1, parts);
      pageRoutes(v1, parts);
      signatureRoutes(v1, parts);
      urlCheckRoutes(v1, parts);
      noticeRoutes(v1, parts);
      liveRoutes(v1, parts);
      databaseRoutes(v1, parts);
      cellRoutes(v1, parts);
      sourceRoutes(v1, parts);
      operatorKeyRoutes(v1, parts);
    },
    { prefix: '/v1' },
  );
  await app.register(async (bins: App) => takeRequests(bins, parts));
  pageFiles(app, parts);
  await app.register(async (facade: App) => loopReturnsFacade(facade, parts), { prefix: '/api/:version' });
  await app.register(async (facade: App) => loopSubscriptionsFacade(facade, parts), { prefix: '/admin' });
  await app.ready();
  return app;
}

const STRICT_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const METHODS = ['GET', 'POST', 'PATCH', 'DELETE'] as const;

function methodsOf(app: App, url: string): string[] {
  const path = url.split('?')[0] ?? url;
  return METHODS.filter((method) => app.findRoute({ url: path, method }));
}
