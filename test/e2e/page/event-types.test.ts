/** Event types that were declared by the API, on the page. */
/// <reference lib="dom" />
import { expect, test } from 'vitest';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount } from '../../support/vendors.ts';

const suite = pageSuite();

test('they stand in the catalog with schema and sample, and are suggested for a new webhook', async () => {
  await suite.node.call('PUT', '/v1/event-types', {
    event_types: [
      {
        name: 'order.paid',
        label: 'Order paid',
        description: 'The whole amount has come.',
        schema: {
          type: 'object',
          required: ['id'],
          properties: { id: { type: 'string', description: 'Of the order' } },
        },
        sample: { id: '1001' },
      },
      { name: 'order.payed', label: 'Order payed', deprecated: true },
    ],
  });
  const account = await createAccount(suite.node, 'standard');
  await suite.node.publish(account, 'something.else', { n: 1 });
  const page = await suite.show(account, '/events');
  await page.getByRole('cell', { name: 'Order payed deprecated' }).waitFor();
  await page.getByRole('cell', { name: 'something.else' }).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByRole('cell', { name: 'Order paid', exact: true }).click();
  const drawer = page.getByRole('dialog', { name: 'Order paid' });
  await drawer.getByText('The whole amount has come.').waitFor();
  await drawer.getByText('"1001"').first().waitFor();
  await drawer.getByText('Of the order').waitFor();
  await page.keyboard.press('Escape');
  await page.goto(`${page.url().split('/events')[0]}/?new=1`);
  const options = page.locator('datalist option');
  await expect
    .poll(() => options.evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value)))
    .toEqual(['order.paid', 'something.else']);
});
