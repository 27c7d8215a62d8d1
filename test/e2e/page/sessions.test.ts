/** Who sees what: sessions, permissions, embedding, languages. */
/// <reference lib="dom" />
import { afterAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { pageSuite, startOtherOrigin } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const shop = await startOtherOrigin();
afterAll(() => shop.stop());
const suite = pageSuite({ environment: { POSTHORN_EMBED_ORIGINS: shop.origin } });

describe('sessions', () => {
  test('attack: the session of one account cannot see or change another', async () => {
    const [mine, theirs] = [await createAccount(suite.node, 'standard'), await createAccount(suite.node, 'standard')];
    const { id, path } = await createWebhook(suite.node, theirs, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: '*' }],
    });
    const { body } = await suite.node.call('POST', `/v1/accounts/${mine}/page-sessions`, {});
    const as = (method: string, where: string, sent?: unknown) =>
      suite.node.call(method, where, sent, { authorization: `Bearer ${body.token}` });
    for (const where of [
      '/endpoints',
      '/deliveries',
      '/events',
      '/keys',
      '/audit',
      '/bins',
      '/replays',
      '/stats',
      '/endpoint-stats',
    ]) {
      expect((await as('GET', `/v1/accounts/${theirs}${where}`)).status).toBe(404);
      expect((await as('GET', `/v1/accounts/${mine}${where}`)).status).toBe(200);
    }
    expect((await as('GET', `${path}/secret`)).status).toBe(404);
    expect((await as('GET', `/v1/accounts/${mine}/endpoints/${id}/secret`)).status).toBe(404);
    expect((await as('DELETE', path)).status).toBe(404);
    for (const [method, where] of [
      ['GET', '/v1/accounts'],
      ['GET', '/v1/audit'],
      ['GET', '/v1/overview'],
      ['POST', '/v1/accounts'],
      ['POST', `/v1/accounts/${mine}/events`],
      ['POST', `/v1/accounts/${mine}/page-sessions`],
      ['DELETE', `/v1/accounts/${mine}`],
      ['POST', '/v1/keys/verify'],
    ] as const) {
      expect((await as(method, where, method === 'GET' ? undefined : {})).status).toBe(403);
    }
    expect((await as('GET', `/v1/accounts/${mine}/endpoints`)).status).toBe(200);
    const wrong = await suite.node.call('GET', '/v1/page', undefined, { authorization: 'Bearer pst_wrong' });
    expect(wrong.status).toBe(401);
  });

  test('read only shows everything and offers no change', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    const page = await suite.show(account, '', { session: { permissions: ['read'] } });
    await page.getByRole('cell', { name: 'All events' }).waitFor();
    for (const section of ['', '/keys', '/inspector', '/messages', '/events?event=order.created']) {
      await page.goto(`${suite.node.url}/page${section}`);
      await page.getByRole('heading').first().waitFor();
      await page.locator('.skeleton').first().waitFor({ state: 'detached' });
      const offered = page.getByRole('button', { name: /Create|Generate|New bin|Replay|Send|Delete|Rotate|Resend/ });
      expect(await offered.count(), section).toBe(0);
    }
    const { body } = await suite.node.call('POST', `/v1/accounts/${account}/page-sessions`, { permissions: ['read'] });
    const answer = await suite.node.call(
      'POST',
      `/v1/accounts/${account}/bins`,
      {},
      { authorization: `Bearer ${body.token}` },
    );
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  test('embedded in another origin: tabs, theme, height; other origins are refused', async () => {
    const account = await createAccount(suite.node, 'standard');
    const theme = { accent: '#0a7d4b', mode: 'dark' };
    const { body } = await suite.node.call('POST', `/v1/accounts/${account}/page-sessions`, { theme });
    const page = await suite.blank();
    await page.goto(shop.origin);
    const height = page.evaluate(
      (src) =>
        new Promise<number>((resolve) => {
          addEventListener('message', (event) => {
            const data = event.data as { type?: string; height?: number };
            if (data.type === 'posthorn:height' && (data.height ?? 0) > 100) resolve(data.height ?? 0);
          });
          const frame = document.createElement('iframe');
          frame.src = src;
          frame.style.width = '900px';
          document.body.append(frame);
        }),
      body.url as string,
    );
    expect(await height).toBeGreaterThan(100);
    const frame = page.frameLocator('iframe');
    await frame.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
    // Its navigation lies above the content: tabs, as in the product around it.
    const [tabs, heading] = await Promise.all([
      frame.getByRole('navigation').boundingBox(),
      frame.getByRole('heading', { name: 'No endpoints yet' }).boundingBox(),
    ]);
    expect((tabs?.y ?? 0) + (tabs?.height ?? 0)).toBeLessThanOrEqual(heading?.y ?? 0);
    const style = await frame.locator('html').evaluate((html) => ({
      mode: html.dataset.mode,
      accent: html.style.getPropertyValue('--accent'),
    }));
    expect(style).toEqual({ mode: 'dark', accent: '#0a7d4b' });
    // What lies above the page is put where it is seen; and the frame shrinks again.
    const element = page.locator('iframe');
    await page.evaluate(() => {
      addEventListener('message', (event) => {
        const data = event.data as { type?: string; height?: number };
        const [frame] = document.getElementsByTagName('iframe');
        if (frame && data.type === 'posthorn:height') frame.style.height = `${data.height}px`;
      });
      document.body.style.paddingTop = '300px';
    });
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    await frame.locator('html').evaluate(() => location.reload());
    await frame.getByRole('link', { name: 'API keys' }).click();
    const small = (await element.boundingBox())?.height ?? 0;
    await frame.getByRole('link', { name: 'Messages' }).click();
    await eventually(
      () => element.boundingBox(),
      (box) => (box?.height ?? 0) > small + 100,
    );
    await frame.getByRole('link', { name: 'Endpoints' }).click();
    await eventually(
      () => element.boundingBox(),
      (box) => (box?.height ?? 0) < small + 100,
    );
    await frame.getByRole('button', { name: 'All events', exact: true }).click();
    await frame.getByRole('button', { name: 'Send test' }).click();
    await frame.getByRole('button', { name: 'Close' }).waitFor();
    const { height: seen = 0 } = page.viewportSize() ?? {};
    await eventually(
      () => frame.getByRole('button', { name: 'Send test' }).boundingBox(),
      (box) => box !== null && box.y > 300 && box.y + box.height <= seen,
    );
    // A host that renews the session changes nothing but what stands behind the `#`.
    const renewed = await suite.node.call('POST', `/v1/accounts/${account}/page-sessions`, {
      theme: { mode: 'light' },
    });
    await page.evaluate((src) => {
      const [frame] = document.getElementsByTagName('iframe');
      if (frame) frame.src = src;
    }, renewed.body.url as string);
    await frame.locator('html[data-mode="light"]').waitFor({ state: 'attached' });
    const csp = (await fetch(`${suite.node.url}/page/`)).headers.get('content-security-policy');
    expect(csp).toMatch(new RegExp(`frame-ancestors ${shop.origin}(;|$)`));
    // Nobody else gets it into a frame.
    const stranger = await startOtherOrigin();
    try {
      await page.goto(stranger.origin);
      await page.evaluate((src) => {
        const frame = document.createElement('iframe');
        frame.src = src;
        document.body.append(frame);
      }, body.url as string);
      suite.forgive(/frame-ancestors|refused to connect|Framing/i);
      await eventually(
        async () => page.frames().map((one) => one.url()),
        (urls) => urls.some((url) => url.startsWith('chrome-error:')),
      );
    } finally {
      stranger.stop();
    }
    expect((await fetch(`${suite.node.url}/console/`)).headers.get('content-security-policy')).toContain(
      "frame-ancestors 'none'",
    );
  });

  test('a session that ends says so in a banner, keeps what was typed, and goes on when it is opened again', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.show(account);
    await page.clock.install();
    await page.getByRole('button', { name: 'Create endpoint' }).first().click();
    const form = page.getByRole('dialog');
    await form.getByLabel('URL', { exact: true }).fill(suite.receiver.url('/typed'));
    await suite.node.call('DELETE', `/v1/accounts/${account}/page-sessions`);
    await form.getByRole('button', { name: 'Add', exact: true }).click();
    const banner = page.getByText('Your session has ended.', { exact: true }).first();
    await banner.waitFor();
    // The banner and the form say so; what is behind it stays as it was, and nothing asks any more.
    const asked: string[] = [];
    page.on('request', (request) => void asked.push(new URL(request.url()).pathname));
    await page.clock.fastForward(60_000);
    expect(asked.filter((path) => path !== '/v1/page')).toEqual([]);
    expect(await form.getByLabel('URL', { exact: true }).inputValue()).toBe(suite.receiver.url('/typed'));
    // Opened again in another tab, of this account and of another one.
    for (const whose of [await createAccount(suite.node, 'loops'), account]) {
      const { body } = await suite.node.call('POST', `/v1/accounts/${whose}/page-sessions`, {});
      const other = await page.context().newPage();
      await other.goto(body.url);
      await other.getByRole('navigation').getByRole('link', { name: 'API keys' }).waitFor();
    }
    await page.bringToFront();
    await page.getByRole('button', { name: 'Try again' }).click();
    await banner.waitFor({ state: 'detached' });
    await form.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('Endpoint created.').waitFor();
    const list = await suite.node.call('GET', `/v1/accounts/${account}/endpoints`);
    expect(list.body.data).toHaveLength(1);
  });

  test('without a network, and while the server fails, the page says so, keeps what was typed, and goes on by itself', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.show(account);
    suite.forgive(/ERR_INTERNET_DISCONNECTED|status of 503/);
    await page.getByRole('button', { name: 'Create endpoint' }).first().click();
    const form = page.getByRole('dialog');
    const url = form.getByLabel('URL', { exact: true });
    await url.fill(suite.receiver.url('/offline'));
    await page.context().setOffline(true);
    await page.getByText('You are offline.').waitFor();
    await form.getByRole('button', { name: 'Add', exact: true }).click();
    await form.getByText('The server cannot be reached.').waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.context().setOffline(false);
    await page.getByText('You are offline.').waitFor({ state: 'detached' });
    expect(await url.inputValue()).toBe(suite.receiver.url('/offline'));
    let isFailing = true;
    await page.route('**/v1/**', (route) =>
      isFailing ? route.fulfill({ status: 503, body: 'upstream' }) : route.continue(),
    );
    await page.getByText('The server has a problem.').waitFor({ timeout: 30_000 });
    isFailing = false;
    await page.getByText('The server has a problem.').waitFor({ state: 'detached' });
    await form.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('Endpoint created.').waitFor();
  });

  test('a link that is opened in another tab works there; with two accounts open none is guessed', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.show(account);
    await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
    const other = await page.context().newPage();
    await other.goto(`${suite.node.url}/page/messages`);
    await other.getByRole('heading', { name: 'No messages yet' }).waitFor();
    const second = await createAccount(suite.node, 'loops');
    const { body } = await suite.node.call('POST', `/v1/accounts/${second}/page-sessions`, {});
    await other.goto('about:blank');
    await other.goto(body.url);
    await other.getByRole('navigation').getByRole('link', { name: 'API keys' }).waitFor();
    const third = await page.context().newPage();
    await third.goto(`${suite.node.url}/page/messages`);
    await third.getByRole('heading', { name: 'This page is not open any more' }).waitFor();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await third.getByRole('heading', { name: 'This page is not open any more' }).waitFor();
  });

  test('works where the browser keeps nothing for it', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { body } = await suite.node.call('POST', `/v1/accounts/${account}/page-sessions`, {});
    const page = await suite.blank();
    await page.addInitScript(() => {
      for (const name of ['localStorage', 'sessionStorage']) {
        Object.defineProperty(window, name, {
          get: () => {
            throw new DOMException('The request was denied.', 'SecurityError');
          },
        });
      }
    });
    await page.goto(body.url);
    await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
    await page.keyboard.press('m');
    await page.getByRole('heading', { name: 'No messages yet' }).waitFor();
  });
});
