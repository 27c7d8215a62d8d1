/** Certificates of a webhook, on the page; and where requests come from. */
/// <reference lib="dom" />
import { expect, test } from 'vitest';
import { AUTHORITY, CLIENT } from '../../support/certificates.ts';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite({
  environment: { POSTHORN_ENDPOINT_CA: 'on', POSTHORN_SOURCE_ADDRESSES: '203.0.113.7,2001:db8::/64' },
});

test('a webhook gets a client certificate and an authority, shows until when, and loses them', async () => {
  const account = await createAccount(suite.node, 'standard');
  const { id, path } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: '*' }],
  });
  const page = await suite.show(account, `/?endpoint=${id}`);
  await page.getByText('203.0.113.7, 2001:db8::/64').waitFor();
  const form = page.getByRole('dialog', { name: 'Edit endpoint' });
  const open = async () => {
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.locator('summary', { hasText: 'More:' }).click();
  };
  const save = async () => {
    await form.getByRole('button', { name: 'Save' }).click();
    await form.waitFor({ state: 'detached' });
  };
  const tls = async () => (await suite.node.call('GET', path)).body.tls;
  await open();
  await page.getByText('They come from 203.0.113.7, 2001:db8::/64.').waitFor();
  await page.getByRole('combobox', { name: 'Certificates' }).selectOption('own');
  await page.getByRole('textbox', { name: 'Client certificate' }).fill(CLIENT.cert);
  await page.getByRole('textbox', { name: 'Certificate authority' }).fill(AUTHORITY);
  await form.getByRole('button', { name: 'Save' }).click();
  await form.getByText('is missing').waitFor();
  await page.getByRole('textbox', { name: 'Private key' }).fill(CLIENT.key);
  expect(await axe(page)).toEqual([]);
  await save();
  await page.getByText('O=Posthorn, CN=deliveries').waitFor();
  await page
    .getByText(/valid until .*2126/)
    .first()
    .waitFor();
  expect((await tls()).certificate_authority.subject).toContain('Example Authority');
  await open();
  // Nothing of it is shown, and nothing of it is changed by what is changed beside it.
  expect(await page.getByRole('textbox', { name: 'Private key' }).inputValue()).toBe('');
  await page.getByLabel('Description').fill('changed');
  await save();
  expect(await tls()).not.toBeNull();
  expect(await page.content()).not.toContain(CLIENT.key.split('\n')[1]);
  await open();
  await page.getByRole('combobox', { name: 'Certificates' }).selectOption('none');
  await save();
  expect(await tls()).toBeNull();
});
