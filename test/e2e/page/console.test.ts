/** The operator's console. */
/// <reference lib="dom" />
import { describe, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { pageSuite } from '../../support/page.ts';
import { createAccount } from '../../support/vendors.ts';

const suite = pageSuite();

describe('the console', () => {
  test('an empty installation leads to a verified delivery', async () => {
    const page = await suite.signedIn();
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
    const account = await createAccount(suite.node, 'loop-returns');
    const page = await suite.signedIn();
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
