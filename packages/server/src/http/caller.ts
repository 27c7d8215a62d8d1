import type { FastifyRequest } from 'fastify';
import { Problem } from '../domain/errors.ts';
import type { Sessions } from '../manage/sessions.ts';
import type { PageSession, Permission } from '../storage/page-store.ts';
import type { requireOperator } from './auth.ts';

export const SESSION_COOKIE = 'posthorn_session';
/** Browsers send it across sites only after asking (CORS), which this server never allows. */
const PAGE_HEADER = 'x-posthorn-page';

/** Who calls: the operator (by key, or by the console's session), a session of an account's page, or an API key. */
export type Caller =
  | { kind: 'operator'; session?: PageSession }
  | { kind: 'account'; session: PageSession; accountId: string }
  | { kind: 'key'; session?: undefined; accountId: string; keyId: string };

const callers = new WeakMap<object, Caller>();

/** A vendor's facade found out by itself. */
export function setCaller(request: { raw: object }, caller: Caller): void {
  callers.set(request.raw, caller);
}

export function callerOf(request: { raw: object }): Caller {
  return callers.get(request.raw) ?? { kind: 'operator' };
}

/**
 * What a session of an account's page may call, by operation. What is not here is the operator's alone; what is here
 * is for the session's own account only.
 */
export const PERMISSION_OF: Readonly<Record<string, Permission>> = {
  getPage: 'read',
  getContract: 'read',
  getAccount: 'read',
  listEndpoints: 'read',
  getEndpoint: 'read',
  getEndpointStats: 'read',
  listEndpointStats: 'read',
  listEvents: 'read',
  getEvent: 'read',
  listDeliveries: 'read',
  watchDeliveries: 'read',
  getDelivery: 'read',
  getAttempt: 'read',
  getStats: 'read',
  listReplays: 'read',
  getReplay: 'read',
  listKeys: 'read',
  getKey: 'read',
  listAudit: 'read',
  listBins: 'read',
  getBin: 'read',
  generateSecret: 'webhooks',
  createEndpoint: 'webhooks',
  changeEndpoint: 'webhooks',
  deleteEndpoint: 'webhooks',
  activateEndpoint: 'webhooks',
  deactivateEndpoint: 'webhooks',
  setTestingMode: 'webhooks',
  rotateSecret: 'webhooks',
  getSecret: 'webhooks',
  verifySignature: 'webhooks',
  testEndpoint: 'webhooks',
  sendExample: 'webhooks',
  retryDelivery: 'webhooks',
  replay: 'webhooks',
  cancelReplay: 'webhooks',
  createBin: 'webhooks',
  changeBin: 'webhooks',
  deleteBin: 'webhooks',
  createKey: 'keys',
  changeKey: 'keys',
  deleteKey: 'keys',
  rotateKey: 'keys',
};

/** Finds out who calls, and refuses what they may not. */
export function authorize(checkOperator: ReturnType<typeof requireOperator>, sessions: Sessions) {
  return async (request: FastifyRequest): Promise<void> => {
    const { token, isCookie } = sessionTokenOf(request);
    if (token === undefined) {
      const problem = checkOperator(request);
      if (problem) throw problem;
      return;
    }
    const session = await sessions.find(token);
    // The cookie is the console's alone: a page's token in it could have been planted by another site.
    if (!session || (isCookie && session.accountId !== null))
      throw new Problem('unauthorized', 'This session has ended; open the page again.');
    // A cookie comes along by itself: what changes something also needs what no other site can send.
    if (isCookie && request.method !== 'GET' && request.headers[PAGE_HEADER] === undefined) {
      throw new Problem('forbidden', `Send the header ${PAGE_HEADER} with the session's cookie.`);
    }
    if (session.accountId === null) callers.set(request.raw, { kind: 'operator', session });
    else {
      checkPermission(request, session, session.accountId);
      callers.set(request.raw, { kind: 'account', session, accountId: session.accountId });
    }
  };
}

/** Whether the session that a long answer was begun with, if it was one, has not ended meanwhile. */
export async function isSessionCurrent(request: FastifyRequest, sessions: Sessions): Promise<boolean> {
  const { token } = sessionTokenOf(request);
  return token === undefined || (await sessions.find(token)) !== undefined;
}

/** Whether the caller may see what webhooks carry to prove themselves: who may change them may. */
export function seesCredentials(request: { raw: object }): boolean {
  const { session } = callerOf(request);
  return session === undefined || session.permissions.includes('webhooks');
}

function sessionTokenOf({ headers }: FastifyRequest): { token: string | undefined; isCookie: boolean } {
  if (headers.authorization === undefined) return { token: tokenIn(headers.cookie), isCookie: true };
  return { token: /^Bearer +(pst_\S+)$/i.exec(headers.authorization)?.[1], isCookie: false };
}

function checkPermission(request: FastifyRequest, { permissions }: PageSession, accountId: string): void {
  const operation = (request.routeOptions.schema as { operationId?: string } | undefined)?.operationId ?? '';
  const needed = PERMISSION_OF[operation];
  if (needed === undefined || !permissions.includes(needed)) throw new Problem('forbidden');
  const { account } = request.params as { account?: string };
  if (account !== undefined && account !== accountId) throw new Problem('account_not_found');
}

export function tokenIn(cookie: string | undefined): string | undefined {
  if (cookie === undefined) return undefined;
  return new RegExp(`(?:^|; *)${SESSION_COOKIE}=([A-Za-z0-9_-]+)`).exec(cookie)?.[1];
}
