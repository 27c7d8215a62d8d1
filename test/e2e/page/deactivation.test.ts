/** Webhooks that are switched off say so everywhere, and why; and whoever wants is told. */
/// <reference lib="dom" />
import { afterAll, describe, expect, test } from 'vitest';
import { Mailbox } from '../../support/mailbox.ts';
import { eventually } from '../../support/node.ts';
import { axe, pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const mailbox = await Mailbox.start();
afterAll(() => mailbox.stop());
const suite = pageSuite({
  environment: { POSTHORN_SMTP_URL: mailbox.url, POSTHORN_SMTP_FROM: 'webhooks@example.com' },
});

describe('a webhook that was switched off', () => {
  test('says when, by which answers, what is on hold, and has a mark in the navigation and at the top', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url('/returns'),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      status: 'active',
    });
    suite.receiver.respond = (_, response) => void response.writeHead(422).end();
    const page = await suite.show(account);
    await page.getByRole('row', { name: /Return created/ }).waitFor();
    for (let i = 0; i < 5; i++) await suite.publishReturn(account, String(i));
    await suite.receiver.received(5);
    await page.getByRole('button', { name: 'Return created', exact: true }).click();
    const drawer = page.getByRole('dialog');
    await drawer.getByText('5 failures in a row: at 10 it is switched off').waitFor({ timeout: 20_000 });
    for (let i = 5; i < 10; i++) await suite.publishReturn(account, String(i));
    await eventually(
      async () => (await suite.node.call('GET', path)).body.status,
      (status) => status === 'inactive',
    );
    await page.goto(`${suite.node.url}/page/messages`);
    await page
      .getByText(`Return created · ${suite.receiver.url('/returns')} was switched off because it failed.`)
      .waitFor();
    await page.getByRole('navigation').getByRole('img', { name: '1 was switched off' }).waitFor();
    await page.getByRole('link', { name: 'Look at it' }).click();
    await drawer.getByText('This webhook was switched off.').waitFor();
    await drawer.getByText(/On .* UTC: 10 failures in a row\./).waitFor();
    await drawer.getByText('The newest answers: 422 (10).').waitFor();
    await drawer.getByText(/Nothing is on hold/).waitFor();
    await drawer.getByRole('button', { name: 'Activate' }).click();
    await page.getByText('was switched off because it failed').waitFor({ state: 'detached' });
  });

  test('is told by e-mail once the address is confirmed, and by a webhook of one’s own', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    const page = await suite.show(account);
    await page.getByRole('button', { name: 'Notices' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('E-mail address').fill('dev@example.com');
    await dialog.getByRole('button', { name: 'Save' }).first().click();
    const [mail] = await mailbox.received(1);
    const code = /: (\d{6})$/m.exec(mail?.text ?? '')?.[1] ?? '';
    await dialog.getByLabel('Code').fill(code === '000000' ? '000001' : '000000');
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await dialog.getByRole('alert').filter({ hasText: 'is not the code that was sent' }).waitFor();
    await dialog.getByLabel('Code').fill(code);
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await dialog.getByText('Confirmed.').waitFor();
    await dialog.getByLabel('URL', { exact: true }).fill(suite.receiver.url('/alerts'));
    await dialog.getByRole('button', { name: 'Save' }).last().click();
    await dialog.getByRole('button', { name: 'Reveal the secret' }).waitFor();
    await dialog.getByRole('button', { name: 'Send a test' }).click();
    await dialog.getByText('E-mail: sent.').waitFor();
    await dialog.getByText('Webhook: sent.').waitFor();
    expect(suite.receiver.requests.at(-1)?.path).toBe('/alerts');
    expect(mailbox.mails.at(-1)?.subject).toMatch(/^A test/);
    await dialog.getByRole('checkbox', { name: /Quiet hours/ }).check();
    await dialog.getByLabel('Time zone').fill('Mars/Base');
    await dialog.getByRole('button', { name: 'Save' }).last().click();
    await dialog.getByText('is no time zone, as Europe/Berlin').waitFor();
    await dialog.getByLabel('Time zone').fill('Europe/Berlin');
    await dialog.getByLabel('From').fill('23:30');
    expect(await axe(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Save' }).last().click();
    await page.getByText('Saved').first().waitFor();
    const { quiet } = (await suite.node.call('GET', `/v1/accounts/${account}/notices`)).body;
    expect(quiet).toEqual({ from: '23:30', to: '07:00', time_zone: 'Europe/Berlin' });
  });
});
