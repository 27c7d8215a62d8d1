import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../domain/errors.ts';
import type { AccountLimits } from '../manage/account-limits.ts';
import { FEED_SCOPE } from '../manage/api-keys.ts';
import type { Operator, OperatorRole, PageSession } from '../storage/page-store.ts';
import type { KnownKey } from '../storage/store.ts';
import type { AnswersInFlight } from './answers-in-flight.ts';
import type { App, HttpParts } from './app.ts';
import type { requireOperator } from './auth.ts';
import type { KeyGuard } from './key-guard.ts';
import { mayCall, PERMISSION_OF, seesSecrets } from './roles.ts';

/** Behind TLS the name itself forbids that another host of the same domain sets it (RFC 6265bis, 4.1.3.2). */
export function sessionCookie(origin: string): { name: string; attributes: string } {
  const strict = 'HttpOnly; SameSite=Strict';
  return origin.startsWith('https:')
    ? { name: '__Host-posthorn_session', attributes: `${strict}; Secure` }
    : { name: 'posthorn_session', attributes: strict };
}

/** Browsers send it across sites only after asking (CORS), which this server never allows. */
const PAGE_HEADER = 'x-posthorn-page';

/** Who calls: the operator (by key, or by the console's session), a session of an account's page, or an API key. */
export type Caller =
  | { kind: 'operator'; session?: PageSession; operator?: Operator | null }
  | { kind: 'account'; session: PageSession; accountId: string }
  | { kind: 'key'; session?: undefined; accountId: string; keyId: string };

declare module 'fastify' {
  interface FastifyRequest {
    /** `null` until somebody has found out who calls. */
    caller: Caller | null;
  }
  interface FastifyContextConfig {
    /** Nobody needs to be known for this route. */
    isOpen?: boolean;
  }
}

/** With the operator key. */
export const OPERATOR: Caller = { kind: 'operator' };

/** Routes that need no caller. Every other one answers only those whom a check of its scope has let through. */
const OPEN = new Set([
  '/',
  '/healthz',
  '/readyz',
  '/metrics',
  '/openapi.json',
  '/contract.schema.json',
  '/docs',
  '/sign-in',
  '/sign-in/methods',
  '/sign-in/openid',
  '/sign-in/openid/callback',
  '/sign-out',
  '/page',
  '/page/*',
  '/console',
  '/console/*',
  '/assets/:name',
  '/embed.js',
  '/bin/:token',
]);
const OPEN_BELOW = '/docs/';
const BODY_HEADERS = ['content-type', 'content-length', 'transfer-encoding'];

/**
 * Refuses every request whose caller nobody has found out, and those that lead nowhere, before the body is read. Comes
 * before all routes.
 */
export function denyUnknown(app: App): void {
  app.decorateRequest('caller', null);
  app.addHook('onRoute', (route) => {
    const isOpen = OPEN.has(route.url) || route.url.startsWith(OPEN_BELOW);
    if (isOpen) route.config = { ...route.config, isOpen };
  });
  // After the hooks `onRequest` of all plugins: there the checks are.
  app.addHook('preParsing', (request, _, payload, done) => {
    // Without these there is no body to read; Node throws away what comes.
    if (request.is404) for (const name of BODY_HEADERS) delete request.raw.headers[name];
    const mayGoOn = request.caller !== null || request.routeOptions.config.isOpen === true || request.is404;
    done(mayGoOn ? null : new Problem('unauthorized'), payload);
  });
}

/** A vendor's facade has found out whose key it is. @throws TooManyRequests */
export function admitKey(
  request: FastifyRequest,
  limits: AccountLimits,
  key: Pick<KnownKey, 'id' | 'accountId'>,
): void {
  setCaller(request, { kind: 'key', accountId: key.accountId, keyId: key.id });
  limits.call(key.accountId, operationOf(request));
}

/** The account whose key a facade has admitted. @throws Problem `unauthorized` */
export function accountOfKey(request: FastifyRequest): string {
  const caller = callerOf(request);
  if (caller.kind !== 'key') throw new Problem('unauthorized');
  return caller.accountId;
}

export function setCaller(request: FastifyRequest, caller: Caller): void {
  request.caller = caller;
}

/** @throws Problem `unauthorized` when nobody has found out who calls */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Problem('unauthorized');
  return request.caller;
}

/** Finds out who calls, and refuses what they may not, or not so often. */
export function authorize(
  checkOperator: ReturnType<typeof requireOperator>,
  keyGuard: KeyGuard,
  answers: AnswersInFlight,
  {
    sessions,
    limits,
    pageOrigin,
    keyVerifier,
    operatorKeys,
  }: Pick<HttpParts, 'sessions' | 'limits' | 'pageOrigin' | 'keyVerifier' | 'operatorKeys'>,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { token, isCookie } = sessionTokenOf(request, pageOrigin());
    if (token === undefined) {
      const problem = checkOperator(request);
      if (!problem) setCaller(request, OPERATOR);
      else if (await isNamedOperator(request, keyGuard, operatorKeys)) return;
      else if (await isReaderOfFeed(request, keyVerifier, limits)) answers.begin(feedOf(accountOfKey(request)), reply);
      else throw request.headers.authorization === undefined ? problem : keyGuard.failed(request, problem);
      return;
    }
    const session = await sessions.find(token);
    // The cookie is the console's alone: a page's token in it could have been planted by another site. And the console's
    // session is the cookie's alone: taken out of a browser it opens nothing.
    if (!session || isCookie !== (session.accountId === null))
      throw new Problem('unauthorized', 'This session has ended; open the page again.');
    // A cookie comes along by itself: what changes something also needs what no other site can send.
    if (isCookie && request.method !== 'GET' && request.headers[PAGE_HEADER] === undefined) {
      throw new Problem('forbidden', `Send the header ${PAGE_HEADER} with the session's cookie.`);
    }
    if (session.accountId === null) {
      if (session.operator) requireRole(request, session.operator.role);
      setCaller(request, { kind: 'operator', session, operator: session.operator });
    } else {
      checkPermission(request, session, session.accountId);
      setCaller(request, { kind: 'account', session, accountId: session.accountId });
      // Whoever has a link to a bin does not use up what the account's own people may ask.
      limits.call(session.binId ?? session.accountId, operationOf(request));
      // Live views have a limit of their own: they stay under way.
      if (operationOf(request) === 'getFeed') answers.begin(feedOf(session.accountId), reply);
      else if (operationOf(request) !== 'watchDeliveries') answers.begin(session.binId ?? session.accountId, reply);
    }
  };
}

const namedKeyOf = ({ headers }: FastifyRequest): string | undefined =>
  /^Bearer +(pho_\S+)$/i.exec(headers.authorization ?? '')?.[1];

/**
 * With a key that has a name and a role.
 * @returns false for what is no such key
 * @throws Problem `forbidden` for one whose role does not allow it; TooManyRequests
 */
async function isNamedOperator(
  request: FastifyRequest,
  keyGuard: KeyGuard,
  operatorKeys: HttpParts['operatorKeys'],
): Promise<boolean> {
  const text = namedKeyOf(request);
  if (text === undefined) return false;
  const refusal = keyGuard.refusal(request);
  if (refusal) throw refusal;
  const operator = await operatorKeys.verify(text);
  if (!operator) return false;
  keyGuard.succeeded(request);
  requireRole(request, operator.role);
  setCaller(request, { kind: 'operator', operator });
  return true;
}

/** @throws Problem `forbidden` */
function requireRole(request: FastifyRequest, role: OperatorRole): void {
  if (mayCall(role, operationOf(request), request.method)) return;
  throw new Problem('forbidden', `The role ${role} does not allow this.`);
}

const OPEN_TO_KEYS = new Set(['getFeed', 'getEvent']);

/** Whoever reads events, and waits for them, does not use up what the account's people may ask. */
const feedOf = (accountId: string) => `${accountId} feed`;

/**
 * With an API key of the account: what receivers read themselves, the feed, and an event of which they know the id.
 * @returns false for what is no key, or no valid one
 * @throws Problem `account_not_found`, `forbidden` for a valid key that may not
 */
async function isReaderOfFeed(
  request: FastifyRequest,
  keyVerifier: HttpParts['keyVerifier'],
  limits: AccountLimits,
): Promise<boolean> {
  const text = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (!OPEN_TO_KEYS.has(operationOf(request)) || text === undefined) return false;
  const { valid, key } = await keyVerifier.verify(text, { scopes: [FEED_SCOPE], address: request.ip });
  if (!key) return false;
  limits.call(feedOf(key.accountId), operationOf(request));
  const { account } = request.params as { account?: string };
  if (key.accountId !== account) throw new Problem('account_not_found');
  if (!valid) throw new Problem('forbidden', `This key does not have the scope ${FEED_SCOPE}.`);
  setCaller(request, { kind: 'key', accountId: account, keyId: key.id });
  return true;
}

/** Whether the session, or the key with a name, that a long answer was begun with has not ended meanwhile. */
export async function isSessionCurrent(
  request: FastifyRequest,
  { sessions, operatorKeys, pageOrigin }: Pick<HttpParts, 'sessions' | 'operatorKeys' | 'pageOrigin'>,
): Promise<boolean> {
  const { token } = sessionTokenOf(request, pageOrigin());
  if (token !== undefined) return (await sessions.find(token)) !== undefined;
  const caller = callerOf(request);
  const key = caller.kind === 'operator' && caller.operator ? namedKeyOf(request) : undefined;
  return key === undefined || (await operatorKeys.verify(key)) !== undefined;
}

/** Whether the caller may see what webhooks carry to prove themselves: an account's people who may change them, and not those who help. */
export function seesCredentials(request: FastifyRequest): boolean {
  const caller = callerOf(request);
  if (caller.kind === 'operator') return caller.operator == null || seesSecrets(caller.operator.role);
  const { session } = caller;
  return session === undefined || session.permissions.includes('webhooks');
}

function sessionTokenOf({ headers }: FastifyRequest, origin: string): { token: string | undefined; isCookie: boolean } {
  if (headers.authorization === undefined) return { token: tokenIn(headers.cookie, origin), isCookie: true };
  return { token: /^Bearer +(pst_\S+)$/i.exec(headers.authorization)?.[1], isCookie: false };
}

export function operationOf(request: FastifyRequest): string {
  return (request.routeOptions.schema as { operationId?: string } | undefined)?.operationId ?? '';
}

/** What a session that shows one bin may call. */
const OF_A_BIN = new Set(['getPage', 'getContract', 'getBin']);

function checkPermission(request: FastifyRequest, { permissions, binId }: PageSession, accountId: string): void {
  const operation = operationOf(request);
  const needed = PERMISSION_OF[operation];
  const { account, bin } = request.params as { account?: string; bin?: string };
  if (binId !== null) {
    if (!OF_A_BIN.has(operation) || (bin !== undefined && bin !== binId)) throw new Problem('forbidden');
  } else if (needed === undefined || !permissions.includes(needed)) throw new Problem('forbidden');
  if (account !== undefined && account !== accountId) throw new Problem('account_not_found');
}

export function tokenIn(cookie: string | undefined, origin: string): string | undefined {
  if (cookie === undefined) return undefined;
  return new RegExp(`(?:^|; *)${sessionCookie(origin).name}=([A-Za-z0-9_-]+)`).exec(cookie)?.[1];
}
