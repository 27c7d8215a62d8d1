/**
 * The Developers page and the console, in a real browser on a real server.
 */
/// <reference lib="dom" />
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, OPERATOR_KEY, startTestNode, type TestNode } from '../support/node.ts';
import { axe, launch, type Opened, open, openAccount } from '../support/page.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, createWebhook } from '../support/vendors.ts';

let node: TestNode;
let browser: Browser;
let receiver: Receiver;
const opened: Opened[] = [];
const EMBEDDING = createServer((_, response) =>
  response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Shop</title><body></body>'),
);

beforeAll(async () => {
  await new Promise<void>((resolve) => EMBEDDING.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(EMBEDDING.address() as AddressInfo).port}`;
  [node, browser] = await Promise.all([startTestNode({ environment: { POSTHORN_EMBED_ORIGINS: origin } }), launch()]);
});
afterAll(async () => {
  await browser.close();
  await node.stop();
  EMBEDDING.close();
});
beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(async () => {
  for (const { context, complaints } of opened.splice(0)) {
    await context.close();
    expect(complaints).toEqual([]);
  }
  await receiver.stop();
});

const show = async (account: string, path = '', more: Parameters<typeof openAccount>[4] = {}) => {
  const one = await openAccount(browser, node, account, path, more);
  opened.push(one);
  return one.page;
};
const signedIn = async () => {
  const one = await open(browser);
  opened.push(one);
  await one.page.goto(`${node.url}/console/`);
  await one.page.getByLabel('Operator key').fill(OPERATOR_KEY);
  await one.page.getByRole('button', { name: 'Sign in' }).click();
  await one.page.getByRole('heading', { name: 'Accounts' }).waitFor();
  return one.page;
};
const publishReturn = (account: string, id = '7') =>
  node.publish(account, 'return.created', { id, state: 'open', created_at: '2026-01-01T00:00:00Z' });

describe('webhooks', () => {
  test('create one, send a test, see it in Messages live, let it fail, see the countdown, resend', async () => {
    const account = await createAccount(node, 'loop-returns');
    const page = await show(account);
    await page.getByRole('heading', { name: 'No webhooks yet' }).waitFor();
    await page.getByRole('button', { name: 'Create webhook' }).first().click();
    await page.getByLabel('Event').selectOption('return.created');
    await page.getByLabel('Response').selectOption('label');
    await page.getByText('nothing will ever be sent').waitFor();
    await page.getByLabel('Response').selectOption('return');
    await page.getByLabel('URL').fill('nonsense');
    await page.getByText('Write the whole address').waitFor();
    await page.getByLabel('URL').fill(receiver.url());
    await page.getByText('"trigger": "return.created"').waitFor();
    await page.getByRole('button', { name: 'Add' }).click();
    // Its window opens: inactive until it is activated, with its secret.
    await page.getByText('not activated yet').first().waitFor();
    await page.getByRole('button', { name: 'Reveal the secret' }).click();
    await eventually(
      () => page.getByTestId('secret').innerText(),
      (text) => /^[0-9a-f]{32}$/.test(text),
    );
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies with the secret of this webhook.').waitFor();
    await page.getByRole('button', { name: 'Activate', exact: true }).click();
    await page.getByRole('dialog').getByText('Active', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Close' }).first().click();

    await page.getByRole('link', { name: 'Messages' }).click();
    await page.locator('.rows').getByText('Delivered').waitFor();
    receiver.respond = (_, response) =>
      void response.writeHead(503, { 'content-type': 'text/plain' }).end('under repair');
    await publishReturn(account);
    await page.locator('.rows').getByText('Retrying').click();
    await page
      .getByTestId('countdown')
      .getByText(/Next try in \d+ s/)
      .waitFor();
    await page.getByText('your server answered 503').waitFor();
    await page.getByText('under repair').waitFor();
    expect(page.url()).toContain('message=dlv_');
    receiver.respond = (_, response) => void response.writeHead(200).end('ok');
    await page.getByRole('button', { name: 'Resend' }).click();
    await page.getByRole('status').getByText('Delivered:').waitFor();
  });

  test('Testing Mode, deactivate, delete with undo', async () => {
    const account = await createAccount(node, 'loop-returns');
    const { id } = await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ topic: 'label', trigger: 'label.created' }],
      status: 'active',
    });
    const page = await show(account, `/?endpoint=${id}`);
    await page.getByRole('switch', { name: 'Testing Mode' }).click();
    await page
      .getByText(/Testing Mode, 2 d 23 h left/)
      .first()
      .waitFor();
    await receiver.received(1);
    await page.getByRole('switch', { name: 'Testing Mode' }).click();
    await page.getByRole('dialog').getByText('Active', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Deactivate' }).click();
    await page.getByText('deactivated by hand').first().waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^Delete the webhook/ }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('heading', { name: 'No webhooks yet' }).waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('cell', { name: 'Label created' }).waitFor();
    expect((await node.call('GET', `/v1/accounts/${account}/endpoints/${id}`)).status).toBe(200);
  });

  test('help with verifying: code for this contract, and why a pasted signature fails', async () => {
    const account = await createAccount(node, 'loop-returns');
    const { id } = await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      status: 'active',
    });
    await publishReturn(account, 'a/b');
    const [request] = await receiver.received(1);
    if (!request) throw new Error('nothing came');
    const page = await show(account, `/?endpoint=${id}&tab=verify`);
    for (const language of ['Python', 'Go', 'PHP', 'Ruby', 'TypeScript']) {
      await page.getByRole('tab', { name: language }).click();
      await page
        .getByRole('region', { name: `${language} code` })
        .getByText(/x-loop-signature/i)
        .first()
        .waitFor();
    }
    await page.getByLabel('Headers, as they arrived').fill(`X-Loop-Signature: ${request.headers['x-loop-signature']}`);
    const body = page.getByLabel('Body, as your code sees it');
    await body.fill(request.body.toString());
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('The signature is right.').waitFor();
    await body.fill(JSON.stringify(JSON.parse(request.body.toString())));
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('The body was parsed and written again.').waitFor();
    await body.fill('{"something":"else"}');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('another secret, or for another body').waitFor();
  });

  test('Loops: URL, on and off, toggles by group and event, messages below', async () => {
    const account = await createAccount(node, 'loops');
    const { path } = await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ trigger: 'contact.created' }],
    });
    const page = await show(account);
    await page.getByRole('switch', { name: 'All of Email events' }).click();
    await eventually(
      async () => (await node.call('GET', path)).body.subscriptions.length,
      (count) => count === 9,
    );
    await page.getByText('Email events', { exact: false }).first().click();
    await page.getByRole('checkbox', { name: /email\.opened/ }).uncheck();
    await eventually(
      async () => (await node.call('GET', path)).body.subscriptions.map((s: { trigger: string }) => s.trigger),
      (triggers) => triggers.length === 8 && !triggers.includes('email.opened'),
    );
    await page.getByRole('switch', { name: 'Turn the endpoint off' }).click();
    await page.getByRole('switch', { name: 'Turn the endpoint on' }).waitFor();
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies').waitFor();
    await page.getByRole('button', { name: 'Test event' }).waitFor();
  });

  test('Loop Subscriptions: address, topic and version', async () => {
    const account = await createAccount(node, 'loop-subscriptions');
    const page = await show(account, '/?new=1');
    await page.getByLabel('Topic').selectOption('order/processed');
    await page.getByLabel('Address').fill('http://example.com/');
    await page.getByText('Only https is allowed here.').waitFor();
    await page.getByLabel('Address').fill('https://example.com/hook');
    await page.getByLabel('API version').selectOption('2026-04');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('dialog').getByText('2026-04').waitFor();
  });
});

describe('messages', () => {
  test('filters in the URL, search in payloads, replay with preview', async () => {
    const account = await createAccount(node, 'loop-returns');
    await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      status: 'active',
    });
    receiver.respond = (_, response) => void response.writeHead(422).end();
    for (let i = 0; i < 5; i++) await publishReturn(account, `needle-${i}`);
    await eventually(
      async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?status=discarded`)).body.data.length,
      (count) => count === 5,
    );
    receiver.respond = (_, response) => void response.writeHead(200).end();
    const page = await show(account, '/messages');
    await page.getByRole('searchbox').fill('needle-3');
    await page.keyboard.press('Enter');
    await eventually(
      () => page.locator('.rows .line:not(.headline)').count(),
      (count) => count === 1,
    );
    expect(page.url()).toContain('q=needle-3');
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Status').selectOption('succeeded');
    await page.getByText('Nothing found').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.getByRole('button', { name: 'Replay …' }).click();
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('5 messages, 100 a second').waitFor();
    expect(receiver.requests).toHaveLength(5);
    await page.getByRole('button', { name: 'Replay 5' }).click();
    await receiver.received(10);
    await eventually(
      async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`)).body.data.length,
      (count) => count === 5,
    );
  });

  test('keyboard alone: search, rows, open, close, help', async () => {
    const account = await createAccount(node, 'standard');
    await createWebhook(node, account, { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
    for (let i = 0; i < 3; i++) await node.publish(account, 'order.created', { i });
    await receiver.received(3);
    const page = await show(account, '/messages');
    await page.locator('.rows').getByText('Delivered').first().waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('Delivered:').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('order');
    expect(await page.getByRole('searchbox').inputValue()).toBe('order');
  });

  test('a payload of 1 MiB and a long list do not freeze the page', async () => {
    const account = await createAccount(node, 'standard');
    await createWebhook(node, account, { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
    const big = 'x'.repeat(1024 * 1024 - 100);
    expect((await node.publish(account, 'big.one', big)).status).toBe(202);
    const events = Array.from({ length: 1000 }, (_, i) => ({ trigger: 'small.one', payload: { i } }));
    await node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await receiver.received(1001);
    const page = await show(account, '/messages');
    await page.locator('.rows').getByText('Delivered').first().waitFor();
    const rows = page.locator('.rows');
    for (let i = 0; i < 12; i++) {
      await rows.evaluate((box) => box.scrollTo(0, box.scrollHeight));
      await page.waitForTimeout(100);
    }
    // Virtual rows: however many have been read, few are in the document.
    expect(await page.locator('.rows .line').count()).toBeLessThan(80);
    const list = await node.call('GET', `/v1/accounts/${account}/deliveries?trigger=big.one`);
    await page.goto(`${node.url}/page/messages?message=${list.body.data[0].id}`);
    await page.getByText(/Show all/).waitFor();
  });
});

describe('events, keys, inspector, audit log', () => {
  test('the catalog shows fields and a sample, and sends an example', async () => {
    const account = await createAccount(node, 'loop-returns');
    await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ topic: 'label', trigger: 'label.updated' }],
      status: 'active',
    });
    const page = await show(account, '/events');
    await page.getByRole('button', { name: 'Label updated' }).click();
    await page.getByText('pre_transit, in_transit').waitFor();
    await page.getByText(receiver.url()).waitFor();
    await page.getByRole('button', { name: 'Send example' }).click();
    await page.getByText('answered 200').waitFor();
    expect(JSON.parse(receiver.requests[0]?.body.toString() ?? '{}')).toMatchObject({ topic: 'label' });
  });

  test('generate a key, use it, see last used, edit it, delete it, see it refused; all of it in the audit log', async () => {
    const account = await createAccount(node, 'loop-returns');
    const page = await show(account, '/keys');
    await page.getByRole('button', { name: 'Generate API key' }).click();
    await page.getByLabel('Label').fill('Warehouse');
    await page.getByRole('checkbox', { name: /Developer Tools/ }).check();
    await page.getByRole('button', { name: 'Generate', exact: true }).click();
    const key = await page.getByTestId('api-key').innerText();
    expect(key).toMatch(/^loop_/);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await page
      .getByRole('row', { name: /Warehouse/ })
      .getByText('never')
      .first()
      .waitFor();
    const facade = () => fetch(`${node.url}/api/v1/webhooks`, { headers: { 'x-authorization': key } });
    expect((await facade()).status).toBe(200);
    await page.getByRole('row', { name: /Warehouse.*(just now|s ago)/ }).waitFor({ timeout: 25_000 });
    await page.getByRole('button', { name: 'Developer Tools' }).click();
    await page.getByRole('checkbox', { name: /^Return/ }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Developer Tools, Return' }).waitFor();
    await page.getByRole('button', { name: 'Delete Warehouse' }).click();
    await page.getByRole('button', { name: 'Delete key' }).click();
    await page.getByRole('heading', { name: 'No API keys yet' }).waitFor();
    expect((await facade()).status).toBe(401);
    await page.getByRole('link', { name: 'Audit log' }).click();
    for (const text of ['Generated an API key', 'Changed an API key', 'Deleted an API key']) {
      await page.getByRole('cell', { name: text }).waitFor();
    }
    expect(await page.content()).not.toContain(key);
  });

  test('a bin shows what arrives, verified; answers as told; and is closed to other accounts', async () => {
    const account = await createAccount(node, 'standard');
    const page = await show(account, '/inspector');
    await page.getByRole('button', { name: 'New bin' }).click();
    const url = await page.getByTestId('bin-url').innerText();
    await page.getByLabel('Answers').fill('500');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Create endpoint here' }).click();
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('It failed with 500').waitFor();
    await page.goto(`${node.url}/page/inspector`);
    await page.getByText('Verified').first().waitFor();
    const stranger = await createAccount(node, 'standard');
    const wish = { url, subscriptions: [{ trigger: '*' }] };
    const refused = await node.call('POST', `/v1/accounts/${stranger}/endpoints`, wish);
    expect(refused).toMatchObject({ status: 422, body: { code: 'blocked_address' } });
    const elsewhere = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      ...wish,
      url: url.replace(/bin\/.*/, 'healthz'),
    });
    // Allowed here only because these tests open the loopback network: the bin's exception is not what lets it pass.
    expect([201, 422]).toContain(elsewhere.status);
    expect((await fetch(`${node.url}/bin/nothing`, { method: 'POST' })).status).toBe(404);
  });
});

describe('sessions', () => {
  test('attack: the session of one account cannot see or change another', async () => {
    const [mine, theirs] = [await createAccount(node, 'standard'), await createAccount(node, 'standard')];
    const { id, path } = await createWebhook(node, theirs, { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
    const { body } = await node.call('POST', `/v1/accounts/${mine}/page-sessions`, {});
    const as = (method: string, where: string, sent?: unknown) =>
      node.call(method, where, sent, { authorization: `Bearer ${body.token}` });
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
    const wrong = await node.call('GET', '/v1/page', undefined, { authorization: 'Bearer pst_wrong' });
    expect(wrong.status).toBe(401);
  });

  test('read only shows everything and offers no change', async () => {
    const account = await createAccount(node, 'standard');
    await createWebhook(node, account, { url: receiver.url(), subscriptions: [{ trigger: '*' }] });
    const page = await show(account, '', { session: { permissions: ['read'] } });
    await page.getByRole('cell', { name: 'All events' }).waitFor();
    expect(await page.getByRole('button', { name: 'Create endpoint' }).count()).toBe(0);
    const { body } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, { permissions: ['read'] });
    const answer = await node.call(
      'POST',
      `/v1/accounts/${account}/bins`,
      {},
      { authorization: `Bearer ${body.token}` },
    );
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  test('embedded in another origin: tabs, theme, height; other origins are refused', async () => {
    const account = await createAccount(node, 'standard');
    const theme = { accent: '#0a7d4b', mode: 'dark' };
    const { body } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, { theme });
    const one = await open(browser);
    opened.push(one);
    const { page } = one;
    await page.goto(`http://127.0.0.1:${(EMBEDDING.address() as AddressInfo).port}/`);
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
    const style = await frame.locator('html').evaluate((html) => ({
      mode: html.dataset.mode,
      accent: html.style.getPropertyValue('--accent'),
    }));
    expect(style).toEqual({ mode: 'dark', accent: '#0a7d4b' });
    const csp = (await fetch(`${node.url}/page/`)).headers.get('content-security-policy');
    expect(csp).toContain(`frame-ancestors http://127.0.0.1:${(EMBEDDING.address() as AddressInfo).port}`);
    expect((await fetch(`${node.url}/console/`)).headers.get('content-security-policy')).toContain(
      "frame-ancestors 'none'",
    );
  });
});

describe('the console', () => {
  test('an empty installation leads to a verified delivery', async () => {
    const page = await signedIn();
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByLabel('Name').fill('First shop');
    await page.getByRole('radio', { name: /Loop Returns/ }).check();
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('button', { name: 'Try it with a request bin' }).click();
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies with the secret of this webhook.').waitFor();
  });

  test('accounts with search, health, contracts with their differences, the audit log', async () => {
    const account = await createAccount(node, 'loop-returns');
    const page = await signedIn();
    await page.getByLabel('Search accounts').fill(account);
    await page.getByRole('cell', { name: account }).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(1);
    await page.getByRole('link', { name: 'Health' }).click();
    await page.getByText('this one').waitFor();
    await page.getByText(/PostgreSQL \d+/).waitFor();
    await page.getByRole('link', { name: 'Contracts' }).click();
    await page.getByLabel('After').selectOption('loops');
    await page.getByText('breaking').first().waitFor();
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page.getByRole('cell', { name: 'Created the account' }).first().waitFor();
  });
});

describe('every screen', () => {
  const SIZES = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };

  test.each(
    Object.entries(SIZES).flatMap(([size, viewport]) => [false, true].map((dark) => ({ size, viewport, dark }))),
  )('has no accessibility violation and does not scroll sideways: $size, dark: $dark', async ({ viewport, dark }) => {
    const account = await createAccount(node, 'loop-returns');
    const { id } = await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      status: 'active',
    });
    await node.call('POST', `/v1/accounts/${account}/keys`, { label: 'A', scopes: ['returns'] });
    await node.call('POST', `/v1/accounts/${account}/bins`, {});
    await publishReturn(account);
    const list = await eventually(
      () => node.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`),
      (answer) => answer.body.data.length === 1,
    );
    const page = await show(account, '', { viewport, dark });
    for (const path of [
      '/',
      '/?new=1',
      `/?endpoint=${id}`,
      `/?endpoint=${id}&tab=verify`,
      '/messages',
      `/messages?message=${list.body.data[0].id}`,
      '/events',
      '/events?event=return.created',
      '/keys',
      '/inspector',
      '/audit',
    ]) {
      await page.goto(`${node.url}/page${path}`);
      await page.getByRole('heading').first().waitFor();
      await page.waitForLoadState('networkidle', { timeout: 1_500 }).catch(() => {});
      expect(await axe(page), path).toEqual([]);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, path).toBeLessThanOrEqual(0);
    }
  });

  test('the first screen needs less than 250 KB of compressed script', async () => {
    const account = await createAccount(node, 'standard');
    const one = await open(browser);
    opened.push(one);
    let scriptBytes = 0;
    one.page.on('response', async (response) => {
      if (response.url().endsWith('.js')) scriptBytes += Number((await response.allHeaders())['content-length'] ?? 0);
    });
    const { body } = await node.call('POST', `/v1/accounts/${account}/page-sessions`, {});
    await one.page.goto(body.url);
    await one.page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
    expect(scriptBytes).toBeGreaterThan(10_000);
    expect(scriptBytes).toBeLessThan(250_000);
  });
});
