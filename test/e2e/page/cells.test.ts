/** The console of an installation with several databases. */
import { beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../../support/database.ts';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount } from '../../support/vendors.ts';

const options = { environment: { POSTHORN_CELLS: '' } };
beforeAll(async () => {
  options.environment.POSTHORN_CELLS = `eu2=${await createDatabase()} us1=${await createDatabase()}`;
});
const suite = pageSuite(options);

test('shows each of them, and accounts of all in one list', async () => {
  const account = await createAccount(suite.node, 'standard');
  const page = await suite.signedIn();
  await page.getByText(account).waitFor();
  await page.getByRole('link', { name: 'Health' }).click();

  const cells = page.getByRole('region', { name: 'Cells' });
  await cells.getByText('us1').waitFor();
  await cells.getByText('new accounts').waitFor();
  expect(await cells.getByText('up', { exact: true }).count()).toBe(3);
  expect(await axe(page)).toEqual([]);
});
