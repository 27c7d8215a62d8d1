/** The history on the page: live, filtered, searched, replayed, large. */
/// <reference lib="dom" />
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

describe('messages', () => {
  test('filters in the URL, search in payloads, replay with preview', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ topic: 'return', trigger: 'return.created' }],
      status: 'active',
    });
    suite.receiver.respond = (_, response) => void response.writeHead(422).end();
    for (let i = 0; i < 5; i++) await suite.publishReturn(account, `needle-${i}`);
    await eventually(
      async () =>
        (await suite.node.call('GET', `/v1/accounts/${account}/deliveries?status=discarded`)).body.data.length,
      (count) => count === 5,
    );
    suite.receiver.respond = (_, response) => void response.writeHead(200).end();
    const page = await suite.show(account, '/messages');
    await page.getByRole('searchbox').fill('needle-3');
    await page.keyboard.press('Enter');
    await eventually(
      () => page.locator('.rows tr[data-row]').count(),
      (count) => count === 1,
    );
    expect(page.url()).toContain('q=needle-3');
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Status').selectOption('succeeded');
    await page.getByText('Nothing found').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.getByRole('button', { name: 'Replay …' }).click();
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('5 messages, 100 a second').waitFor();
    expect(suite.receiver.requests).toHaveLength(5);
    await page.getByRole('button', { name: 'Replay 5' }).click();
    await suite.receiver.received(10);
    await eventually(
      async () =>
        (await suite.node.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`)).body.data.length,
      (count) => count === 5,
    );
  });

  test('keyboard alone: search, rows, open, close, help', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    for (let i = 0; i < 3; i++) await suite.node.publish(account, 'order.created', { i });
    await suite.receiver.received(3);
    const page = await suite.show(account, '/messages');
    await page.locator('.rows').getByText('Delivered').first().waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('Delivered:').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('order');
    expect(await page.getByRole('searchbox').inputValue()).toBe('order');
  });

  test('a payload of 1 MiB and a long list do not freeze the page', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    const big = 'x'.repeat(1024 * 1024 - 100);
    expect((await suite.node.publish(account, 'big.one', big)).status).toBe(202);
    const events = Array.from({ length: 1000 }, (_, i) => ({ trigger: 'small.one', payload: { i } }));
    await suite.node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await suite.receiver.received(1001);
    const page = await suite.show(account, '/messages');
    await page.locator('.rows').getByText('Delivered').first().waitFor();
    const rows = page.locator('.rows');
    for (let i = 0; i < 12; i++) {
      await rows.evaluate((box) => box.scrollTo(0, box.scrollHeight));
      await page.waitForTimeout(100);
    }
    // Virtual rows: however many have been read, few are in the document.
    expect(await page.locator('.rows tr[data-row]').count()).toBeLessThan(80);
    const list = await suite.node.call('GET', `/v1/accounts/${account}/deliveries?trigger=big.one`);
    await page.goto(`${suite.node.url}/page/messages?message=${list.body.data[0].id}`);
    await page.getByText(/Show all/).waitFor();
  });
});
