/** How requests of a webhook authenticate, on the page. */
/// <reference lib="dom" />
import { expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

test('a webhook gets a password, keeps it when something else is changed, gets OAuth 2, and none', async () => {
  const account = await createAccount(suite.node, 'standard');
  const { id, path } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: '*' }],
  });
  const page = await suite.show(account, `/?endpoint=${id}`);
  /** What came for events: the form asks whether somebody is there, too. */
  const sent = (count: number) =>
    eventually(
      async () => suite.receiver.requests.filter(({ headers }) => headers['webhook-id'] !== undefined),
      (all) => all.length === count,
    );
  const auth = async () => (await suite.node.call('GET', path)).body.auth;
  const edit = async (work: () => Promise<void>) => {
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.locator('summary', { hasText: 'More:' }).click();
    await work();
    const form = page.getByRole('dialog', { name: 'Edit endpoint' });
    await form.getByRole('button', { name: 'Save' }).click();
    await form.waitFor({ state: 'detached' });
  };
  await edit(async () => {
    await page.getByLabel('Authentication').selectOption('basic');
    await page.getByRole('textbox', { name: 'User name' }).fill('shop');
    await page.locator('input[type=password]').fill('hidden-password');
    expect(await axe(page)).toEqual([]);
  });
  await page.getByText('User name and password').waitFor();
  expect(await auth()).toEqual({ type: 'basic', username: 'shop' });
  await suite.node.publish(account, 'a.b', {});
  const [first] = await sent(1);
  expect(first?.headers.authorization).toBe(`Basic ${btoa('shop:hidden-password')}`);
  await edit(() => page.getByLabel('Description').fill('changed'));
  await suite.node.publish(account, 'a.b', {});
  const [, second] = await sent(2);
  expect(second?.headers.authorization).toBe(first?.headers.authorization);
  await edit(async () => {
    await page.getByLabel('Authentication').selectOption('oauth2');
    await page.getByRole('textbox', { name: 'Token URL' }).fill('http://10.0.0.1/token');
    await page.getByRole('textbox', { name: 'Client ID' }).fill('client');
    await page.locator('input[type=password]').fill('hidden-secret');
    await page.getByRole('dialog', { name: 'Edit endpoint' }).getByRole('button', { name: 'Save' }).click();
    await page.getByText('10.0.0.1 is not a public address').waitFor();
    await page.getByRole('textbox', { name: 'Token URL' }).fill('http://127.0.0.1:1/token');
  });
  // Without its secret nothing of it is changed.
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.locator('summary', { hasText: 'More:' }).click();
  await page.getByRole('textbox', { name: 'Client ID' }).fill('other');
  const form = page.getByRole('dialog', { name: 'Edit endpoint' });
  await form.getByRole('button', { name: 'Save' }).click();
  await form.getByText('is missing').waitFor();
  await form.getByRole('button', { name: 'Cancel' }).click();
  expect(await auth()).toMatchObject({ type: 'oauth2', client_id: 'client', token_url: 'http://127.0.0.1:1/token' });
  await edit(async () => void (await page.getByLabel('Authentication').selectOption('none')));
  expect(await auth()).toBeNull();
  expect(await page.content()).not.toContain('hidden-');
});
