import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Problem } from '../domain/errors.ts';
import { TooManyRequests } from '../domain/too-many-requests.ts';
import type { OpenIdConnect, SignInState } from '../manage/open-id-connect.ts';
import { type Operator, PERMISSIONS } from '../storage/page-store.ts';
import type { App, HttpParts } from './app.ts';
import { isKey } from './auth.ts';
import { sessionCookie, tokenIn } from './caller.ts';
import type { KeyGuard } from './key-guard.ts';
import { PERMISSIONS_OF } from './roles.ts';
import { closed } from './schemas.ts';

const SESSION_MS = 12 * 3_600_000;
/** Nobody is known yet: a key, and no more, is read. */
const BODY_BYTES_MAX = 4 * 1024;
/** While somebody signs in elsewhere. */
const STATE_COOKIE = 'posthorn_openid';
const STATE_IN_COOKIE = new RegExp(`(?:^|; *)${STATE_COOKIE}=([\\w-]+)\\.([\\w-]+)\\.([\\w-]+)`);
/** From the start on. */
const LINK_MS = 15 * 60_000;

/** The operator's way into the console: the start's link, once, or the operator key. */
export function signInRoutes(app: App, parts: HttpParts, keyGuard: KeyGuard): void {
  const { store, ids, clock, sessions, operatorKeys, operatorKeyDigest, signInToken, pageOrigin, openId } = parts;
  const linkUntilMs = clock.monotonicMs() + LINK_MS;
  const signIn = async (reply: FastifyReply, by: 'link' | 'key' | 'openid', operator: Operator | null = null) => {
    const expiresAtMs = clock.now() + SESSION_MS;
    const token = await sessions.create({
      accountId: null,
      binId: null,
      userName: operator?.keyId === null ? operator.name : null,
      operator,
      permissions: [...(operator ? PERMISSIONS_OF[operator.role] : PERMISSIONS)],
      theme: {},
      expiresAtMs,
    });
    await store.audit.add({
      id: ids.next('aud'),
      accountId: null,
      actor: 'operator',
      userName: operator?.name ?? null,
      action: 'signIn',
      target: null,
      detail: { by },
    });
    setCookie(reply, token, SESSION_MS / 1000);
  };
  const setCookie = (reply: FastifyReply, token: string, maxAgeS: number) => {
    const { name, attributes } = sessionCookie(pageOrigin());
    reply.header('set-cookie', `${name}=${token}; Path=/; Max-Age=${maxAgeS}; ${attributes}`);
  };

  app.get(
    '/sign-in',
    {
      // A preview of the link may not use it up.
      exposeHeadRoute: false,
      schema: { hide: true, querystring: Type.Object({ token: Type.Optional(Type.String({ maxLength: 100 })) }) },
    },
    async (request, reply) => {
      const expected = signInToken.value;
      const given = Buffer.from(request.query.token ?? '');
      const isRight = given.length === expected.length && timingSafeEqual(given, Buffer.from(expected));
      if (!isRight) return reply.redirect('/console/?link=used', 303);
      if (clock.monotonicMs() >= linkUntilMs) return reply.redirect('/console/?link=expired', 303);
      // Whoever only looks ahead has not come yet.
      if (isPrefetch(request)) return reply.code(204).send();
      if (!(await signInToken.take())) return reply.redirect('/console/?link=used', 303);
      try {
        await signIn(reply, 'link');
      } catch (error) {
        await signInToken.giveBack();
        throw error;
      }
      return reply.redirect('/console/', 303);
    },
  );

  app.post(
    '/sign-in',
    { bodyLimit: BODY_BYTES_MAX, schema: { hide: true, body: closed({ key: Type.String({ maxLength: 512 }) }) } },
    async (request, reply) => {
      const refusal = keyGuard.refusal(request);
      if (refusal) throw refusal;
      const { key } = request.body;
      const isTheirs = isKey(key, operatorKeyDigest);
      const operator = isTheirs ? undefined : await operatorKeys.verify(key);
      if (!isTheirs && !operator)
        throw keyGuard.failed(request, new Problem('unauthorized', 'This is not an operator key.'));
      keyGuard.succeeded(request);
      // The product's server has no business in the console.
      if (operator?.role === 'product') throw new Problem('forbidden', 'A key of the role product opens no console.');
      await signIn(reply, 'key', operator);
      return reply.code(204).send();
    },
  );

  app.get('/sign-in/methods', { schema: { hide: true } }, async () => ({ openid: openId !== undefined }));
  if (openId) openIdRoutes(app, openId, keyGuard, parts, (reply, operator) => signIn(reply, 'openid', operator));

  app.post('/sign-out', { bodyLimit: BODY_BYTES_MAX, schema: { hide: true } }, async (request, reply) => {
    const token = tokenIn(request.headers.cookie, pageOrigin());
    if (token !== undefined) await sessions.end(token);
    setCookie(reply, '', 0);
    return reply.code(204).send();
  });
}

const STATE_MS = 10 * 60_000;
const CALLBACK = '/sign-in/openid/callback';

/** There and back: what belongs together stands in a cookie meanwhile, which comes along when the provider sends somebody back. */
function openIdRoutes(
  app: App,
  openId: OpenIdConnect,
  keyGuard: KeyGuard,
  { pageOrigin }: Pick<HttpParts, 'pageOrigin'>,
  signIn: (reply: FastifyReply, operator: Operator) => Promise<void>,
): void {
  const setState = (reply: FastifyReply, value: string, maxAgeS: number) => {
    const secure = pageOrigin().startsWith('https:') ? '; Secure' : '';
    reply.header(
      'set-cookie',
      `${STATE_COOKIE}=${value}; Path=/sign-in/openid; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax${secure}`,
    );
  };
  app.get('/sign-in/openid', { exposeHeadRoute: false, schema: { hide: true } }, async (request, reply) => {
    try {
      const { url, kept } = await openId.begin(pageOrigin() + CALLBACK);
      setState(reply, [kept.state, kept.nonce, kept.verifier].join('.'), STATE_MS / 1000);
      return reply.redirect(url.href, 303);
    } catch (error) {
      request.log.warn({ err: error }, 'the OpenID provider cannot be used');
      return reply.redirect('/console/?link=failed', 303);
    }
  });

  app.get(CALLBACK, { exposeHeadRoute: false, schema: { hide: true } }, async (request, reply) => {
    const refusal = keyGuard.refusal(request);
    if (refusal) throw refusal;
    const kept = stateIn(request.headers.cookie);
    try {
      if (!kept) throw new Error('nothing was begun in this browser, or too long ago');
      const { name, role } = await openId.finish(new URL(request.url, pageOrigin()), kept);
      setState(reply, '', 0);
      if (role === undefined) {
        request.log.warn({ name }, 'somebody without a role has signed in at the OpenID provider');
        return reply.redirect('/console/?link=no-role', 303);
      }
      await signIn(reply, { keyId: null, name, role });
      return reply.redirect('/console/', 303);
    } catch (error) {
      request.log.warn({ err: error }, 'a sign-in at the OpenID provider was refused');
      const problem = keyGuard.failed(request, new Problem('unauthorized'));
      if (problem instanceof TooManyRequests) throw problem;
      return reply.redirect('/console/?link=failed', 303);
    }
  });
}

function stateIn(cookie = ''): SignInState | undefined {
  const [, state, nonce, verifier] = STATE_IN_COOKIE.exec(cookie) ?? [];
  return state === undefined || nonce === undefined || verifier === undefined ? undefined : { state, nonce, verifier };
}

function isPrefetch({ headers }: FastifyRequest): boolean {
  return ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].some((name) =>
    /prefetch|preview/.test(String(headers[name])),
  );
}
