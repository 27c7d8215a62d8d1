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

  test('asks for the key, takes the sign-in link once, and sets a strict cookie', async () => {
    expect(await (await page('/')).text()).toContain('Operator key');
    const wrong = await page('/sign-in?token=wrong');
    expect(wrong.status).toBe(401);
    const right = await page('/sign-in?token=test-sign-in-token');
    expect(right.status).toBe(303);
    const cookie = right.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    expect((await page('/sign-in?token=test-sign-in-token')).status).toBe(401);
    const home = await page('/', { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(await home.text()).toContain('Deliveries that are not finished');
    expect(home.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(home.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('takes the operator key, and no other', async () => {
    const post = (key: string) =>
      page('/sign-in', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: `key=${key}`,
      });
    expect((await post('wrong')).status).toBe(401);
    expect((await post(OPERATOR_KEY)).status).toBe(303);
  });

  test('the reference and the metrics answer', async () => {
    expect((await page('/docs/')).status).toBe(200);
    expect(await (await page('/metrics')).text()).toContain('posthorn_events_accepted_total');
  });
});
