/** What a webhook may ask for, and the proof that its receiver wants it, on the page. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook, writeContract } from '../../support/vendors.ts';

const folder = writeContract(mkdtempSync(join(tmpdir(), 'posthorn-options-')), 'proven', {
  title: 'Proven',
  triggers: 'free',
  body: { encoder: 'json', envelope: { type: '{trigger}', data: '{payload}' } },
  signature: { scheme: 'none' },
  policy: { retry_delays_s: [5], jitter: 'none' },
  ownership_proof: true,
});
const suite = pageSuite({ environment: { POSTHORN_CONTRACTS: folder } });

test('fewer requests at a time, fewer a second, and events without payloads', async () => {
  const account = await createAccount(suite.node, 'standard');
  const { id, path } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: '*' }],
  });
  const page = await suite.show(account, `/?endpoint=${id}`);
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.locator('summary', { hasText: 'More:' }).click();
  await page.getByRole('spinbutton', { name: 'Requests at a time, at most' }).fill('2');
  await page.getByRole('spinbutton', { name: 'Requests a second, at most' }).fill('50');
  await page.getByRole('checkbox', { name: /Id and trigger only/ }).check();
  expect(await axe(page)).toEqual([]);
  await page.getByRole('dialog', { name: 'Edit endpoint' }).getByRole('button', { name: 'Save' }).click();
  await page.getByRole('region', { name: 'Settings' }).getByText('Id and trigger only').waitFor();
  expect((await suite.node.call('GET', path)).body).toMatchObject({ concurrency: 2, rate_limit: 50, thin: true });
});

test('what its receiver has not proven says so, and what came instead', async () => {
  const account = await createAccount(suite.node, 'proven');
  const { id } = await createWebhook(suite.node, account, {
    url: suite.receiver.url(),
    subscriptions: [{ trigger: '*' }],
  });
  suite.receiver.respond = (_, response) => void response.writeHead(200).end('hello');
  const page = await suite.show(account, `/?endpoint=${id}`);
  await page.getByText('it is sent a challenge').waitFor();
  await page.getByRole('button', { name: 'Activate' }).click();
  await page.getByText('its answer is not the challenge').waitFor();
  suite.receiver.respond = (request, response) =>
    void response.writeHead(200).end(JSON.parse(request.body.toString()).data.challenge);
  await page.getByRole('button', { name: 'Activate' }).click();
  await page.getByRole('button', { name: 'Deactivate' }).waitFor();
  expect(await page.getByText('it is sent a challenge').count()).toBe(0);
});
