/** The operator's console. */
/// <reference lib="dom" />
import { describe, expect, test } from 'vitest';
import { eventually, startTestNode } from '../../support/node.ts';
import { pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

describe('the console', () => {
  test('an empty installation leads to a verified delivery', async () => {
    const page = await suite.signedIn();
    await page.getByRole('heading', { name: 'Welcome' }).waitFor();
    await page.getByRole('button', { name: 'Create account' }).first().click();
    await page.getByLabel('Name').fill('First shop');
    await page.getByRole('radio', { name: /Loop Returns/ }).check();
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('button', { name: 'Try it with a request bin' }).click();
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('button', { name: 'Send test' }).click();
    await page.getByText('The signature verifies with the secret of this webhook.').waitFor();
  });

  test('a sign-in link that came too late says so', async () => {
    const page = await suite.blank();
    await page.goto(`${suite.node.url}/console/?link=expired`);
    await page.getByText('This link was valid for 15 minutes after the start.').waitFor();
    await page.getByLabel('Operator key').waitFor();
  });

  test('who fails, down to the webhook; and back to the console', async () => {
    const account = await createAccount(suite.node, 'standard', {});
    await createWebhook(suite.node, account, { url: suite.receiver.url('/dead'), subscriptions: [{ trigger: '*' }] });
    suite.receiver.respond = (_, response) => void response.writeHead(500).end();
    await suite.node.publish(account, 'order.created', 1);
    await suite.receiver.received(1);
    const page = await suite.signedIn({ viewport: { width: 390, height: 844 } });
    await page.getByRole('link', { name: 'Health' }).click();
    await page.getByText(/^Waiting$/).waitFor();
    await page.getByText(/^Oldest waiting$/).waitFor();
    await page.getByText(/PostgreSQL \d+.*, history since/).waitFor();
    await page.getByRole('row', { name: /A shop.*\/dead.*failing, 1 retrying/ }).click();
    await page.getByRole('dialog').getByText('Failing').waitFor();
    await page.keyboard.press('Escape');
    // On a phone, too.
    await page.getByRole('link', { name: 'Console' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Operator key').waitFor();
  });

  test('accounts show how they are doing, those that need somebody first; and one node or all of them', async () => {
    const broken = (await suite.node.call('POST', '/v1/accounts', { name: 'Broken Shop', contract: 'standard' })).body
      .id;
    const { path } = await createWebhook(suite.node, broken, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: '*' }],
    });
    suite.receiver.respond = (_, response) => void response.writeHead(410).end();
    await suite.node.publish(broken, 'order.paid', 1);
    await eventually(
      async () => (await suite.node.call('GET', path)).body.status,
      (status) => status === 'inactive',
    );
    const other = await startTestNode({ databaseUrl: suite.node.databaseUrl });
    const page = await suite.signedIn();
    await page
      .getByRole('region', { name: 'Needs attention' })
      .getByRole('link', { name: 'Broken Shop: 1 switched off' })
      .waitFor();
    const row = page.getByRole('row', { name: /Broken Shop/ });
    await row.getByText('1 switched off').waitFor();
    await row.getByText('just now').first().waitFor();
    await page.getByRole('link', { name: 'Health' }).click();
    await page.getByLabel('Node', { exact: true }).selectOption({ index: 1 });
    expect(page.url()).toMatch(/node=\d+/);
    await page.getByRole('region', { name: 'Nodes' }).getByText('this one').waitFor();
    await other.stop();
  });

  test('accounts with search, health, contracts with their differences, the audit log', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const page = await suite.signedIn();
    await createAccount(suite.node, 'standard');
    await page.getByLabel('Search accounts').fill(account);
    // Who is typing sees the whole list until the answer to the search is there.
    await eventually(
      () => page.locator('tbody tr').allInnerTexts(),
      (rows) => rows.length === 1 && rows.every((row) => row.includes(account)),
    );
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
