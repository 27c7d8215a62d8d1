/** The page in another product: its look, links in and out, and sessions that are renewed without a reload. */
/// <reference lib="dom" />

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, describe, expect, test } from 'vitest';
import { pageSuite, startOtherOrigin } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const shop = await startOtherOrigin();
afterAll(() => shop.stop());
const suite = pageSuite({ environment: { POSTHORN_EMBED_ORIGINS: shop.origin } });

const HOST = fileURLToPath(new URL('../../browser/react-host.mjs', import.meta.url));

const sessionOf = async (account: string, more: object = {}): Promise<string> =>
  (await suite.node.call('POST', `/v1/accounts/${account}/page-sessions`, more)).body.url;

/** The product's own page, which asks for sessions as its server would. */
async function host(account: string, script: string, more: object = {}, opened?: Page) {
  const page = opened ?? (await suite.blank());
  const given: string[] = [];
  await page.exposeFunction('newSession', async () => {
    const url = await sessionOf(account, given.length === 0 ? more : {});
    given.push(url);
    return url;
  });
  await page.goto(shop.origin);
  await page.evaluate(
    (text) =>
      new Promise((resolve, reject) => {
        const element = document.createElement('script');
        element.type = 'module';
        element.textContent = `${text}\nwindow.dispatchEvent(new Event('begun'));`;
        element.onerror = reject;
        addEventListener('begun', resolve);
        document.body.append(element);
      }),
    script,
  );
  return { page, frame: page.frameLocator('iframe'), given };
}

const MOUNT = () => `
  import { embed } from '${suite.node.url}/embed.js';
  const element = document.createElement('div');
  document.body.append(element);
  window.paths = [];
  window.embedded = embed(element, {
    session: () => window.newSession(),
    path: '/events?event=order.paid',
    onPath: (path) => window.paths.push(path),
  });
`;

test('the example of docs/page.md is embedded as it stands there', async () => {
  const docs = readFileSync(new URL('../../../docs/page.md', import.meta.url), 'utf8');
  const [, block = ''] = /```html\n([\s\S]*?)```/.exec(docs) ?? [];
  const account = await createAccount(suite.node, 'standard');
  const page = await suite.blank();
  await page.route(`${shop.origin}/developers-session`, async (route) =>
    route.fulfill({ json: { url: await sessionOf(account, {}) } }),
  );
  await page.route(`${shop.origin}/`, (route) =>
    route.fulfill({ contentType: 'text/html', body: block.replace('https://hooks.example.com', suite.node.url) }),
  );
  await page.goto(`${shop.origin}/#/keys`);
  await page.frameLocator('iframe').getByRole('heading', { name: 'No API keys yet' }).waitFor();
  await page.frameLocator('iframe').getByRole('link', { name: 'Messages' }).click();
  await expect.poll(() => new URL(page.url()).hash).toBe('#/messages');
});

describe('embedded with the script that this server has', () => {
  test('a link leads in, the way leads out, and the host leads elsewhere', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { page, frame } = await host(account, MOUNT());
    await frame.getByRole('dialog').waitFor();
    await page.evaluate(() =>
      (window as never as { embedded: { navigate(path: string): void } }).embedded.navigate('/keys'),
    );
    await frame.getByRole('heading', { name: 'No API keys yet' }).waitFor();
    await frame.getByRole('link', { name: 'Messages' }).click();
    await frame.getByRole('heading', { name: 'No messages yet' }).waitFor();
    const paths = await page.evaluate(() => (window as never as { paths: string[] }).paths);
    expect(paths[0]).toBe('/events?event=order.paid');
    expect(paths.at(-1)).toBe('/messages');
    const height = await page.locator('iframe').evaluate((element) => element.getBoundingClientRect().height);
    expect(height).toBeGreaterThan(150);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });

  test('a session that has ended is renewed by the host: nothing is loaded anew, nothing that was typed is lost', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { frame, given } = await host(account, MOUNT().replace('/events?event=order.paid', '/'));
    await frame.getByRole('button', { name: 'Create endpoint' }).first().click();
    const url = frame.getByRole('dialog').getByLabel('URL', { exact: true });
    await url.fill(suite.receiver.url('/typed'));
    await suite.node.call('DELETE', `/v1/accounts/${account}/page-sessions`);
    await frame.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await expect.poll(() => given.length, { timeout: 15_000 }).toBe(2);
    await frame.getByText('Your session has ended.').first().waitFor({ state: 'detached' });
    expect(await url.inputValue()).toBe(suite.receiver.url('/typed'));
    await frame.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await frame.getByText('Endpoint created.').waitFor();
  });

  test('a session that soon ends is renewed before it does', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.blank();
    await page.clock.install();
    const { frame, given } = await host(account, MOUNT(), { expires_in: 100 }, page);
    await frame.getByRole('dialog').waitFor();
    await page.clock.fastForward(60_000);
    expect(given).toHaveLength(1);
    // The last quarter of a short one has begun.
    await page.clock.fastForward(20_000);
    await expect.poll(() => given.length, { timeout: 15_000 }).toBe(2);
    await page.clock.fastForward(60_000);
    await frame.getByRole('dialog').waitFor();
    expect(given).toHaveLength(2);
  });

  test('attack: only the page around it is heard, and only tokens are tokens', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { page, frame } = await host(account, MOUNT().replace('/events?event=order.paid', '/'));
    await frame.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
    const inside = page.frames().find((one) => one.url().startsWith(suite.node.url));
    await inside?.evaluate(() => {
      window.postMessage({ type: 'posthorn:navigate', path: '/keys' }, '*');
    });
    await page.evaluate(() => {
      const [element] = document.getElementsByTagName('iframe');
      for (const message of [
        { type: 'posthorn:navigate', path: '//evil.example/' },
        { type: 'posthorn:navigate', path: 'javascript:alert(1)' },
        { type: 'posthorn:token', token: 'nonsense"><script>' },
        null,
        'text',
        // The last one is right: when it is obeyed, all of those before it have been heard.
        { type: 'posthorn:navigate', path: '/messages' },
      ]) {
        element?.contentWindow?.postMessage(message, '*');
      }
    });
    await frame.getByRole('heading', { name: 'Messages', exact: true }).waitFor();
    await frame.getByRole('link', { name: 'API keys' }).click();
    await frame.getByRole('heading', { name: 'No API keys yet' }).waitFor();
  });
});

test('as a React component: a new path goes there, and the page is taken out with it', async () => {
  const built = await build({
    logLevel: 'silent',
    configFile: false,
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, lib: { entry: HOST, formats: ['es'] } },
  });
  const [output] = Array.isArray(built) ? built : [built];
  const code = output && 'output' in output ? output.output[0].code : '';
  const account = await createAccount(suite.node, 'standard');
  const { page, frame } = await host(account, code);
  await frame.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
  await page.evaluate(() => (window as never as { go(path: string): void }).go('/keys'));
  await frame.getByRole('heading', { name: 'No API keys yet' }).waitFor();
  await frame.getByRole('link', { name: 'Messages' }).click();
  await expect.poll(() => page.evaluate(() => (window as never as { path: string }).path)).toBe('/messages');
  await page.evaluate(() => (window as never as { leave(): void }).leave());
  await expect.poll(() => page.locator('iframe').count()).toBe(0);
});

test('has the ground, the face and the corners of its host; and opens where the link says', async () => {
  const account = await createAccount(suite.node, 'standard');
  await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
  const theme = { background: '#1d2433', font: '"Courier New", monospace', radius: 0, accent: '#ffb000' };
  const made = await sessionOf(account, { theme, path: '/messages?status=discarded' });
  const page = await suite.blank();
  await page.goto(made);
  await page.getByText('Nothing found').waitFor();
  expect(page.url()).toMatch(/\/page\/messages\?status=discarded$/);
  const look = await page.getByRole('button', { name: 'Filters', exact: true }).evaluate((button) => ({
    ground: getComputedStyle(document.body).backgroundColor,
    font: getComputedStyle(button).fontFamily,
    radius: getComputedStyle(button).borderRadius,
    mode: document.documentElement.dataset.mode,
  }));
  expect(look).toEqual({ ground: 'rgb(29, 36, 51)', font: '"Courier New", monospace', radius: '0px', mode: 'dark' });
  for (const path of ['//evil.example', 'messages', '/a#b', '/a b', '/\\evil']) {
    const refused = await suite.node.call('POST', `/v1/accounts/${account}/page-sessions`, { path });
    expect(refused.status, path).toBe(400);
  }
  const bad = await suite.node.call('POST', `/v1/accounts/${account}/page-sessions`, {
    theme: { font: 'x; } body { display: none' },
  });
  expect(bad.status).toBe(400);
});
