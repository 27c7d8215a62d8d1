/** The order of a webhook's messages, and the keys that are parked, as people see and change them. */
import { expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

test('an ordering key is named, refused where it is no pointer, and taken away', async () => {
  const account = await createAccount(suite.node, 'standard');
  const { id, path } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: 'order.*' }, { trigger: 'refund.made', filter: { at: '/id', exists: true } }],
  });
  const page = await suite.show(account, `/?endpoint=${id}`);
  await page.getByRole('button', { name: 'Keep an order' }).click();
  const dialog = page.getByRole('dialog', { name: 'Order of messages' });
  await dialog.getByLabel('Ordering key').fill('order.id');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText(/JSON pointer into the payload/).waitFor();
  await dialog.getByLabel('Ordering key').fill('/order/id');
  expect(await axe(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'In order of /order/id' }).waitFor();
  expect((await suite.node.call('GET', path)).body.subscriptions).toEqual([
    { trigger: 'order.*', ordered_by: '/order/id' },
    { trigger: 'refund.made', ordered_by: '/order/id', filter: { at: '/id', exists: true } },
  ]);
  await page.getByRole('button', { name: 'In order of /order/id' }).click();
  await dialog.getByLabel('Ordering key').fill('');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Keep an order' }).waitFor();
  expect((await suite.node.call('GET', path)).body.subscriptions[0]).toEqual({ trigger: 'order.*' });
});

test('a parked key is shown with those behind it, and released', async () => {
  const account = await createAccount(suite.node, 'standard');
  suite.receiver.respond = (_, response) => void response.writeHead(503, { 'retry-after': '600' }).end();
  const { id } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: '*', ordered_by: '/order/id' }],
  });
  for (let step = 0; step < 3; step++)
    await suite.node.publish(account, 'order.changed', { order: { id: 'A-1042' }, step });
  await eventually(
    async () => (await suite.node.call('GET', `/v1/accounts/${account}/endpoints/${id}/parked-keys`)).body.data,
    (keys) => keys.length === 1,
  );
  const page = await suite.show(account, `/?endpoint=${id}`);
  const parked = page.getByRole('region', { name: 'Parked keys' });
  await parked.getByText('A-1042').waitFor();
  await parked.getByText('2 behind it').waitFor();
  expect(await axe(page)).toEqual([]);
  suite.receiver.respond = (_, response) => void response.writeHead(200).end();
  await page.getByRole('button', { name: 'Let the others go on' }).click();
  await eventually(
    async () => (await suite.node.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`)).body.data.length,
    (count) => count === 2,
  );
  await page.getByRole('region', { name: 'Parked keys' }).waitFor({ state: 'detached' });
});

test('a message that waits in line says for what', async () => {
  const account = await createAccount(suite.node, 'standard');
  suite.receiver.respond = (_, response) => void response.writeHead(503, { 'retry-after': '600' }).end();
  await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: '*', ordered_by: '/order/id' }],
  });
  for (let step = 0; step < 2; step++) await suite.node.publish(account, 'a.b', { order: { id: 'A-7' }, step });
  const [waiting] = (await suite.node.call('GET', `/v1/accounts/${account}/deliveries?status=pending`)).body.data;
  const page = await suite.show(account, `/messages?message=${waiting.id}`);
  await page.getByText('It waits for an earlier message of “A-7”').waitFor();
});
