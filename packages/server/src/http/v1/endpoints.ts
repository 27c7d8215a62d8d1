import { Type } from 'typebox';
import { isId } from '../../domain/ids.ts';
import type { EndpointStatus } from '../../domain/model.ts';
import type { App, HttpParts } from '../app.ts';
import { noteDetail } from '../audit.ts';
import { seesCredentials } from '../caller.ts';
import { answerPage, toPage } from '../cursor.ts';
import { AccountParams, closed, EndpointParams, Nullable, PageQuery, pageOf, responses, Time } from '../schemas.ts';
import {
  Auth,
  Concurrency,
  Description,
  EndpointView,
  EndpointWithSecret,
  Headers,
  presentEndpoint,
  RateLimit,
  Secret,
  Subscriptions,
  Thin,
  Tls,
  Transformation,
  Url,
  Version,
} from './endpoint-schemas.ts';

const OVERLAP_DEFAULT_S = 86_400;
const OVERLAP_MAX_S = 7 * 86_400;
const HOUR_MS = 3_600_000;

export function endpointRoutes(app: App, parts: HttpParts): void {
  createEndpoint(app, parts);
  generateSecret(app, parts);
  listEndpoints(app, parts);
  getEndpoint(app, parts);
  changeEndpoint(app, parts);
  deleteEndpoint(app, parts);
  setTestingMode(app, parts);
  rotateSecret(app, parts);
  getEndpointStats(app, parts);
  setStatus(app, parts, ['activate', 'active', 'Switch an endpoint on; held deliveries are sent']);
  setStatus(app, parts, [
    'deactivate',
    'inactive',
    'Switch an endpoint off; waiting deliveries are held, new ones skipped',
  ]);
}

function createEndpoint(app: App, { endpoints, clock }: HttpParts): void {
  app.post(
    '/accounts/:account/endpoints',
    {
      schema: {
        operationId: 'createEndpoint',
        summary: 'Create an endpoint',
        description: 'The answer holds the signing secret. It is shown only here and after a rotation.',
        tags: ['Endpoints'],
        params: AccountParams,
        body: closed({
          url: Url,
          subscriptions: Subscriptions,
          status: Type.Optional(Type.Enum(['active', 'inactive'])),
          description: Type.Optional(Description),
          headers: Type.Optional(Headers),
          auth: Type.Optional(Auth),
          tls: Type.Optional(Tls),
          transformation: Type.Optional(Transformation),
          signature: Type.Optional(
            Type.Enum(['v1', 'v1a', 'hmac'], {
              description:
                'Standard Webhooks: v1 is HMAC-SHA256 (default), v1a ed25519; hmac: a scheme of the contract',
            }),
          ),
          secret: Type.Optional(Secret),
          version: Type.Optional(Version),
          rate_limit: Type.Optional(Nullable(RateLimit)),
          concurrency: Type.Optional(Nullable(Concurrency)),
          thin: Type.Optional(Thin),
        }),
        response: responses({ 201: EndpointWithSecret }, 409, 422),
      },
    },
    async (request, reply) => {
      const { rate_limit: rateLimit, ...input } = request.body;
      const { endpoint, secret } = await endpoints.create(request.params.account, {
        ...input,
        ...(rateLimit === undefined ? {} : { rateLimit }),
      });
      return reply.code(201).send({ ...presentEndpoint(endpoint, clock.now(), seesCredentials(request)), secret });
    },
  );
}

function generateSecret(app: App, { endpoints }: HttpParts): void {
  app.post(
    '/accounts/:account/generate-secret',
    {
      schema: {
        operationId: 'generateSecret',
        summary: 'Make a secret for an endpoint that is yet to be created',
        description: 'Nothing is stored: send it as `secret` of the new endpoint. A form can show it before that.',
        tags: ['Endpoints'],
        params: AccountParams,
        body: Type.Optional(Nullable(closed({}))),
        response: responses({ 200: Type.Object({ secret: Type.String() }) }),
      },
    },
    async (request) => ({ secret: await endpoints.generateSecret(request.params.account) }),
  );
}

function listEndpoints(app: App, { store, endpoints, clock }: HttpParts): void {
  app.get(
    '/accounts/:account/endpoints',
    {
      schema: {
        operationId: 'listEndpoints',
        summary: "List an account's endpoints, newest first",
        tags: ['Endpoints'],
        params: AccountParams,
        querystring: closed(PageQuery),
        response: responses({ 200: pageOf(EndpointView) }),
      },
    },
    async (request) => {
      const { id } = await endpoints.accountOf(request.params.account);
      const page = toPage(request.query, (cursor) => isId('ep', cursor));
      return answerPage(
        page,
        (p) => store.endpoints.list(id, p),
        (e) => e.id,
        (e) => presentEndpoint(e, clock.now(), seesCredentials(request)),
      );
    },
  );
}

function getEndpoint(app: App, { endpoints, clock }: HttpParts): void {
  app.get(
    '/accounts/:account/endpoints/:endpoint',
    {
      schema: {
        operationId: 'getEndpoint',
        summary: 'Show an endpoint',
        tags: ['Endpoints'],
        params: EndpointParams,
        response: responses({ 200: EndpointView }),
      },
    },
    async (request) => {
      const endpoint = await endpoints.find(request.params.account, request.params.endpoint);
      return presentEndpoint(endpoint, clock.now(), seesCredentials(request));
    },
  );
}

function changeEndpoint(app: App, { endpoints, clock }: HttpParts): void {
  app.patch(
    '/accounts/:account/endpoints/:endpoint',
    {
      schema: {
        operationId: 'changeEndpoint',
        summary: 'Change an endpoint',
        description: 'Applies to every attempt from now on, also to deliveries that wait for a retry.',
        tags: ['Endpoints'],
        params: EndpointParams,
        body: closed({
          url: Type.Optional(Url),
          subscriptions: Type.Optional(Subscriptions),
          description: Type.Optional(Description),
          headers: Type.Optional(Headers),
          auth: Type.Optional(Auth),
          tls: Type.Optional(Tls),
          transformation: Type.Optional(Transformation),
          version: Type.Optional(Version),
          rate_limit: Type.Optional(Nullable(RateLimit)),
          concurrency: Type.Optional(Nullable(Concurrency)),
          thin: Type.Optional(Thin),
        }),
        response: responses({ 200: EndpointView }, 409, 422),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      const { rate_limit: rateLimit, ...change } = request.body;
      const input = { ...change, ...(rateLimit === undefined ? {} : { rateLimit }) };
      return presentEndpoint(await endpoints.change(account, endpoint, input), clock.now(), seesCredentials(request));
    },
  );
}

function deleteEndpoint(app: App, { endpoints }: HttpParts): void {
  app.delete(
    '/accounts/:account/endpoints/:endpoint',
    {
      schema: {
        operationId: 'deleteEndpoint',
        summary: 'Delete an endpoint',
        description: 'What still waits for it ends as discarded. Its history stays until the retention ends.',
        tags: ['Endpoints'],
        params: EndpointParams,
        response: responses({ 204: Type.Null() }),
      },
    },
    async (request, reply) => {
      const { account, endpoint } = request.params;
      const { url, subscriptions } = await endpoints.find(account, endpoint);
      noteDetail(request, { url, subscriptions });
      await endpoints.remove(account, endpoint);
      return reply.code(204).send(null);
    },
  );
}

function setTestingMode(app: App, { endpoints, clock }: HttpParts): void {
  app.post(
    '/accounts/:account/endpoints/:endpoint/testing-mode',
    {
      schema: {
        operationId: 'setTestingMode',
        summary: 'Begin or end testing mode',
        description:
          'For the time that the contract states, a sample of every subscription is sent again and again, marked as a test, and failures do not switch the endpoint off. It ends by itself.',
        tags: ['Endpoints'],
        params: EndpointParams,
        body: closed({ enabled: Type.Boolean() }),
        response: responses({ 200: EndpointView }),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      return presentEndpoint(
        await endpoints.setTesting(account, endpoint, request.body.enabled),
        clock.now(),
        seesCredentials(request),
      );
    },
  );
}

function rotateSecret(app: App, { endpoints, clock }: HttpParts): void {
  app.post(
    '/accounts/:account/endpoints/:endpoint/rotate-secret',
    {
      schema: {
        operationId: 'rotateSecret',
        summary: 'Give an endpoint a new secret',
        description:
          'During the overlap requests carry a signature of each secret, so receivers can change over in their own time. Contracts with one signature per request have no overlap.',
        tags: ['Endpoints'],
        params: EndpointParams,
        body: Type.Optional(
          Nullable(
            closed({
              overlap_seconds: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  maximum: OVERLAP_MAX_S,
                  default: OVERLAP_DEFAULT_S,
                  description: 'How long the old secret signs too',
                }),
              ),
              secret: Type.Optional(Secret),
            }),
          ),
        ),
        response: responses({ 200: EndpointWithSecret }, 422),
      },
    },
    async (request) => {
      const { account, endpoint: id } = request.params;
      const overlapMs = (request.body?.overlap_seconds ?? OVERLAP_DEFAULT_S) * 1000;
      const { endpoint, secret } = await endpoints.rotateSecret(account, id, request.body?.secret, overlapMs);
      return { ...presentEndpoint(endpoint, clock.now(), seesCredentials(request)), secret };
    },
  );
}

function getEndpointStats(app: App, { store, endpoints, clock }: HttpParts): void {
  app.get(
    '/accounts/:account/endpoints/:endpoint/stats',
    {
      schema: {
        operationId: 'getEndpointStats',
        summary: "Count an endpoint's deliveries of this hour and the 23 before it, and what waits now",
        tags: ['Endpoints'],
        params: EndpointParams,
        response: responses({
          200: Type.Object({
            since: Time,
            succeeded: Type.Integer(),
            discarded: Type.Integer(),
            skipped: Type.Integer(),
            waiting: Type.Integer(),
            oldest_due_at: Type.Union([Time, Type.Null()], {
              description: 'null while it is inactive: nothing is due',
            }),
            last_success_at: Nullable(Time),
          }),
        }),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      await endpoints.find(account, endpoint);
      const sinceMs = Math.floor(clock.now() / HOUR_MS) * HOUR_MS - 23 * HOUR_MS;
      const { oldestDueAt, lastSuccessAt, ...counts } = await store.endpoints.stats(account, endpoint, sinceMs);
      return {
        since: new Date(sinceMs).toISOString(),
        ...counts,
        oldest_due_at: oldestDueAt?.toISOString() ?? null,
        last_success_at: lastSuccessAt?.toISOString() ?? null,
      };
    },
  );
}

/** Activates or deactivates. */
function setStatus(
  app: App,
  { endpoints, clock }: HttpParts,
  [action, status, summary]: readonly ['activate' | 'deactivate', EndpointStatus, string],
): void {
  app.post(
    `/accounts/:account/endpoints/:endpoint/${action}`,
    {
      schema: {
        operationId: `${action}Endpoint`,
        summary,
        tags: ['Endpoints'],
        params: EndpointParams,
        response: responses({ 200: EndpointView }),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      return presentEndpoint(
        await endpoints.setStatus(account, endpoint, status),
        clock.now(),
        seesCredentials(request),
      );
    },
  );
}
