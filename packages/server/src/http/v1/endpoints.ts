import { Type } from 'typebox';
import type { Contract } from '../../contract/contract.ts';
import { Problem } from '../../domain/errors.ts';
import { isId } from '../../domain/ids.ts';
import type { Endpoint } from '../../domain/model.ts';
import { generateSecret, parseSecret, publicKeyOf } from '../../domain/signature.ts';
import type { Subscription } from '../../domain/subscription.ts';
import type { KnownAccount } from '../../fanout/directory.ts';
import type { App, HttpParts } from '../app.ts';
import { answerPage, toPage } from '../cursor.ts';
import { AccountParams, closed, EndpointParams, Nullable, PageQuery, pageOf, responses, Time } from '../schemas.ts';
import {
  checkHeaders,
  Description,
  EndpointView,
  EndpointWithSecret,
  Headers,
  presentEndpoint,
  Secret,
  Subscriptions,
  Url,
} from './endpoint-schemas.ts';

const OVERLAP_DEFAULT_S = 86_400;
const OVERLAP_MAX_S = 7 * 86_400;
/** Secrets that sign besides the current one; each costs a signature per request. */
const OLD_SECRETS_MAX = 4;
const STATS_MS = 86_400_000;

export function endpointRoutes(app: App, { store, directory, guard, ids, clock }: HttpParts): void {
  const accountOf = async (id: string): Promise<KnownAccount> => {
    const account = await directory.get(id);
    if (!account) throw new Problem('account_not_found');
    return account;
  };
  /** Every change passes here, so that this node sends by it at once; the others hear of it from the database. */
  const changed = (endpoint: Endpoint | undefined, accountId: string): Endpoint => {
    if (!endpoint) throw new Problem('endpoint_not_found');
    directory.forget(accountId);
    return endpoint;
  };
  const existing = (id: string): string => {
    if (!isId('ep', id)) throw new Problem('endpoint_not_found');
    return id;
  };

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
          signature: Type.Optional(
            Type.Enum(['v1', 'v1a'], { description: 'v1: HMAC-SHA256 (default); v1a: ed25519' }),
          ),
          secret: Type.Optional(Secret),
        }),
        response: responses({ 201: EndpointWithSecret }, 404, 409, 422),
      },
    },
    async (request, reply) => {
      const { url, subscriptions, status = 'active', description = '', headers = {}, signature } = request.body;
      const { id: accountId, contract } = await accountOf(request.params.account);
      guard.checkUrl(url, contract.limits.httpsOnly);
      checkSubscriptions(subscriptions, contract);
      checkHeaders(headers);
      const secret = request.body.secret ?? generateSecret(signature ?? 'v1');
      const key = parseSecret(secret);
      if (signature !== undefined && signature !== key.kind) {
        throw new Problem(
          'invalid_secret',
          `The secret is for ${key.kind}, and the endpoint is to sign with ${signature}.`,
        );
      }
      const createdAt = new Date(clock.now());
      const endpoint: Endpoint = {
        id: ids.next('ep'),
        accountId,
        url,
        description,
        status,
        inactiveReason: status === 'active' ? null : 'new',
        subscriptions,
        headers,
        signature: key.kind,
        publicKey: publicKeyOf(key) ?? null,
        createdAt,
        updatedAt: createdAt,
      };
      if (!(await store.endpoints.create({ ...endpoint, secret }, contract.limits.endpointsPerAccount))) {
        throw new Problem(
          'limit_reached',
          `An account of this contract has at most ${contract.limits.endpointsPerAccount} endpoints.`,
        );
      }
      directory.forget(accountId);
      return reply.code(201).send({ ...presentEndpoint(endpoint), secret });
    },
  );

  app.get(
    '/accounts/:account/endpoints',
    {
      schema: {
        operationId: 'listEndpoints',
        summary: "List an account's endpoints, newest first",
        tags: ['Endpoints'],
        params: AccountParams,
        querystring: closed(PageQuery),
        response: responses({ 200: pageOf(EndpointView) }, 404),
      },
    },
    async (request) => {
      const { id } = await accountOf(request.params.account);
      const page = toPage(request.query, (cursor) => isId('ep', cursor));
      return answerPage(
        page,
        (p) => store.endpoints.list(id, p),
        (e) => e.id,
        presentEndpoint,
      );
    },
  );

  app.get(
    '/accounts/:account/endpoints/:endpoint',
    {
      schema: {
        operationId: 'getEndpoint',
        summary: 'Show an endpoint',
        tags: ['Endpoints'],
        params: EndpointParams,
        response: responses({ 200: EndpointView }, 404),
      },
    },
    async (request) => {
      const endpoint = await store.endpoints.find(request.params.account, existing(request.params.endpoint));
      if (!endpoint) throw new Problem('endpoint_not_found');
      return presentEndpoint(endpoint);
    },
  );

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
        }),
        response: responses({ 200: EndpointView }, 404, 422),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      const { contract } = await accountOf(account);
      const { url, subscriptions, headers } = request.body;
      if (url !== undefined) guard.checkUrl(url, contract.limits.httpsOnly);
      if (subscriptions) checkSubscriptions(subscriptions, contract);
      if (headers) checkHeaders(headers);
      return presentEndpoint(changed(await store.endpoints.change(account, existing(endpoint), request.body), account));
    },
  );

  app.delete(
    '/accounts/:account/endpoints/:endpoint',
    {
      schema: {
        operationId: 'deleteEndpoint',
        summary: 'Delete an endpoint',
        description: 'What still waits for it ends as discarded. Its history stays until the retention ends.',
        tags: ['Endpoints'],
        params: EndpointParams,
        response: responses({ 204: Type.Null() }, 404),
      },
    },
    async (request, reply) => {
      const { account, endpoint } = request.params;
      if (!(await store.endpoints.remove(account, existing(endpoint)))) throw new Problem('endpoint_not_found');
      directory.forget(account);
      return reply.code(204).send(null);
    },
  );

  for (const [action, status, reason, summary] of [
    ['activate', 'active', null, 'Switch an endpoint on; held deliveries are sent'],
    ['deactivate', 'inactive', 'user', 'Switch an endpoint off; waiting deliveries are held, new ones skipped'],
  ] as const) {
    app.post(
      `/accounts/:account/endpoints/:endpoint/${action}`,
      {
        schema: {
          operationId: `${action}Endpoint`,
          summary,
          tags: ['Endpoints'],
          params: EndpointParams,
          response: responses({ 200: EndpointView }, 404),
        },
      },
      async (request) => {
        const { account, endpoint } = request.params;
        return presentEndpoint(
          changed(await store.endpoints.setStatus(account, existing(endpoint), status, reason), account),
        );
      },
    );
  }

  app.post(
    '/accounts/:account/endpoints/:endpoint/rotate-secret',
    {
      schema: {
        operationId: 'rotateSecret',
        summary: 'Give an endpoint a new secret',
        description:
          'During the overlap requests carry a signature of each secret, so receivers can change over in their own time.',
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
        response: responses({ 200: EndpointWithSecret }, 404, 422),
      },
    },
    async (request) => {
      const { account, endpoint: id } = request.params;
      const before = await store.endpoints.find(account, existing(id));
      if (!before) throw new Problem('endpoint_not_found');
      const secret = request.body?.secret ?? generateSecret(before.signature);
      const key = parseSecret(secret);
      if (key.kind !== before.signature) {
        throw new Problem(
          'invalid_secret',
          `This endpoint signs with ${before.signature}; the secret is for ${key.kind}.`,
        );
      }
      const overlapUntil = new Date(clock.now() + (request.body?.overlap_seconds ?? OVERLAP_DEFAULT_S) * 1000);
      const rotated = await store.endpoints.rotateSecret(
        account,
        id,
        secret,
        publicKeyOf(key) ?? null,
        overlapUntil,
        OLD_SECRETS_MAX,
      );
      return { ...presentEndpoint(changed(rotated, account)), secret };
    },
  );

  app.get(
    '/accounts/:account/endpoints/:endpoint/stats',
    {
      schema: {
        operationId: 'getEndpointStats',
        summary: "Count an endpoint's deliveries of the last 24 hours, and what waits now",
        tags: ['Endpoints'],
        params: EndpointParams,
        response: responses(
          {
            200: Type.Object({
              since: Time,
              succeeded: Type.Integer(),
              discarded: Type.Integer(),
              skipped: Type.Integer(),
              waiting: Type.Integer(),
              oldest_due_at: Nullable(Time),
              last_success_at: Nullable(Time),
            }),
          },
          404,
        ),
      },
    },
    async (request) => {
      const { account, endpoint } = request.params;
      if (!(await store.endpoints.find(account, existing(endpoint)))) throw new Problem('endpoint_not_found');
      const sinceMs = clock.now() - STATS_MS;
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

/** @throws Problem `limit_reached`, `unknown_topic`, `unknown_trigger` */
function checkSubscriptions(subscriptions: readonly Subscription[], { limits, hasPattern }: Contract): void {
  if (subscriptions.length > limits.subscriptionsPerEndpoint) {
    throw new Problem(
      'limit_reached',
      `An endpoint of this contract has at most ${limits.subscriptionsPerEndpoint} subscriptions.`,
    );
  }
  subscriptions.forEach(({ topic, trigger }, i) => {
    if (topic !== undefined) {
      throw new Problem('unknown_topic', 'This contract has no topics: leave `topic` out.', [
        { pointer: `#/subscriptions/${i}/topic`, detail: 'this contract has no topics' },
      ]);
    }
    if (!hasPattern(trigger)) {
      throw new Problem(
        'unknown_trigger',
        `"${trigger}" is not a trigger of this contract, nor \`*\` or a prefix as \`order.*\`.`,
        [{ pointer: `#/subscriptions/${i}/trigger`, detail: 'is not a trigger of this contract' }],
      );
    }
  });
}
