/** Filters of a webhook's subscriptions on the page. */
/// <reference lib="dom" />
import { expect, test } from 'vitest';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

test('a filter is tried out on the newest events while one types, is saved, and says in the messages what it kept back', async () => {
  const account = await createAccount(suite.node, 'standard');
  const { id, path } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: 'order.*' }, { trigger: 'invoice.paid' }],
  });
  for (const country of ['DE', 'FR', 'DE'])
    await suite.node.publish(account, 'order.created', { customer: { country } });
  const page = await suite.show(account, `/?endpoint=${id}`);
  await page.getByRole('button', { name: 'Add a filter' }).click();
  const dialog = page.getByRole('dialog', { name: 'Filters' });
  const text = dialog.getByRole('textbox');
  await text.fill('{');
  await dialog.getByText('This is no JSON').waitFor();
  await text.fill('{"at": "customer"}');
  await dialog.getByText(/is a JSON pointer into the payload/).waitFor();
  await text.fill('{"at": "/customer/country", "equals": "DE"}');
  await dialog.getByText('2 of the newest 3 pass.').waitFor();
  expect(await dialog.locator('ul.feed li').allInnerTexts()).toEqual([
    expect.stringMatching(/^passes/),
    expect.stringMatching(/^kept back/),
    expect.stringMatching(/^passes/),
  ]);
  expect(await axe(page)).toEqual([]);
  await dialog.getByLabel('Of the subscription to').selectOption('invoice.paid');
  await text.fill('{"at": "/total", "gte": 100}');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: '2 filters' }).waitFor();
  expect((await suite.node.call('GET', path)).body.subscriptions).toEqual([
    { trigger: 'order.*', filter: { at: '/customer/country', equals: 'DE' } },
    { trigger: 'invoice.paid', filter: { at: '/total', gte: 100 } },
  ]);
  // The form of everything else keeps them.
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.locator('summary', { hasText: 'Description' }).click();
  await page.getByLabel('Description').fill('with filters');
  await page.getByRole('dialog').last().getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').getByText('with filters').first().waitFor();
  expect((await suite.node.call('GET', path)).body.subscriptions[1].filter).toEqual({ at: '/total', gte: 100 });
  await suite.node.publish(account, 'order.created', { customer: { country: 'IT' } });
  await page.goto(`${suite.node.url}/page/messages`);
  await page
    .getByRole('row', { name: /order.created/ })
    .first()
    .click();
  await page.getByText('the filter of the subscription did not let it pass').waitFor();
});

test('where the contract has none, the page has none', async () => {
  const account = await createAccount(suite.node, 'loop-returns');
  const { id } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ topic: 'label', trigger: 'label.updated' }],
  });
  const page = await suite.show(account, `/?endpoint=${id}`);
  await page.getByRole('dialog').getByText('Label updated').first().waitFor();
  expect(await page.getByRole('button', { name: 'Add a filter' }).count()).toBe(0);
});
