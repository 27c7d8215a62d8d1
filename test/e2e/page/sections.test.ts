/** Events, API keys, the inspector and the audit log on the page. */
/// <reference lib="dom" />
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

describe('events, keys, inspector, audit log', () => {
  test('the catalog shows fields and a sample, and sends an example', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ topic: 'label', trigger: 'label.updated' }],
      status: 'active',
    });
    const page = await suite.show(account, '/events');
    await page.getByRole('button', { name: 'Label updated' }).click();
    await page.getByText('pre_transit, in_transit').waitFor();
    await page.getByText(suite.receiver.url()).waitFor();
    await page.getByRole('button', { name: 'Send example' }).click();
    await page.getByText('answered 200').waitFor();
    expect(JSON.parse(suite.receiver.requests[0]?.body.toString() ?? '{}')).toMatchObject({ topic: 'label' });
  });

  test('events are followed as they happen, whoever gets them', async () => {
    const account = await createAccount(suite.node, 'standard');
    await suite.node.publish(account, 'before.it', {});
    const page = await suite.show(account, '/events');
    await page.getByRole('button', { name: 'Follow' }).click();
    const drawer = page.getByRole('dialog');
    await drawer.getByText('Waiting for the next event').waitFor();
    await suite.node.call('POST', `/v1/accounts/${account}/events`, '{"id":"e-1","trigger":"a.b","payload":{"n":5.0}}');
    await drawer.getByText('e-1').waitFor();
    await suite.node.call('POST', `/v1/accounts/${account}/events`, '{"id":"e-2","trigger":"c.d","payload":{}}');
    await drawer.getByText('e-2').waitFor();
    const entries = drawer.locator('ul.feed summary');
    expect((await entries.allInnerTexts()).map((text) => text.split(/\s+/).slice(0, 2))).toEqual([
      ['c.d', 'e-2'],
      ['a.b', 'e-1'],
    ]);
    // Numbers as they were written: what arrives, and no copy of it.
    await entries.nth(1).click();
    await drawer.getByText('"n": 5.0').waitFor();
    expect(await drawer.getByText('before.it').count()).toBe(0);
    expect(await axe(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe('');
  });

  test.each(['standard', 'loop-subscriptions'])(
    'a key that opens the feed is made from there, in %s',
    async (contract) => {
      const account = await createAccount(suite.node, contract);
      const page = await suite.show(account, '/events?follow=1');
      const command = await page.getByRole('region', { name: 'From your own program' }).innerText();
      await page.getByRole('dialog').getByRole('link', { name: 'Generate API key' }).click();
      await page.getByLabel('Label').fill('Reader');
      await page.getByRole('button', { name: 'Generate', exact: true }).click();
      const key = await page.getByTestId('api-key').innerText();
      await page.getByRole('button', { name: 'I have kept it' }).click();
      await page.getByRole('cell', { name: contract === 'standard' ? 'posthorn:feed' : 'Read the events' }).waitFor();
      expect(new URL(page.url()).search).toBe('');
      const address = /"(http[^"]+)\?/.exec(command)?.[1] ?? '';
      const answer = await fetch(`${address}?cursor=newest`, { headers: { authorization: `Bearer ${key}` } });
      expect(answer.status).toBe(200);
    },
  );

  test('what will arrive is the body that is sent: envelope, escapes and headers', async () => {
    const subscriptions = await createAccount(suite.node, 'loop-subscriptions');
    const shop = await suite.show(subscriptions, '/events?event=flow/completed');
    await shop.getByRole('region', { name: 'Body' }).getByText('"payload": {').waitFor();
    await shop.getByText('Headers', { exact: true }).click();
    await shop.getByRole('region', { name: 'Headers' }).getByText('application/json').waitFor();
    const returns = await createAccount(suite.node, 'loop-returns');
    const labels = await suite.show(returns, '/events?event=return.created');
    await labels.getByText('https:\\/\\/').first().waitFor();
    const standard = await createAccount(suite.node, 'standard');
    const page = await suite.show(standard, '/?new=1');
    await page.getByRole('dialog').getByText('"timestamp": "').waitFor();
  });

  test('generate a key, use it, see last used, edit it, delete it, see it refused; all of it in the audit log', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const page = await suite.show(account, '/keys', { session: { user_name: 'jane@example.com' } });
    await page.getByRole('button', { name: 'Generate API key' }).click();
    await page.getByLabel('Label').fill('Warehouse');
    await page.getByRole('checkbox', { name: /Developer Tools/ }).check();
    await page.getByRole('button', { name: 'Generate', exact: true }).click();
    const key = await page.getByTestId('api-key').innerText();
    expect(key).toMatch(/^loop_/);
    // It cannot be seen again: neither a slip beside it nor Esc closes it.
    await page.mouse.click(5, 5);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'I have kept it' }).click();
    // What opened the window is gone: the focus is on the screen, not nowhere.
    await page.locator('main:focus').waitFor();
    await page
      .getByRole('row', { name: /Warehouse/ })
      .getByRole('cell')
      .nth(4)
      .getByText('never')
      .waitFor();
    const facade = () => fetch(`${suite.node.url}/api/v1/webhooks`, { headers: { 'x-authorization': key } });
    expect((await facade()).status).toBe(200);
    const lastUsed = page
      .getByRole('row', { name: /Warehouse/ })
      .getByRole('cell')
      .nth(4);
    await lastUsed.getByText(/just now|s ago/).waitFor({ timeout: 25_000 });
    await page.getByRole('button', { name: 'Warehouse', exact: true }).click();
    await page.getByRole('checkbox', { name: /^Return/ }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('cell', { name: 'Developer Tools, Return' }).waitFor();
    await page.getByRole('button', { name: 'Delete Warehouse' }).click();
    await page.getByRole('button', { name: 'Delete key' }).click();
    await page.getByRole('heading', { name: 'No API keys yet' }).waitFor();
    expect((await facade()).status).toBe(401);
    await page.getByRole('link', { name: 'Audit log' }).click();
    for (const text of ['Generated an API key', 'Changed an API key', 'Deleted an API key']) {
      await page.getByRole('row', { name: new RegExp(`${text}: Warehouse.*jane@example.com`) }).waitFor();
    }
    await page.getByRole('button', { name: 'Changed an API key: Warehouse' }).click();
    const drawer = page.getByRole('dialog');
    await drawer.getByText('developer_tools, returns').waitFor();
    await drawer.getByText(/\.\d{3}.* UTC/).waitFor();
    expect(await page.content()).not.toContain(key);
  });

  test('a key that somebody uses is not emptied by a slip; it can be switched off, and names its networks', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const made = await suite.node.call('POST', `/v1/accounts/${account}/keys`, {
      label: 'Warehouse',
      scopes: ['developer_tools', 'returns'],
    });
    const facade = () => fetch(`${suite.node.url}/api/v1/webhooks`, { headers: { 'x-authorization': made.body.key } });
    expect((await facade()).status).toBe(200);
    const shown = async () => (await suite.node.call('GET', `/v1/accounts/${account}/keys/${made.body.id}`)).body;
    await eventually(shown, (key) => key.last_used_at !== null, 20_000);
    const page = await suite.show(account, '/keys');
    await page.getByRole('button', { name: 'Warehouse', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'API key “Warehouse”' });
    await dialog.getByRole('checkbox', { name: /^Return/ }).uncheck();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText(/Whoever uses it loses: Return\. Do you want that\?/).waitFor();
    expect((await shown()).scopes).toContain('returns');
    await dialog.getByRole('checkbox', { name: /^Return/ }).check();
    await dialog.getByRole('checkbox', { name: /^Switched on/ }).uncheck();
    await dialog.getByText('Allowed addresses').first().click();
    await dialog.getByRole('textbox', { name: 'Allowed addresses' }).fill('10.0.0.0/99');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText(/Whoever uses it is refused/).waitFor();
    await dialog.getByRole('button', { name: 'Yes, do it' }).click();
    await dialog.getByRole('alert').filter({ hasText: 'is not a network' }).waitFor();
    await dialog.getByRole('textbox', { name: 'Allowed addresses' }).fill('127.0.0.0/8');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('button', { name: 'Yes, do it' }).click();
    await page.getByRole('row', { name: /Warehouse\s*off/ }).waitFor();
    expect(await shown()).toMatchObject({ enabled: false, networks: ['127.0.0.0/8'] });
    await eventually(
      async () => (await facade()).status,
      (status) => status === 401,
    );
  });

  test('a key has code to use and to verify it, a date of its own, and scopes that others have', async () => {
    const account = await createAccount(suite.node, 'standard');
    await suite.node.call('POST', `/v1/accounts/${account}/keys`, { label: 'First', scopes: ['orders:read'] });
    const page = await suite.show(account, '/keys');
    await page.getByRole('row', { name: /First/ }).waitFor();
    await page.getByRole('button', { name: 'Generate API key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Label').fill('Second');
    await dialog.getByRole('button', { name: 'Generate', exact: true }).click();
    await dialog.getByText(/Without a scope this key opens nothing/).waitFor();
    await dialog.getByRole('button', { name: 'orders:read' }).click();
    expect(await dialog.getByRole('textbox', { name: 'Scopes' }).inputValue()).toBe('orders:read');
    await dialog.getByRole('combobox', { name: /^Expires/ }).selectOption('At a date …');
    await dialog.getByLabel(/^Expires \(/).fill('2099-01-02T03:04');
    await dialog.getByRole('button', { name: 'Generate', exact: true }).click();
    const key = await page.getByTestId('api-key').innerText();
    await dialog.getByText('Code', { exact: true }).click();
    await dialog.getByRole('region', { name: 'Code' }).getByText(`Authorization: Bearer ${key}`).waitFor();
    await dialog.getByLabel('For').selectOption('Verifying it in the API that it opens');
    await dialog.getByRole('region', { name: 'Code' }).getByText('/v1/keys/verify').waitFor();
    const [made] = (await suite.node.call('GET', `/v1/accounts/${account}/keys`)).body.data;
    expect(made.expires_at).toMatch(/^2099-01-02T/);
    expect(made.scopes).toEqual(['orders:read']);
  });

  test('API keys stand below the webhooks where the contract wants one page, and the way to them leads down', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    for (let i = 0; i < 30; i++) {
      await createWebhook(suite.node, account, {
        url: suite.receiver.url(),
        subscriptions: [{ topic: 'label', trigger: 'label.updated' }],
      });
    }
    await suite.node.call('POST', `/v1/accounts/${account}/keys`, { label: 'Warehouse', scopes: ['returns'] });
    const page = await suite.show(account, '/');
    await page.getByRole('heading', { name: 'Webhooks', level: 1 }).waitFor();
    const keys = page.getByRole('heading', { name: 'API keys', level: 2 });
    const key = page.getByRole('row', { name: /Warehouse/ });
    await key.waitFor();
    const top = () => keys.evaluate((part) => part.getBoundingClientRect().top);
    const height = await page.evaluate(() => window.innerHeight);
    expect(await top()).toBeGreaterThan(height);
    await page.getByRole('link', { name: 'API keys' }).click();
    await expect.poll(top).toBeLessThan(height);
    expect(await page.title()).toBe('API keys');
    await page.getByRole('link', { name: 'Webhooks', exact: true }).click();
    await expect.poll(top).toBeGreaterThan(height);
    expect(await page.title()).toBe('Webhooks');
    // A link to the keys, as from before they moved.
    await page.goto(`${suite.node.url}/page/keys`);
    await key.waitFor();
    await expect.poll(top).toBeLessThan(height);
    await page.getByRole('button', { name: 'Generate API key' }).waitFor();
    // Other contracts keep the section.
    const other = await suite.show(await createAccount(suite.node, 'loop-subscriptions'), '/');
    await other.getByRole('heading', { name: 'Webhooks', level: 1 }).waitFor();
    expect(await other.getByRole('heading', { name: 'API keys' }).count()).toBe(0);
    await other.getByRole('link', { name: 'API keys' }).click();
    await other.getByRole('heading', { name: 'API keys', level: 1 }).waitFor();
    expect(await other.getByRole('heading', { name: 'Webhooks' }).count()).toBe(0);
  });

  test('a key expires when it was said, and is rotated with an overlap that one can see', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const page = await suite.show(account, '/keys');
    await page.getByRole('button', { name: 'Generate API key' }).click();
    await page.getByLabel('Label').fill('Short');
    await page.getByRole('checkbox', { name: /Developer Tools/ }).check();
    await page.getByLabel('Expires').selectOption('In 30 days');
    await page.getByRole('button', { name: 'Generate', exact: true }).click();
    const first = await page.getByTestId('api-key').innerText();
    await page.getByRole('button', { name: 'I have kept it' }).click();
    const [made] = (await suite.node.call('GET', `/v1/accounts/${account}/keys`)).body.data;
    expect(Math.round((Date.parse(made.expires_at) - Date.now()) / 86_400_000)).toBe(30);
    await page.getByRole('button', { name: 'Rotate Short' }).click();
    await page.getByRole('button', { name: 'Rotate', exact: true }).click();
    const second = await page.getByTestId('api-key').innerText();
    expect(second).not.toBe(first);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await page.getByRole('row', { name: /Short · the key before is valid until/ }).waitFor();
    for (const key of [first, second]) {
      const { body } = await suite.node.call('POST', '/v1/keys/verify', { key });
      expect(body.valid).toBe(true);
    }
  });

  test('requests appear in a bin while one looks; it answers with the status, delay and body that it was told', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.show(account, '/inspector');
    await page.getByRole('button', { name: 'New bin' }).click();
    const url = await page.getByTestId('bin-url').innerText();
    await page.getByRole('heading', { name: 'Waiting for requests …' }).waitFor();
    await page.getByLabel('Answers').fill('418');
    await page.getByLabel('After').fill('300');
    await page.getByLabel('With this body').fill('short and stout');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved: that is what it answers now.').waitFor();
    const startedAt = Date.now();
    const answer = await fetch(url, { method: 'POST', body: 'first' });
    expect([answer.status, await answer.text()]).toEqual([418, 'short and stout']);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(295);
    await page.getByRole('row', { name: /POST.*not by your webhooks.*first/ }).waitFor();
    await fetch(url, { method: 'PUT', body: 'second' });
    await page.getByRole('row', { name: /PUT.*second/ }).click();
    await page.getByRole('dialog', { name: /^PUT/ }).getByText('second').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('row', { name: /first|second/ }).count()).toBe(2);
  });

  test('a request that came is forwarded, sent again, copied as a command; answers have headers of one’s own', async () => {
    const account = await createAccount(suite.node, 'standard');
    const bin = (await suite.node.call('POST', `/v1/accounts/${account}/bins`)).body;
    const { path } = await createWebhook(suite.node, account, { url: bin.url, subscriptions: [{ trigger: '*' }] });
    await suite.node.publish(account, 'order.paid', { total: 5.5 });
    const page = await suite.show(account, '/inspector');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const rows = page.getByRole('row', { name: /Verified/ });
    await rows.first().waitFor();
    await rows.first().getByRole('button').click();
    const drawer = page.getByRole('dialog');
    await drawer.getByRole('button', { name: 'Copy as curl' }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("-H 'webhook-signature: v1,");
    await drawer.getByLabel('Forward to').fill('http://10.0.0.1/x');
    await drawer.getByRole('button', { name: 'Forward' }).click();
    await drawer.getByRole('alert').filter({ hasText: '10.0.0.1' }).waitFor();
    suite.receiver.respond = (_, response) => void response.writeHead(202).end('taken');
    await drawer.getByLabel('Forward to').fill(suite.receiver.url('/mine'));
    await drawer.getByRole('button', { name: 'Forward' }).click();
    await drawer.getByText(/^Answered 202 in /).waitFor();
    const [sent] = suite.receiver.requests;
    expect(sent).toMatchObject({ method: 'POST', path: '/mine' });
    // What arrives there verifies as the first one did.
    const { secret } = (await suite.node.call('GET', `${path}/secret`)).body;
    new Webhook(secret).verify(sent?.body.toString() ?? '', sent?.headers as Record<string, string>);
    await drawer.getByRole('button', { name: 'Send to this bin again' }).click();
    await page.keyboard.press('Escape');
    await expect.poll(() => rows.count()).toBe(2);
    await page.getByText('Answer headers').first().click();
    await page.getByRole('textbox', { name: 'Answer headers' }).fill('Retry-After: 77\nX-Trace: abc');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved: that is what it answers now.').waitFor();
    const answer = await fetch(bin.url, { method: 'POST', body: 'x' });
    expect([answer.headers.get('retry-after'), answer.headers.get('x-trace')]).toEqual(['77', 'abc']);
    for (const headers of [
      { 'set-cookie': 'a=b' },
      { 'content-type': 'text/html' },
      { 'x-a': 'b\r\nset-cookie: c=d' },
    ]) {
      const refused = await suite.node.call('PATCH', `/v1/accounts/${account}/bins/${bin.id}`, { headers });
      expect(refused.status).toBe(400);
    }
  });

  test('a bin is shared to be read: it shows nothing else, changes nothing, and hides credentials', async () => {
    const account = await createAccount(suite.node, 'standard');
    const [bin, other] = await Promise.all(
      [1, 2].map(async () => (await suite.node.call('POST', `/v1/accounts/${account}/bins`)).body),
    );
    await fetch(bin.url, { method: 'POST', body: 'hello', headers: { authorization: 'Bearer secret-of-somebody' } });
    const page = await suite.show(account, `/inspector?bin=${bin.id}`);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy a read-only link' }).click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain('#token=pst_');
    const link = await page.evaluate(() => navigator.clipboard.readText());
    const guest = await suite.blank({ viewport: { width: 320, height: 700 } });
    await guest.goto(link);
    await guest.getByText('read-only').waitFor();
    await guest.getByRole('row').nth(1).getByRole('button').click();
    await guest.getByRole('dialog').getByText('hello').waitFor();
    expect(await guest.content()).not.toContain('secret-of-somebody');
    expect(await guest.getByRole('button', { name: /Save|Forward|Delete|Copy a read-only/ }).count()).toBe(0);
    expect(await guest.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
    const token = /token=(pst_[^&]+)/.exec(link)?.[1];
    const as = async (method: string, path: string) =>
      (await suite.node.call(method, `/v1/accounts/${account}${path}`, undefined, { authorization: `Bearer ${token}` }))
        .status;
    expect(await as('GET', `/bins/${bin.id}`)).toBe(200);
    for (const path of [`/bins/${other.id}`, '/bins', '/endpoints', '/deliveries', '/keys', '/audit', '']) {
      expect(await as('GET', path), path).toBe(403);
    }
    expect(await as('DELETE', `/bins/${bin.id}`)).toBe(403);
    expect(await as('POST', `/bins/${bin.id}/share`)).toBe(403);
    // At 320 px nothing scrolls sideways for its owner either.
    const narrow = await suite.show(account, `/inspector?bin=${bin.id}`, { viewport: { width: 320, height: 700 } });
    await narrow.getByRole('row').nth(1).waitFor();
    expect(await narrow.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
    await suite.node.call('DELETE', `/v1/accounts/${account}/bins/${bin.id}`);
    await eventually(
      () => as('GET', `/bins/${bin.id}`),
      (status) => status === 401,
      10_000,
    );
  });

  test('a bin shows what arrives, verified; answers as told; and is closed to other accounts', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.show(account, '/inspector');
    await page.getByRole('button', { name: 'New bin' }).click();
    const url = await page.getByTestId('bin-url').innerText();
    await page.getByLabel('Answers').fill('500');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Create endpoint here' }).click();
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('It failed with 500').waitFor();
    await page.goto(`${suite.node.url}/page/inspector`);
    await page.getByText('Verified').first().waitFor();
    const stranger = await createAccount(suite.node, 'standard');
    const wish = { url, subscriptions: [{ trigger: '*' }] };
    const refused = await suite.node.call('POST', `/v1/accounts/${stranger}/endpoints`, wish);
    expect(refused).toMatchObject({ status: 422, body: { code: 'blocked_address' } });
    expect((await fetch(`${suite.node.url}/bin/nothing`, { method: 'POST' })).status).toBe(404);
  });
});
