import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { callerOf, denyUnknown, OPERATOR, seesCredentials, setCaller } from './caller.ts';

describe('attack: a route that nobody has put a check before', () => {
  async function ask(url: string, isKnown = false) {
    const app = Fastify();
    denyUnknown(app);
    let ran = false;
    if (isKnown) app.addHook('onRequest', async (request) => setCaller(request, OPERATOR));
    app.post(url, async (request) => {
      ran = true;
      return { kind: callerOf(request).kind, sees: seesCredentials(request) };
    });
    const answer = await app.inject({ method: 'POST', url: url.replaceAll(/[:*]\w*/g, 'x'), payload: { a: 1 } });
    await app.close();
    return { status: answer.statusCode, ran, body: answer.json() };
  }

  test.each(['/v1/forgotten', '/v1/accounts/:account/forgotten', '/healthz/more', '/pages', '/forgotten'])(
    '%s gets nothing',
    async (url) => expect(await ask(url)).toMatchObject({ status: 401, ran: false }),
  );

  test('the operator passes where the check has said so', async () => {
    expect(await ask('/v1/checked', true)).toEqual({ status: 200, ran: true, body: { kind: 'operator', sees: true } });
  });

  test('where no caller is needed, none is taken for the operator', async () => {
    expect(await ask('/bin/:token')).toMatchObject({ status: 401, ran: true });
  });
});
