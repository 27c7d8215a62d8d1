/** Contracts with one endpoint per account: their settings on the page. */
/// <reference lib="dom" />
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

describe('settings', () => {
  test('Loops: URL, on and off, toggles by group and event, messages below', async () => {
    const account = await createAccount(suite.node, 'loops');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: 'contact.created' }],
    });
    const page = await suite.show(account);
    await page.getByRole('switch', { name: 'All of Email events' }).click();
    await eventually(
      async () => (await suite.node.call('GET', path)).body.subscriptions.length,
      (count) => count === 9,
    );
    await page.getByText('Email events', { exact: false }).first().click();
    await page.getByRole('checkbox', { name: /email\.opened/ }).click();
    await eventually(
      async () => (await suite.node.call('GET', path)).body.subscriptions.map((s: { trigger: string }) => s.trigger),
      (triggers) => triggers.length === 8 && !triggers.includes('email.opened'),
    );
    const isOn = (wanted: boolean) =>
      eventually(
        async () => (await suite.node.call('GET', path)).body.status,
        (status) => status === (wanted ? 'active' : 'inactive'),
      );
    await page.getByRole('switch', { name: 'Endpoint on', checked: true }).click();
    await isOn(false);
    await page.getByRole('switch', { name: 'Endpoint on', checked: false }).click();
    await isOn(true);
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies').waitFor();
    await page.getByRole('button', { name: 'Test event' }).waitFor();
  });

  test('Loops: the settings are there from the beginning, empty; nothing is sent before it is switched on', async () => {
    const account = await createAccount(suite.node, 'loops');
    const page = await suite.show(account);
    const endpoints = async () => (await suite.node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data;
    await page.getByRole('heading', { name: 'Messages' }).waitFor();
    expect(await page.getByRole('switch', { name: 'Endpoint on' }).isDisabled()).toBe(true);
    expect(await page.getByRole('button', { name: 'Send test' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Reveal the secret' }).click();
    const secret = await page.getByTestId('secret').innerText();
    await page.getByRole('switch', { name: 'All of Contacts' }).click();
    expect(await endpoints()).toEqual([]);
    const url = page.getByRole('textbox', { name: 'Endpoint URL' });
    await url.fill('https://localhost.invalid/loops');
    await page.getByText(/^Nobody is there yet: /).waitFor();
    await url.fill(suite.receiver.url('/loops'));
    await page.getByText(/^Somebody is there: OPTIONS was answered/).waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved, and switched off: nothing is sent until you switch it on.').waitFor();
    const [made] = await endpoints();
    expect(made).toMatchObject({ status: 'inactive', url: suite.receiver.url('/loops') });
    expect(made.subscriptions.length).toBe(5);
    const kept = await suite.node.call('GET', `/v1/accounts/${account}/endpoints/${made.id}/secret`);
    expect(kept.body.secret).toBe(secret);
    const contact = { contactIdentity: { id: 'c1', email: 'a@example.com', userId: null } };
    await suite.node.call('POST', `/v1/accounts/${account}/events`, { trigger: 'contact.deleted', payload: contact });
    expect(suite.receiver.requests.filter(({ method }) => method !== 'OPTIONS')).toEqual([]);
    await page.getByRole('switch', { name: 'Endpoint on' }).click();
    await expect.poll(async () => (await endpoints())[0].status).toBe('active');
  });

  test('Loops: an address that is refused is told of at its field, until another is typed', async () => {
    const account = await createAccount(suite.node, 'loops');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url('/loops'),
      subscriptions: [{ trigger: 'contact.created' }],
    });
    const page = await suite.show(account);
    suite.forgive(/status of 4/);
    const url = page.getByRole('textbox', { name: 'Endpoint URL' });
    // An address of cloud metadata, which is refused everywhere.
    await url.fill('https://169.254.169.254/latest');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect.poll(() => url.getAttribute('aria-invalid')).toBe('true');
    const described = await url.getAttribute('aria-describedby');
    expect(await page.locator(`[id="${described}"]`).innerText()).not.toBe('');
    await url.fill(suite.receiver.url('/elsewhere'));
    expect(await url.getAttribute('aria-invalid')).toBe('false');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect.poll(async () => (await suite.node.call('GET', path)).body.url).toBe(suite.receiver.url('/elsewhere'));
  });

  test('Loops: a group that is partly on says so; the last event can be switched off', async () => {
    const account = await createAccount(suite.node, 'loops');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: 'contact.created' }],
    });
    const page = await suite.show(account);
    const subscribed = async () =>
      (await suite.node.call('GET', path)).body.subscriptions.map((one: { trigger: string }) => one.trigger);
    const mixed = page.getByRole('checkbox', { name: 'All of Contacts' });
    await mixed.waitFor();
    expect(await mixed.getAttribute('aria-checked')).toBe('mixed');
    await page.getByText('Contacts', { exact: false }).first().click();
    await page.getByRole('checkbox', { name: /^contact\.created/ }).click();
    await expect.poll(subscribed).toEqual([]);
    await page.getByText('none on: nothing is sent').waitFor();
    await page.getByRole('switch', { name: 'All of Contacts', checked: false }).click();
    await expect.poll(async () => (await subscribed()).length).toBe(5);
  });

  test('Loops: description and headers are seen, edited and copied; the endpoint can be removed', async () => {
    const account = await createAccount(suite.node, 'loops');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url('/loops'),
      subscriptions: [{ trigger: 'contact.created' }],
      description: 'The shop',
      headers: { 'x-shop': 'north' },
    });
    const page = await suite.show(account);
    await page.getByText('The shop').waitFor();
    await page.getByRole('button', { name: 'Copy: x-shop' }).waitFor();
    await page.getByRole('button', { name: 'Copy the URL' }).waitFor();
    await page.getByRole('button', { name: 'Edit description and headers' }).click();
    await page.getByLabel('Description').fill('The new shop');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByText('The new shop').waitFor();
    expect((await suite.node.call('GET', path)).body).toMatchObject({
      description: 'The new shop',
      headers: { 'x-shop': 'north' },
      subscriptions: [{ trigger: 'contact.created' }],
    });
    await page.getByRole('button', { name: 'Delete endpoint …' }).click();
    await page.getByRole('dialog', { name: `Delete the endpoint “${suite.receiver.url('/loops')}”?` }).waitFor();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('textbox', { name: 'Endpoint URL' }).waitFor();
    expect((await suite.node.call('GET', path)).status).toBe(404);
    await page.getByRole('link', { name: 'Webhooks documentation' }).waitFor();
  });

  test('Loops: a URL is checked as it is typed; one that is refused stays, with the reason', async () => {
    const account = await createAccount(suite.node, 'loops');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url('/first'),
      subscriptions: [{ trigger: 'contact.created' }],
    });
    const page = await suite.show(account);
    const field = page.getByRole('textbox', { name: 'URL' });
    await field.fill('nonsense');
    await page.getByText('Write the whole address').waitFor();
    await field.fill('http://10.0.0.1/x');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').filter({ hasText: '10.0.0.1' }).waitFor();
    expect(await field.inputValue()).toBe('http://10.0.0.1/x');
    await field.fill(suite.receiver.url('/second'));
    await page.getByRole('button', { name: 'Save' }).click();
    await eventually(
      async () => (await suite.node.call('GET', path)).body.url,
      (url) => url === suite.receiver.url('/second'),
    );
    await page.getByRole('button', { name: 'Save' }).waitFor({ state: 'detached' });
  });

  test('Loops: toggles that follow one another quickly all hold; a pattern is the events that it matches', async () => {
    const account = await createAccount(suite.node, 'loops');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: 'contact.*' }],
    });
    const page = await suite.show(account);
    // The first change is answered after the last click.
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route(/\/endpoints/, async (route) => {
      if (route.request().method() === 'PATCH') await held;
      await route.continue();
    });
    await page.getByRole('switch', { name: 'All of Contacts', checked: true }).waitFor();
    await page.getByText('Contacts', { exact: false }).first().click();
    for (const trigger of ['contact.created', 'contact.unsubscribed', 'contact.deleted']) {
      await page.getByRole('checkbox', { name: new RegExp(`^${trigger}`) }).click();
    }
    release();
    await eventually(
      async () =>
        (await suite.node.call('GET', path)).body.subscriptions.map((s: { trigger: string }) => s.trigger).sort(),
      (triggers) => triggers.join() === 'contact.mailingList.subscribed,contact.mailingList.unsubscribed',
    );
  });
});
