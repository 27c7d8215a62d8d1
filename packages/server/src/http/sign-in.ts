import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Problem } from '../domain/errors.ts';
import type { OpenIdConnect, SignInState } from '../manage/open-id-connect.ts';
import { RateLimiter } from '../manage/rate-limiter.ts';
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
  if (openId) openIdRoutes(app, openId, parts, (reply, operator) => signIn(reply, 'openid', operator));

  app.post('/sign-out', { bodyLimit: BODY_BYTES_MAX, schema: { hide: true } }, async (request, reply) => {
    const token = tokenIn(request.headers.cookie, pageOrigin());
    if (token !== undefined) await sessions.end(token);
    setCookie(reply, '', 0);
    return reply.code(204).send();
  });
}

const STATE_MS = 10 * 60_000;
/** Of one address: each asks the provider. */
const CALLBACKS = { burst: 20, perMinute: 20 };
const CALLBACK = '/sign-in/openid/callback';

/** There and back: what belongs together stands in a cookie meanwhile, which comes along when the provider sends somebody back. */
function openIdRoutes(
  app: App,
  openId: OpenIdConnect,
  { pageOrigin, clock }: Pick<HttpParts, 'pageOrigin' | 'clock'>,
  signIn: (reply: FastifyReply, operator: Operator) => Promise<void>,
): void {
  const rate = new RateLimiter(CALLBACKS, () => clock.monotonicMs());
  const setState = (reply: FastifyReply, value: string, maxAgeS: number) => {
    const { name, attributes } = stateCookie(pageOrigin());
    reply.header('set-cookie', `${name}=${value}; Path=/; Max-Age=${maxAgeS}; ${attributes}`);
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
    const refuse = (link: 'failed' | 'no-role', why: string, error?: unknown) => {
      request.log.warn(error === undefined ? {} : { err: error }, why);
      return reply.redirect(`/console/?link=${link}`, 303);
    };
    const kept = stateIn(request.headers.cookie, pageOrigin());
    if (!kept) return refuse('failed', 'a sign-in that this browser has not begun, or too long ago');
    setState(reply, '', 0);
    if (rate.take(request.ip) > 0) return refuse('failed', 'too many sign-ins at the OpenID provider from one address');
    try {
      const { name, role } = await openId.finish(new URL(request.url, pageOrigin()), kept);
      if (role === undefined)
        return refuse('no-role', `${JSON.stringify(name)} has signed in elsewhere, and has no role here`);
      await signIn(reply, { keyId: null, name, role });
      return reply.redirect('/console/', 303);
    } catch (error) {
      return refuse('failed', 'a sign-in at the OpenID provider was refused', error);
    }
  });
}

function stateIn(cookie = '', origin: string): SignInState | undefined {
  const { name } = stateCookie(origin);
  const [, state, nonce, verifier] =
    new RegExp(`(?:^|; *)${name}=([\\w-]+)\\.([\\w-]+)\\.([\\w-]+)`).exec(cookie) ?? [];
  return state === undefined || nonce === undefined || verifier === undefined ? undefined : { state, nonce, verifier };
}

/** It comes along when the provider sends somebody back: Lax. As with the session, no other host of the domain can set it. */
function stateCookie(origin: string): { name: string; attributes: string } {
  const lax = 'HttpOnly; SameSite=Lax';
  return origin.startsWith('https:')
    ? { name: '__Host-posthorn_openid', attributes: `${lax}; Secure` }
    : { name: 'posthorn_openid', attributes: lax };
}

function isPrefetch({ headers }: FastifyRequest): boolean {
  return ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].some((name) =>
    /prefetch|preview/.test(String(headers[name])),
  );
}
