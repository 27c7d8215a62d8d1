/** Webhooks on the page: created, tested, verified, switched and deleted. */
/// <reference lib="dom" />
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook, deriveContract } from '../../support/vendors.ts';

/** As loop-returns, where a webhook may have more than one pair. */
const MANY_PAIRS = deriveContract('loop-returns', 'many-pairs', ({ limits }) => {
  Object.assign(limits, { subscriptions_per_endpoint: 5 });
});
/** As loops, with webhooks beside one another: its events stand in groups. */
const IN_GROUPS = deriveContract('loops', 'in-groups', ({ limits }) => {
  Object.assign(limits, { endpoints_per_account: 10 });
});
const suite = pageSuite({ environment: { POSTHORN_CONTRACTS: `${MANY_PAIRS},${IN_GROUPS}` } });

describe('webhooks', () => {
  test('create one, send a test, see it in Messages live, let it fail, see the countdown, resend', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const page = await suite.show(account);
    await page.getByRole('heading', { name: 'No webhooks yet' }).waitFor();
    await page.getByRole('button', { name: 'Create webhook' }).first().click();
    await page.getByLabel('Event').selectOption('return.created');
    await page.getByLabel('Response').selectOption('label');
    await page.getByText('nothing will ever be sent').waitFor();
    await page.getByLabel('Response').selectOption('return');
    await page.getByLabel('URL').fill('nonsense');
    await page.getByText('Write the whole address').waitFor();
    await page.getByLabel('URL').fill(suite.receiver.url());
    await page.getByText('"trigger": "return.created"').waitFor();
    // At the bottom of the dialog stands the secret that it will have.
    await page.getByRole('button', { name: 'Reveal the secret' }).click();
    const secret = await page.getByTestId('secret').innerText();
    expect(secret).toMatch(/^[0-9a-f]{32}$/);
    await page.getByRole('button', { name: 'Add' }).click();
    // Its window opens: inactive until it is activated.
    await page.getByText('not activated yet').first().waitFor();
    await page.getByRole('button', { name: 'Reveal the secret' }).click();
    await eventually(
      () => page.getByTestId('secret').innerText(),
      (text) => text === secret,
    );
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies with the secret of this webhook.').waitFor();
    await page.getByRole('button', { name: 'Activate', exact: true }).click();
    await page.getByRole('dialog').getByText('Active', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Close' }).first().click();

    await page.getByRole('link', { name: 'Messages' }).click();
    await page.locator('.rows').getByText('Delivered').waitFor();
    suite.receiver.respond = (_, response) =>
      void response.writeHead(503, { 'content-type': 'text/plain' }).end('under repair');
    await suite.publishReturn(account);
    await page.locator('.rows').getByText('Retrying').click();
    await page
      .getByTestId('countdown')
      .getByText(/Next try in \d+ s/)
      .waitFor();
    await page.getByText('your server answered 503').waitFor();
    await page.getByText('under repair').waitFor();
    expect(page.url()).toContain('message=dlv_');
    suite.receiver.respond = (_, response) => void response.writeHead(200).end('ok');
    await page.getByRole('button', { name: 'Resend' }).click();
    await page.getByRole('status').getByText('Delivered:').waitFor();
  });

  test('the list sorts by its columns, and shows how the last 24 hours went', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const create = (topic: string, trigger: string, path: string) =>
      createWebhook(suite.node, account, {
        url: suite.receiver.url(path),
        subscriptions: [{ topic, trigger }],
        status: 'active',
      });
    await create('return', 'return.created', '/b');
    await create('label', 'label.created', '/c');
    await create('restock', 'restock.requested', '/a');
    suite.receiver.respond = (_, response, index) => void response.writeHead(index === 0 ? 422 : 200).end();
    for (let i = 1; i <= 4; i++) {
      await suite.publishReturn(account, String(i));
      await suite.receiver.received(i);
    }
    const page = await suite.show(account);
    await page.getByRole('row', { name: /Return created.*75%.*(now|ago)/ }).waitFor();
    await page.getByRole('img', { name: 'The last 24 hours: 3 delivered, 1 failed' }).waitFor();
    const urls = () => page.locator('tbody td.is-code').allInnerTexts();
    await page.getByRole('button', { name: 'URL' }).click();
    expect((await urls()).map((url) => url.at(-1))).toEqual(['a', 'b', 'c']);
    await page.getByRole('button', { name: 'URL' }).click();
    expect((await urls()).map((url) => url.at(-1))).toEqual(['c', 'b', 'a']);
    await page.getByRole('columnheader', { name: 'URL' }).and(page.locator('[aria-sort="descending"]')).waitFor();
  });

  test('Testing Mode, deactivate, delete with undo', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const { id } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ topic: 'label', trigger: 'label.created' }],
      status: 'active',
    });
    const page = await suite.show(account, `/?endpoint=${id}`);
    await page.getByRole('switch', { name: 'Testing Mode' }).click();
    await page
      .getByText(/Testing Mode, 2 d 23 h left/)
      .first()
      .waitFor();
    await suite.receiver.received(1);
    await page.getByRole('switch', { name: 'Testing Mode' }).click();
    await page.getByRole('dialog').getByText('Active', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Deactivate' }).click();
    await page.getByText('deactivated by hand').first().waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: `Delete the webhook “Label created · ${suite.receiver.url()}”` }).click();
    await page.getByText(`Webhook “Label created · ${suite.receiver.url()}” is deleted.`).waitFor();
    await page.getByRole('heading', { name: 'No webhooks yet' }).waitFor();
    // By its key; and the row has the focus again.
    await page.keyboard.press('z');
    await page.getByRole('cell', { name: 'Label created', exact: true }).waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain('Label created');
    expect((await suite.node.call('GET', `/v1/accounts/${account}/endpoints/${id}`)).status).toBe(200);
  });

  test('what is open belongs to its own webhook, and closing gives the focus back to its row', async () => {
    const account = await createAccount(suite.node, 'standard');
    for (const path of ['/a', '/b']) {
      await createWebhook(suite.node, account, { url: suite.receiver.url(path), subscriptions: [{ trigger: '*' }] });
    }
    const page = await suite.show(account);
    await page.getByRole('row', { name: /\/b/ }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Reveal the secret' }).click();
    await page
      .getByRole('dialog')
      .getByText(/^whsec_/)
      .waitFor();
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies with the secret of this webhook.').waitFor();
    await page.keyboard.press('j');
    await page.getByRole('dialog').locator('dd').getByText('/a').waitFor();
    expect(
      await page
        .getByRole('dialog')
        .getByText(/^whsec_/)
        .count(),
    ).toBe(0);
    expect(await page.getByText('The signature verifies').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('row', { name: /\/a/ }).locator('button:focus').waitFor();
  });

  test('an edit keeps the other events, and can add and remove them', async () => {
    const account = await createAccount(suite.node, 'many-pairs');
    const { id, path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: ['return.created', 'return.closed'].map((trigger) => ({ topic: 'return', trigger })),
    });
    const triggers = async () =>
      (await suite.node.call('GET', path)).body.subscriptions.map((s: { trigger: string }) => s.trigger).sort();
    const page = await suite.show(account, `/?endpoint=${id}`);
    const edit = async () => {
      await page.getByRole('button', { name: 'Edit' }).click();
      return page.getByRole('dialog', { name: 'Edit webhook' });
    };
    let dialog = await edit();
    await dialog.getByText(/^More:/).click();
    await dialog.getByLabel('Description').fill('Warehouse');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').getByText('Warehouse').waitFor();
    expect(await triggers()).toEqual(['return.closed', 'return.created']);
    dialog = await edit();
    await dialog.getByRole('checkbox', { name: /^Label created · Label/ }).check();
    await dialog.getByRole('checkbox', { name: /^Return created · Return/ }).uncheck();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await eventually(triggers, (list) => list.join() === 'label.created,return.closed');
    // Where a webhook is one pair, there is no second to add.
    const single = await suite.show(await createAccount(suite.node, 'loop-returns'), '/?new=1');
    await single.getByLabel('Event').waitFor();
    expect(await single.getByRole('dialog').getByRole('checkbox').count()).toBe(0);
  });

  test('a test with a payload that one edits goes out as it was written, from a sample or an event', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { id } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: 'order.paid' }],
    });
    const event = '{"trigger":"order.paid","payload":{"total":5.0,"id":12345678901234567890}}';
    await suite.node.call('POST', `/v1/accounts/${account}/events`, event);
    await suite.receiver.received(1);
    const page = await suite.show(account, `/?endpoint=${id}`);
    await page.getByRole('button', { name: 'With a payload …' }).click();
    const dialog = page.getByRole('dialog', { name: 'Send a test with a payload' });
    const recent = dialog.getByLabel('Begin with').locator('option').nth(1);
    await recent.waitFor({ state: 'attached' });
    await dialog.getByLabel('Begin with').selectOption({ index: 1 });
    const payload = dialog.getByLabel('Payload');
    await expect.poll(() => payload.inputValue()).toBe('{\n  "total": 5.0,\n  "id": 12345678901234567890\n}');
    await payload.fill('{"total": 6.0');
    await dialog.getByText('This is no JSON yet.').waitFor();
    await payload.fill('{"total": 6.0, "id": 12345678901234567891}');
    await dialog.getByRole('button', { name: 'Send test' }).click();
    await dialog.getByText(/^Your server answered 200/).waitFor();
    const sent = suite.receiver.requests.at(-1)?.body.toString() ?? '';
    expect(sent).toContain('"type":"order.paid"');
    expect(sent).toContain('"data":{"total":6.0,"id":12345678901234567891}');
  });

  test('events are chosen in a tree: by search, by group, all of them; none stands there twice', async () => {
    const account = await createAccount(suite.node, 'in-groups');
    const page = await suite.show(account, '/?new=1');
    const dialog = page.getByRole('dialog');
    const boxes = dialog.getByRole('group', { name: /^Event: / });
    await boxes.waitFor();
    expect(await dialog.getByRole('button', { name: 'Add', exact: true }).isDisabled()).toBe(true);
    await dialog.getByRole('checkbox', { name: 'All of Contacts' }).check();
    await dialog.getByText('Event: 5 of 17').waitFor();
    await dialog.getByRole('checkbox', { name: /^Contact deleted/ }).uncheck();
    expect(
      await dialog
        .getByRole('checkbox', { name: 'All of Contacts' })
        .evaluate((box) => (box as HTMLInputElement).indeterminate),
    ).toBe(true);
    await dialog.getByRole('searchbox', { name: 'Search events' }).fill('email.opened');
    await expect.poll(() => boxes.getByRole('checkbox').count()).toBe(2);
    await dialog.getByRole('checkbox', { name: /email\.opened/ }).check();
    await dialog.getByRole('searchbox', { name: 'Search events' }).fill('');
    await dialog.getByLabel('Endpoint URL', { exact: true }).fill(suite.receiver.url('/tree'));
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await dialog.getByText('Active', { exact: true }).waitFor();
    const [made] = (await suite.node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data;
    expect(made.subscriptions.map((one: { trigger: string }) => one.trigger).sort()).toEqual([
      'contact.created',
      'contact.mailingList.subscribed',
      'contact.mailingList.unsubscribed',
      'contact.unsubscribed',
      'email.opened',
    ]);
    await dialog.getByRole('button', { name: 'Edit' }).click();
    const edit = page.getByRole('dialog', { name: 'Edit endpoint' });
    await edit.getByRole('checkbox', { name: /^All events/ }).check();
    await edit.getByRole('button', { name: 'Save' }).click();
    await edit.waitFor({ state: 'detached' });
    const [changed] = (await suite.node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data;
    expect(changed.subscriptions).toEqual([{ trigger: '*' }]);
  });

  test('what the server refuses stands at its field, which has the focus, until it changes', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.show(account, '/?new=1');
    const dialog = page.getByRole('dialog');
    const url = dialog.getByLabel('URL', { exact: true });
    await url.fill('http://10.0.0.1/x');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    const alert = dialog.getByRole('alert').filter({ hasText: '10.0.0.1' });
    await alert.waitFor();
    expect(await alert.count()).toBe(1);
    await expect.poll(() => url.evaluate((field) => field === document.activeElement)).toBe(true);
    await url.fill(suite.receiver.url('/right'));
    await alert.waitFor({ state: 'detached' });
    await dialog.getByText(/^More:/).click();
    const headers = dialog.getByLabel('Headers of your own');
    await headers.fill('webhook-id: mine');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await expect.poll(() => headers.evaluate((field) => field === document.activeElement)).toBe(true);
    await dialog.getByRole('alert').filter({ hasText: 'webhook-id' }).waitFor();
    await headers.fill('x-mine: 1');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('Endpoint created.').waitFor();
  });

  test('Esc on a form that is filled in asks; an empty one closes', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.show(account, '/?new=1');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('URL', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Create endpoint' }).first().click();
    await dialog.getByLabel('URL', { exact: true }).fill(suite.receiver.url('/mine'));
    await page.keyboard.press('Escape');
    await dialog.getByText('What you filled in is not saved.').waitFor();
    await dialog.getByRole('button', { name: 'Keep editing' }).click();
    expect(await dialog.getByLabel('URL', { exact: true }).inputValue()).toBe(suite.receiver.url('/mine'));
    await page.keyboard.press('Escape');
    await dialog.getByRole('button', { name: 'Discard' }).click();
    await dialog.waitFor({ state: 'detached' });
  });

  test('a URL is looked up while one creates it, and told without being in the way', async () => {
    const account = await createAccount(suite.node, 'standard');
    suite.receiver.respond = (_, response) => void response.writeHead(405).end();
    const page = await suite.show(account, '/?new=1');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('URL', { exact: true }).fill(suite.receiver.url('/there'));
    await dialog.getByText(/^Somebody is there: OPTIONS was answered with 405 after /).waitFor();
    await dialog.getByLabel('URL', { exact: true }).fill('http://127.0.0.1:9/later');
    await dialog
      .getByText('Nobody is there yet: nobody listens at this address. You can save it all the same.')
      .waitFor();
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('Endpoint created.').waitFor();
  });

  test('a webhook is duplicated, and one is created from an event that nobody gets', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const { id } = await createWebhook(suite.node, account, {
      url: suite.receiver.url('/returns'),
      subscriptions: [{ topic: 'label', trigger: 'label.updated' }],
      description: 'Labels',
      headers: { 'x-shop': 'north' },
      status: 'active',
    });
    const page = await suite.show(account, `/?endpoint=${id}`);
    await page.getByRole('button', { name: 'Duplicate' }).click();
    const dialog = page.getByRole('dialog', { name: 'Create webhook' });
    await expect.poll(() => dialog.getByLabel('Event').inputValue()).toBe('label.updated');
    await dialog.getByLabel('Event').selectOption('label.created');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('heading', { name: `Label created · ${suite.receiver.url('/returns')}` }).waitFor();
    const made = (await suite.node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data[0];
    expect(made).toMatchObject({ description: 'Labels', headers: { 'x-shop': 'north' } });
    await page.goto(`${suite.node.url}/page/events?event=giftcard.requested`);
    await page.getByRole('dialog').getByRole('link', { name: 'Create webhook' }).click();
    await expect.poll(() => dialog.getByLabel('Event').inputValue()).toBe('giftcard.requested');
  });

  test('a deletion happens when the page is left; undo works while something else is open', async () => {
    const account = await createAccount(suite.node, 'standard');
    const made = [];
    for (const path of ['/a', '/b']) {
      const url = suite.receiver.url(path);
      made.push(await createWebhook(suite.node, account, { url, subscriptions: [{ trigger: '*' }] }));
    }
    const [first, second] = made;
    const statusOf = async (one: { path: string } | undefined) =>
      (await suite.node.call('GET', one?.path ?? '')).status;
    const page = await suite.show(account);
    const remove = async (path: string) => {
      await page.getByRole('button', { name: new RegExp(`^Delete the .*${path}”$`) }).click();
    };
    await remove('/a');
    await page.getByRole('row', { name: /\/b/ }).getByRole('button', { name: 'All events', exact: true }).click();
    await page.getByRole('dialog').getByText('Active', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('row', { name: /\/a/, includeHidden: true }).waitFor();
    await page.getByRole('dialog').getByText('Active', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('row', { name: /\/a/ }).waitFor();
    await remove('/b');
    await page.getByRole('link', { name: 'Messages' }).click();
    await page.getByRole('link', { name: 'Endpoints' }).click();
    await page.getByRole('row', { name: /\/a/ }).waitFor();
    expect(await page.getByRole('row', { name: /\/b/ }).count()).toBe(0);
    await page.goto('about:blank');
    await eventually(
      () => statusOf(second),
      (status) => status === 404,
    );
    expect(await statusOf(first)).toBe(200);
  });

  test('a webhook whose requests fail says so before they are given up', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    suite.receiver.respond = (_, response) => void response.writeHead(503).end();
    await suite.node.publish(account, 'order.created', 1);
    await suite.receiver.received(1);
    const page = await suite.show(account);
    await page.getByRole('row', { name: /Failing · 503/ }).waitFor({ timeout: 20_000 });
    await page.getByRole('button', { name: 'All events', exact: true }).click();
    await page.getByRole('dialog').getByText('Failing').waitFor();
  });

  test('a webhook whose last message was given up fails until something arrives; deleted ones are really deleted', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      status: 'active',
    });
    suite.receiver.respond = (_, response) => void response.writeHead(422).end();
    await suite.publishReturn(account);
    await suite.receiver.received(1);
    const page = await suite.show(account);
    await page.getByRole('row', { name: /Failing · 422/ }).waitFor({ timeout: 20_000 });
    suite.receiver.respond = (_, response) => void response.writeHead(200).end();
    await suite.publishReturn(account, '8');
    await suite.receiver.received(2);
    await page.getByRole('row', { name: /Active/ }).waitFor({ timeout: 20_000 });
    // The window shows what was sent last, and each opens in the history.
    await page.getByRole('button', { name: 'Return created', exact: true }).click();
    const recent = page.getByRole('region', { name: 'Last messages' });
    await recent.getByRole('link', { name: /Failed.*422/ }).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Copy the secret' }).waitFor();
    await recent.getByRole('link', { name: /Delivered.*200/ }).click();
    await page.getByRole('dialog').getByText('Delivered:').waitFor();
    await page.goto(`${suite.node.url}/page/`);
    await page.getByRole('button', { name: `Delete the webhook “Return created · ${suite.receiver.url()}”` }).click();
    await page.getByText(`Webhook “Return created · ${suite.receiver.url()}” is deleted.`).waitFor();
    await eventually(
      async () => (await suite.node.call('GET', path)).status,
      (status) => status === 404,
      20_000,
    );
  });

  test('a secret is rotated: the new one is shown, the one before signs until the overlap ends', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { id, secret } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: '*' }],
    });
    const page = await suite.show(account, `/?endpoint=${id}`);
    await page.getByRole('button', { name: 'Rotate' }).click();
    const dialog = page.getByRole('dialog', { name: 'Rotate the secret?' });
    await dialog.getByText(suite.receiver.url()).waitFor();
    await dialog.getByLabel('The secret before signs too').selectOption('For an hour');
    await dialog.getByRole('button', { name: 'Rotate' }).click();
    await page.getByText('The secret before signs, too, until').waitFor();
    const fresh = await page.getByTestId('secret').innerText();
    expect(fresh).toMatch(/^whsec_/);
    expect(fresh).not.toBe(secret);
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies with the secret of this webhook.').waitFor();
    const signatures = suite.receiver.requests[0]?.headers['webhook-signature'];
    expect(String(signatures).split(' ')).toHaveLength(2);
  });

  test('help with verifying: code for this contract, and why a pasted signature fails', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const { id } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      status: 'active',
    });
    await suite.publishReturn(account, 'a/b');
    const [request] = await suite.receiver.received(1);
    if (!request) throw new Error('nothing came');
    const page = await suite.show(account, `/?endpoint=${id}&tab=verify`);
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

  test('a dialog whose work is under way cannot be cancelled as if nothing happened', async () => {
    const account = await createAccount(suite.node, 'standard');
    const page = await suite.show(account, '/?new=1');
    await page.getByLabel('URL').fill(suite.receiver.url());
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route(/\/endpoints$/, async (route) => {
      if (route.request().method() === 'POST') await held;
      await route.continue();
    });
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('button', { name: 'Cancel' }).and(page.locator(':disabled')).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Create endpoint' }).waitFor();
    release();
    await page.getByRole('dialog').getByText('Active', { exact: true }).waitFor();
  });

  test('a test that is sent while one reads how to verify shows its outcome', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { id } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: '*' }],
    });
    const page = await suite.show(account, `/?endpoint=${id}&tab=verify`);
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies with the secret of this webhook.').waitFor();
  });

  test('Loop Subscriptions: address, topic and version', async () => {
    const account = await createAccount(suite.node, 'loop-subscriptions');
    const page = await suite.show(account, '/?new=1');
    await page.getByLabel('Topic').selectOption('order/processed');
    await page.getByLabel('Address').fill('http://example.com/');
    await page.getByText('Only https is allowed here.').waitFor();
    await page.getByLabel('Address').fill('https://example.com/hook');
    await page.getByLabel('API version').selectOption('2026-04');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('dialog').getByText('2026-04').waitFor();
  });
});
