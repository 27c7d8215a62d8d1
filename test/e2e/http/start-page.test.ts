/** The start page, the reference and the metrics. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OPERATOR_KEY, startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';

let node: TestNode;
let receiver: Receiver;

beforeAll(async () => {
  node = await startTestNode();
  receiver = await Receiver.start();
  await node.createEndpoint(receiver.url());
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

describe('the start page', () => {
  const page = (path: string, init: RequestInit = {}) => fetch(`${node.url}${path}`, { redirect: 'manual', ...init });

  test('leads to the console, takes the sign-in link once, and sets a strict cookie', async () => {
    expect((await page('/')).headers.get('location')).toBe('/console/');
    expect((await page('/sign-in?token=wrong')).headers.get('location')).toBe('/console/?link=used');
    const right = await page('/sign-in?token=test-sign-in-token');
    expect(right.status).toBe(303);
    const cookie = right.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    expect((await page('/sign-in?token=test-sign-in-token')).headers.get('set-cookie')).toBeNull();
    const signedIn = { cookie: cookie.split(';')[0] ?? '' };
    expect((await page('/v1/page', { headers: signedIn })).status).toBe(200);
    expect((await page('/v1/page')).status).toBe(401);
    expect((await page('/sign-out', { method: 'POST', headers: signedIn })).status).toBe(204);
    expect((await page('/v1/page', { headers: signedIn })).status).toBe(401);
  });

  test('has a strict policy for what a browser may load', async () => {
    const console = await page('/console/accounts');
    const policy = console.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(console.headers.get('x-content-type-options')).toBe('nosniff');
    const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? '';
    expect(await console.text()).toContain(nonce);
    expect((await page('/console/')).headers.get('content-security-policy')).not.toContain(nonce);
  });

  test('takes the operator key, and no other', async () => {
    const post = (key: string) =>
      page('/sign-in', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ key }),
      });
    expect((await post('wrong')).status).toBe(401);
    expect((await post(OPERATOR_KEY)).status).toBe(204);
  });

  test("attack: another site's form cannot change anything with the cookie", async () => {
    const signIn = await page('/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key: OPERATOR_KEY }),
    });
    const cookie = (signIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const headers = { cookie, 'content-type': 'application/json' };
    const body = JSON.stringify({ id: 'forged', name: 'x', contract: 'standard' });
    expect((await page('/v1/accounts', { method: 'POST', headers, body })).status).toBe(403);
    const own = { ...headers, 'x-posthorn-page': '1' };
    expect((await page('/v1/accounts', { method: 'POST', headers: own, body })).status).toBe(201);
  });

  test('the reference and the metrics answer', async () => {
    expect((await page('/docs/')).status).toBe(200);
    expect(await (await page('/metrics')).text()).toContain('posthorn_events_accepted_total');
  });
});
