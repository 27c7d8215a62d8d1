import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Pair } from '../../contract/catalog.ts';
import type { Account, Endpoint, EndpointStatus } from '../../domain/model.ts';
import type { Subscription } from '../../domain/subscription.ts';
import { TooManyRequests } from '../../domain/too-many-requests.ts';
import type { App, HttpParts } from '../app.ts';
import { noteChanges, noteTarget } from '../audit.ts';
import { accountOfKey, admitKey } from '../caller.ts';
import { toProblem } from '../problem.ts';
import { keyOf, limitBodies } from './key-caller.ts';

const CONTRACT = 'loop-returns';
const SCOPE = 'developer_tools';
const CALLS_PER_MINUTE = 300;
const MINUTE_MS = 60_000;
const ENDPOINTS_MAX = 200;
/** The first one, those of the months since 2026, and what comes next. */
const VERSION = /^(v1|\d{4}-(0[1-9]|1[0-2])|unstable)$/;

/** A refusal in one of the vendor's own forms. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: object,
    readonly retryAfterS?: number,
  ) {
    super();
  }
}

/** `code` holds the number and `http_code` the name: so it is on the vendor's wire. */
function refusal(status: number, name: string, message: string, retryAfterS?: number): Refusal {
  return new Refusal(status, { error: { code: String(status), http_code: `GEN-${name}`, message } }, retryAfterS);
}

const unauthorized = () => refusal(401, 'UNAUTHORIZED', 'Unauthorized.');
const notFound = () => new Refusal(404, { errors: { code: 'NOT_FOUND' } });
const invalid = (errors: Record<string, string[]>) =>
  new Refusal(422, { message: Object.values(errors)[0]?.[0] ?? 'The given data was invalid.', errors });

/**
 * The Programmatic Webhooks API of Loop Returns, as the vendor's own clients call it, below `/api/{version}`. A webhook
 * is one pair of topic and trigger. The secret is in none of the answers: it is read on the Developers page.
 */
export function loopReturnsFacade(app: App, parts: HttpParts): void {
  const { store, endpoints, contracts, keyVerifier, clock, limits } = parts;
  const catalog = contracts.get(CONTRACT)?.catalog;
  noteChanges(app, parts, ['topic', 'trigger', 'url', 'status']);
  app.setErrorHandler((error, _, reply) => sendRefusal(reply, toRefusal(error)));
  app.setNotFoundHandler((_, reply) => sendRefusal(reply, notFound()));
  limitBodies(app);
  // Whoever comes without a key has nothing read of what they send.
  app.addHook('onRequest', async (request, reply) => {
    const { version } = request.params as { version?: string };
    if (version === undefined || !VERSION.test(version)) throw notFound();
    if (!request.is404) await authenticate(request, reply);
  });

  const authenticate = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const key = await keyOf(request, 'x-authorization', CONTRACT, [SCOPE], keyVerifier);
    if (!key) throw unauthorized();
    const nowMs = clock.now();
    const minuteMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
    const calls = await store.keys.countCall(key.id, minuteMs);
    reply.header('x-ratelimit-limit', String(CALLS_PER_MINUTE));
    reply.header('x-ratelimit-remaining', String(Math.max(0, CALLS_PER_MINUTE - calls)));
    if (calls > CALLS_PER_MINUTE) {
      throw refusal(429, 'TOO-MANY-REQUESTS', 'Too Many Attempts.', Math.ceil((minuteMs + MINUTE_MS - nowMs) / 1000));
    }
    admitKey(request, limits, key);
  };

  const find = async (accountId: string, id: string): Promise<Endpoint> => {
    const number = /^\d{1,15}$/.test(id) ? Number(id) : undefined;
    const endpoint = number === undefined ? undefined : await store.endpoints.findByNumber(accountId, number);
    if (!endpoint) throw notFound();
    return endpoint;
  };

  /** The pair that stands for the endpoint here. Those from before one pair was the limit may have more behind it. */
  const pairsOf = ({ subscriptions }: Endpoint): Pair[] => catalog?.pairsOf(subscriptions) ?? [];

  const readSubscriptionRequest = (body: unknown) => {
    const given = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
    const errors: Record<string, string[]> = {};
    const oneOf = (name: string, values: readonly string[], isNeeded: boolean): string => {
      const value = given[name];
      if (value === undefined || value === null || value === '') {
        if (isNeeded) errors[name] = [`The ${name} field is required.`];
      } else if (typeof value !== 'string' || !values.includes(value)) {
        errors[name] = [`Must be one of the following values:${values.join(',')}`];
      } else return value;
      return '';
    };
    const topic = oneOf('topic', catalog?.rules.topics.map((t) => t.value) ?? [], true);
    const trigger = oneOf('trigger', catalog?.triggers.map((t) => t.value) ?? [], true);
    const status = oneOf('status', ['active', 'inactive'], false) as EndpointStatus | '';
    if (given.url === undefined || given.url === null || given.url === '') errors.url = ['The url field is required.'];
    else if (typeof given.url !== 'string' || given.url.length > 2048) errors.url = ['The url format is invalid.'];
    if (Object.keys(errors).length > 0) throw invalid(errors);
    return { url: given.url as string, pair: { topic, trigger }, ...(status === '' ? {} : { status }) };
  };

  app.get('/webhooks', { schema: { hide: true } }, async (request) => {
    const accountId = accountOfKey(request);
    const [account, list] = await Promise.all([
      store.accounts.find(accountId),
      store.endpoints.list(accountId, { limit: ENDPOINTS_MAX }),
    ]);
    if (!account) throw unauthorized();
    return { webhooks: list.reverse().map((endpoint) => present(endpoint, pairsOf(endpoint)[0], account)) };
  });

  app.post('/webhooks', { schema: { hide: true, operationId: 'createEndpoint' } }, async (request, reply) => {
    const accountId = accountOfKey(request);
    // Unlike on the page: clients of the vendor rely on it.
    const { url, pair, status = 'active' } = readSubscriptionRequest(request.body);
    const { endpoint } = await endpoints.create(accountId, { url, subscriptions: [pair], status });
    noteTarget(request, endpoint.id);
    const account = await store.accounts.find(accountId);
    if (!account) throw unauthorized();
    return reply.code(201).send(present(endpoint, pair, account));
  });

  app.put<{ Params: { id: string } }>(
    '/webhooks/:id',
    { schema: { hide: true, operationId: 'changeEndpoint' } },
    async (request, reply) => {
      const accountId = accountOfKey(request);
      const endpoint = await find(accountId, request.params.id);
      const { id } = endpoint;
      const { status, url, pair } = readSubscriptionRequest(request.body);
      const [shown, ...others] = pairsOf(endpoint);
      const isShown = isSame(pair, shown);
      const kept = others.filter((other) => !isSame(other, pair)).map(toSubscription);
      await endpoints.change(accountId, id, { url, ...(isShown ? {} : { subscriptions: [pair, ...kept] }) });
      noteTarget(request, id);
      if (status) await endpoints.setStatus(accountId, id, status);
      return reply.code(204).send();
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/webhooks/:id',
    { schema: { hide: true, operationId: 'deleteEndpoint' } },
    async (request, reply) => {
      const accountId = accountOfKey(request);
      const { id } = await find(accountId, request.params.id);
      await endpoints.remove(accountId, id);
      noteTarget(request, id);
      return reply.code(204).send();
    },
  );
}

function isSame(one: Pair, other: Pair | undefined): boolean {
  return one.topic === other?.topic && one.trigger === other.trigger;
}

function toSubscription({ topic, trigger }: Pair): Subscription {
  return topic === null ? { trigger } : { topic, trigger };
}

function present(endpoint: Endpoint, pair: Pair | undefined, account: Account) {
  const { shop_id: shopId } = account.metadata;
  return {
    id: endpoint.number,
    shop_id: typeof shopId === 'number' ? shopId : account.number,
    topic: pair?.topic,
    trigger: pair?.trigger,
    url: endpoint.url,
    status: endpoint.status,
  };
}

function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof TooManyRequests) {
    return refusal(429, 'TOO-MANY-REQUESTS', 'Too Many Attempts.', error.retryAfterS);
  }
  const problem = toProblem(error);
  switch (problem.code) {
    case 'invalid_url':
    case 'blocked_address':
      return invalid({ url: [problem.message] });
    case 'limit_reached':
    case 'unknown_pair':
      return invalid({ topic: [problem.message] });
    case 'endpoint_not_found':
      return notFound();
    default:
      if (problem.status < 500) return refusal(400, 'BAD-REQUEST', problem.message);
      return problem.status === 503
        ? refusal(503, 'SERVICE-UNAVAILABLE', problem.message, 2)
        : refusal(500, 'INTERNAL-SERVER-ERROR', 'Server Error.');
  }
}

function sendRefusal(reply: FastifyReply, { status, body, retryAfterS }: Refusal): FastifyReply {
  if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
  return reply.code(status).send(body);
}
