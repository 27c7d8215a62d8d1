/** The function that reshapes a webhook's requests, edited on the page with what it is given and what it makes beside it. */
import { expect, test } from 'vitest';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

test('a function is written, tried out on an event, corrected, saved, and taken away', async () => {
  const account = await createAccount(suite.node, 'standard');
  const { id, path } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: 'order.*' }],
  });
  await suite.node.publish(account, 'order.paid', { id: 7 });
  await suite.receiver.received(1);
  const page = await suite.show(account, `/?endpoint=${id}`);
  await page.getByRole('button', { name: 'Add a transformation' }).click();
  const dialog = page.getByRole('dialog', { name: 'Transformation' });
  const code = dialog.getByRole('textbox', { name: 'Code of the function' });
  const write = async (text: string) => {
    await code.click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(text);
  };
  const choices = dialog.getByRole('combobox', { name: 'Tried out on' });
  await choices.locator('option').nth(1).waitFor({ state: 'attached' });
  await choices.selectOption({ index: 1 });
  await dialog.getByRole('region', { name: 'What it is given' }).getByText('"id": 7').waitFor();
  await write('function transform(request) {\n  return request.body.data.customer.name;\n}');
  await dialog.getByText(/TypeError: .*\(line 2\)/).waitFor();
  await write(
    "function transform(request) {\n  request.method = 'PUT';\n  request.body = { text: 'Order ' + request.body.data.id };\n  return request;\n}",
  );
  await dialog.getByText('"text": "Order 7"').waitFor();
  await dialog.getByText('PUT', { exact: true }).waitFor();
  expect(await axe(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect((await suite.node.call('GET', path)).body.transformation).toContain('request.method');
  await suite.node.publish(account, 'order.paid', { id: 8 });
  expect((await suite.receiver.received(2))[1]?.body.toString()).toBe('{"text":"Order 8"}');
  await page.getByRole('button', { name: 'Transformation', exact: true }).click();
  await code.getByText('request.method').waitFor();
  await write('');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Add a transformation' }).waitFor();
  expect((await suite.node.call('GET', path)).body.transformation).toBeNull();
});
