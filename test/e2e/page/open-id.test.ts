/** Operators who sign in at an OpenID provider: the real one of the registry, in a real browser. */
/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../support/brokers/broker.ts';
import { OPENID_CLIENT, type OpenIdProvider, startOpenIdProvider } from '../../support/open-id-provider.ts';
import { axe, pageSuite } from '../../support/page.ts';

const [providerPort, nodePort] = [await freePort(), await freePort()];
const suite = pageSuite({
  environment: {
    POSTHORN_PORT: String(nodePort),
    POSTHORN_OIDC_ISSUER: `http://127.0.0.1:${providerPort}`,
    POSTHORN_OIDC_CLIENT_ID: OPENID_CLIENT.id,
    POSTHORN_OIDC_CLIENT_SECRET: OPENID_CLIENT.secret,
    POSTHORN_OIDC_ROLES: 'groups=ops:admin,groups=help:viewer',
  },
});

let provider: OpenIdProvider;
beforeAll(async () => {
  provider = await startOpenIdProvider(
    providerPort,
    { jane: ['staff', 'ops'], joe: ['help'], mallory: ['staff'] },
    `http://127.0.0.1:${nodePort}/sign-in/openid/callback`,
  );
});
afterAll(() => provider.stop());

async function signIn(name: string): Promise<Page> {
  const page = await suite.blank();
  // The provider's own page wants fonts of the internet.
  await page.route(/^https:/, (route) => route.fulfill({ contentType: 'text/css', body: '' }));
  await page.goto(`${suite.node.url}/console/`);
  await page.getByRole('link', { name: 'Sign in with single sign-on' }).click();
  await page.getByPlaceholder('Enter any login').fill(name);
  await page.getByPlaceholder('and password').fill('x');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  return page;
}

test('by their group they are administrators, and the audit log names them', async () => {
  const page = await signIn('jane');
  await page.getByText('jane@example.com', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Operator keys' }).waitFor();
  const [entry] = (await suite.node.call('GET', '/v1/audit')).body.data;
  expect(entry).toMatchObject({
    action: 'signIn',
    actor: 'operator',
    user_name: 'jane@example.com',
    detail: { by: 'openid' },
  });
  // A session of this server's own: it goes on without the provider.
  await page.reload();
  await page.getByText('jane@example.com', { exact: true }).waitFor();
});

test('by another group they look, and change nothing', async () => {
  const page = await signIn('joe');
  await page.getByText('joe@example.com', { exact: true }).waitFor();
  expect(await page.getByRole('link', { name: 'Operator keys' }).count()).toBe(0);
  const status = await page.evaluate(async () => {
    const answer = await fetch('/v1/accounts', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-posthorn-page': '1' },
      body: JSON.stringify({ name: 'x', contract: 'standard' }),
    });
    return answer.status;
  });
  expect(status).toBe(403);
});

test('without a group they do not come in, and are told so', async () => {
  const page = await signIn('mallory');
  await page.getByText('You are signed in there, and have no role here.').waitFor();
  expect(await axe(page)).toEqual([]);
  expect((await page.request.get(`${suite.node.url}/v1/accounts`)).status()).toBe(401);
});

test('attack: an answer that this browser has not asked for opens nothing', async () => {
  const page = await suite.blank();
  const { url } = suite.node;
  for (const cookie of ['', 'posthorn_openid=a.b.c', 'posthorn_openid=state.nonce.verifier']) {
    const answer = await fetch(
      `${url}/sign-in/openid/callback?code=stolen&state=state&iss=${encodeURIComponent(provider.issuer)}`,
      {
        headers: cookie === '' ? {} : { cookie },
        redirect: 'manual',
      },
    );
    expect(answer.headers.get('location')).toBe('/console/?link=failed');
    expect(answer.headers.getSetCookie().some((one) => one.startsWith('posthorn_session'))).toBe(false);
  }
  await page.goto(`${url}/console/?link=failed`);
  await page.getByText('Signing in did not work.').waitFor();
});

test('the provider is away: it is told so, and the key still opens', async () => {
  await provider.stop();
  const page = await suite.blank();
  await page.goto(`${suite.node.url}/console/`);
  await page.getByLabel('Operator key').waitFor();
  const fresh = await fetch(`${suite.node.url}/sign-in/openid/callback?code=x&state=s`, {
    headers: { cookie: 'posthorn_openid=s.n.v' },
    redirect: 'manual',
  });
  expect(fresh.headers.get('location')).toBe('/console/?link=failed');
  provider = await startOpenIdProvider(providerPort, {}, `http://127.0.0.1:${nodePort}/sign-in/openid/callback`);
});
