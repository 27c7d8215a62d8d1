/** Operator keys with names, in the console. */
/// <reference lib="dom" />
import { expect, test } from 'vitest';
import { axe, pageSuite } from '../../support/page.ts';

const suite = pageSuite();

test('a key is made, shown once, opens the console for what its role allows, and is taken away', async () => {
  const page = await suite.signedIn();
  await page.getByRole('link', { name: 'Operator keys' }).click();
  await page.getByText('No operator keys with names').waitFor();
  await page.getByRole('button', { name: 'New operator key' }).first().click();
  await page.getByLabel('Name').fill('Jane');
  await page.getByLabel('Role').selectOption('viewer');
  await page.getByText('Sees everything but secrets, and changes nothing.').waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByRole('button', { name: 'Generate' }).click();
  const key = (await page.getByTestId('api-key').textContent()) ?? '';
  expect(key).toMatch(/^pho_/);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.getByRole('row', { name: /Jane/ }).waitFor();
  expect(await page.content()).not.toContain(key);

  const hers = await suite.blank();
  await hers.goto(`${suite.node.url}/console/`);
  await hers.getByLabel('Operator key').fill(key);
  await hers.getByRole('button', { name: 'Sign in' }).click();
  await hers.getByText('Jane', { exact: true }).waitFor();
  expect(await hers.getByRole('link', { name: 'Operator keys' }).count()).toBe(0);

  await page.getByRole('row', { name: /Jane/ }).click();
  expect(await axe(page)).toEqual([]);
  await page.getByRole('button', { name: 'Rotate' }).click();
  await page.getByLabel('The key before stops working').selectOption('0');
  await page.getByRole('dialog', { name: 'Rotate “Jane”' }).getByRole('button', { name: 'Rotate' }).click();
  expect(await page.getByTestId('api-key').textContent()).not.toBe(key);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.getByRole('button', { name: 'Delete key' }).click();
  await page.getByRole('dialog', { name: 'Delete “Jane”?' }).getByRole('button', { name: 'Delete key' }).click();
  await page.getByText('No operator keys with names').waitFor();
});
