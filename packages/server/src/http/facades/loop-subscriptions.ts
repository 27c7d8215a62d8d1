import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '../../domain/errors.ts';
import { decodeId, encodeId } from '../../domain/ids.ts';
import type { Account, Endpoint } from '../../domain/model.ts';
import { TooManyRequests } from '../../domain/too-many-requests.ts';
import type { App, HttpParts } from '../app.ts';
import { noteChanges, noteTarget } from '../audit.ts';
import { accountOfKey, admitKey } from '../caller.ts';
import { toProblem } from '../problem.ts';
import { keyOf, limitBodies } from './key-caller.ts';

const CONTRACT = 'loop-subscriptions';
const READ = ['webhooks:read', 'webhooks:write'];
const WRITE = ['webhooks:write'];
const ENDPOINTS_MAX = 200;

class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfterS?: number,
  ) {
    super(message);
  }
}

const unauthorized = () => new Refusal(401, 'invalid token');

interface VersionParams {
  version: string;
}

/**
 * The webhook part of the Loop Subscriptions admin API. The vendor documents the calls and their answers, not the
 * paths: those are ours. Every answer stands in the vendor's envelope, errors included.
 */
export function loopSubscriptionsFacade(app: App, parts: HttpParts): void {
  const { store, endpoints, contracts, keyVerifier, limits } = parts;
  noteChanges(app, parts, ['address', 'topic']);
  const contract = contracts.get(CONTRACT);

  app.setErrorHandler((error, _, reply) => refuse(reply, toRefusal(error)));
  app.setNotFoundHandler((_, reply) => refuse(reply, new Refusal(404, 'Not found')));

  limitBodies(app);
  // Whoever comes without a key has nothing read of what they send.
  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const scopes = request.method === 'GET' || request.method === 'HEAD' ? READ : WRITE;
    const key = await keyOf(request, 'x-loop-token', CONTRACT, scopes, keyVerifier);
    if (!key) throw unauthorized();
    admitKey(request, limits, key);
    const { version } = request.params as VersionParams;
    if (!contract?.versions?.values.includes(version)) {
      throw new Refusal(404, `version | Must be one of ${contract?.versions?.values.join(', ')}`);
    }
  });

  const accountOf = async (request: FastifyRequest): Promise<Account> => {
    const account = await store.accounts.find(accountOfKey(request));
    if (!account) throw unauthorized();
    return account;
  };

  app.get('/:version/webhook/topics', { schema: { hide: true } }, async () =>
    envelope(
      'Fetched available topics',
      contract?.catalog.triggers.map((topic) => topic.value),
    ),
  );

  app.get('/:version/webhook', { schema: { hide: true } }, async (request) => {
    const account = await accountOf(request);
    const list = await store.endpoints.list(account.id, { limit: ENDPOINTS_MAX });
    const data = list.reverse().map((endpoint) => ({
      id: endpoint.number,
      address: endpoint.url,
      ...present(endpoint, contract?.catalog.pairsOf(endpoint.subscriptions)[0]?.trigger, account),
    }));
    return envelope('Fetched webhooks', data);
  });

  app.post<{ Params: VersionParams }>(
    '/:version/webhook',
    { schema: { hide: true, operationId: 'createEndpoint' } },
    async (request) => {
      const account = await accountOf(request);
      const { version } = request.params;
      const { address, topic } = readSubscriptionRequest(request.body);
      if (!contract?.catalog.hasTrigger(topic)) throw new Refusal(422, `topic | Must be one of the available topics`);
      const { endpoint } = await endpoints.create(account.id, {
        url: address,
        subscriptions: [{ topic, trigger: topic }],
        version,
      });
      noteTarget(request, endpoint.id);
      return envelope('Successfully subscribed to the topic', present(endpoint, topic, account));
    },
  );

  app.delete<{ Params: VersionParams & { id: string } }>(
    '/:version/webhook/:id',
    { schema: { hide: true, operationId: 'deleteEndpoint' } },
    async (request) => {
      const account = await accountOf(request);
      const endpoint = await find(account.id, request.params.id);
      if (!endpoint) throw new Refusal(404, 'Webhook not found');
      await endpoints.remove(account.id, endpoint.id);
      noteTarget(request, endpoint.id);
      return envelope('Successfully unsubscribed from the topic', {});
    },
  );

  /** By the 32 hexadecimal characters of `uuid`, or the integer `id`. */
  async function find(accountId: string, id: string): Promise<Endpoint | undefined> {
    if (/^[0-9a-f]{32}$/i.test(id)) return store.endpoints.find(accountId, encodeId('ep', Buffer.from(id, 'hex')));
    return /^\d{1,15}$/.test(id) ? store.endpoints.findByNumber(accountId, Number(id)) : undefined;
  }
}

function readSubscriptionRequest(body: unknown): { address: string; topic: string } {
  const given = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string): string => {
    const value = given[name];
    if (value === undefined || value === null || value === '') throw new Refusal(422, `${name} | Required`);
    if (typeof value !== 'string' || value.length > 2048) throw new Refusal(422, `${name} | Must be a string`);
    return value;
  };
  return { address: text('address'), topic: text('topic') };
}

function present(endpoint: Endpoint, topic: string | undefined, { metadata }: Account) {
  return {
    uuid: decodeId('ep', endpoint.id)?.toString('hex'),
    topic,
    status: endpoint.status.toUpperCase(),
    version: endpoint.version,
    myshopifyDomain: metadata.myshopifyDomain ?? null,
  };
}

function envelope(message: string, data: unknown) {
  return { success: true, message, data };
}

function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const problem = toProblem(error);
  if (problem.code === 'invalid_url' || problem.code === 'blocked_address') {
    return new Refusal(422, `address | ${problem.message}`);
  }
  return new Refusal(problem.status, problem.message, retryAfterOf(problem));
}

function retryAfterOf(problem: Problem): number | undefined {
  if (problem instanceof TooManyRequests) return problem.retryAfterS;
  return problem.status === 503 ? 2 : undefined;
}

function refuse(reply: FastifyReply, { status, message, retryAfterS }: Refusal): FastifyReply {
  if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
  return reply.code(status).send({ success: false, message, data: {} });
}
