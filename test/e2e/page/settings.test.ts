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
