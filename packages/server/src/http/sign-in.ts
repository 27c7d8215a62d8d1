import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { Problem } from '../domain/errors.ts';
import { PERMISSIONS } from '../storage/page-store.ts';
import type { App, HttpParts } from './app.ts';
import { isKey } from './auth.ts';
import { SESSION_COOKIE, tokenIn } from './caller.ts';
import { closed } from './schemas.ts';

const SESSION_MS = 12 * 3_600_000;

/** The operator's way into the console: the start's link, once, or the operator key. */
export function signInRoutes(
  app: App,
  { store, ids, clock, sessions, operatorKeyDigest, signInToken, pageOrigin }: HttpParts,
): void {
  const signIn = async (reply: FastifyReply, by: 'link' | 'key') => {
    const expiresAtMs = clock.now() + SESSION_MS;
    const token = await sessions.create({
      accountId: null,
      userName: null,
      permissions: [...PERMISSIONS],
      theme: {},
      expiresAtMs,
    });
    await store.audit.add({
      id: ids.next('aud'),
      accountId: null,
      actor: 'operator',
      userName: null,
      action: 'signIn',
      target: null,
      detail: { by },
    });
    const secure = pageOrigin().startsWith('https:') ? '; Secure' : '';
    reply.header(
      'set-cookie',
      `${SESSION_COOKIE}=${token}; Path=/; Max-Age=${SESSION_MS / 1000}; HttpOnly; SameSite=Strict${secure}`,
    );
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
      const isRight =
        expected !== undefined && given.length === expected.length && timingSafeEqual(given, Buffer.from(expected));
      if (!isRight) return reply.redirect('/console/?link=used', 303);
      signInToken.value = undefined;
      try {
        await signIn(reply, 'link');
      } catch (error) {
        signInToken.value = expected;
        throw error;
      }
      return reply.redirect('/console/', 303);
    },
  );

  app.post(
    '/sign-in',
    { schema: { hide: true, body: closed({ key: Type.String({ maxLength: 512 }) }) } },
    async (request, reply) => {
      if (!isKey(request.body.key, operatorKeyDigest)) {
        request.log.warn({ ip: request.ip }, 'a sign-in with a wrong operator key');
        throw new Problem('unauthorized', 'This is not the operator key.');
      }
      await signIn(reply, 'key');
      return reply.code(204).send();
    },
  );

  app.post('/sign-out', { schema: { hide: true } }, async (request, reply) => {
    const token = tokenIn(request.headers.cookie);
    if (token !== undefined) await sessions.end(token);
    reply.header('set-cookie', `${SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict`);
    return reply.code(204).send();
  });
}
