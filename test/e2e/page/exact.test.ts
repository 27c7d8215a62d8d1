/** The page says what is so: of times, of failures, and of how a webhook stands. */
/// <reference lib="dom" />
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

async function accountWithWebhook(path = '/', contract = 'standard') {
  const account = await createAccount(suite.node, contract);
  const webhook = await createWebhook(suite.node, account, {
    url: suite.receiver.url(path),
    subscriptions: [{ trigger: '*' }],
  });
  return { account, webhook };
}
const newest = async (account: string) =>
  (await suite.node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data[0];
const newestIs = (account: string, status: string) =>
  eventually(
    () => newest(account),
    (one) => one?.status === status,
  );

describe('times', () => {
  test('have their zone; UTC is a switch that is remembered; details go to the millisecond', async () => {
    const { account } = await accountWithWebhook();
    await suite.node.publish(account, 'order.paid', 1);
    const { id } = await newestIs(account, 'succeeded');
    const page = await suite.show(account, '/messages', { timezone: 'Asia/Kolkata' });
    const when = page.locator('.rows td:last-child time').first();
    await when.waitFor();
    expect(await when.getAttribute('title')).toMatch(/ UTC\+5:30$/);
    await page.getByRole('button', { name: 'UTC+5:30: Show all times in UTC' }).click();
    await expect.poll(() => when.getAttribute('title')).toMatch(/:\d\d (AM|PM)? ?UTC$/);
    await page.goto(`${suite.node.url}/page/messages?message=${id}`);
    const drawer = page.getByRole('dialog');
    const { created_at: at } = await newest(account);
    const [, clock = '', ms = ''] = /T\d\d(:\d\d:\d\d)\.(\d{3})Z$/.exec(at) ?? [];
    await drawer
      .getByText(new RegExp(`${clock}\\.${ms}.* UTC`))
      .first()
      .waitFor();
    await drawer.getByText(/^Sent .*\.\d{3}.* UTC · /).waitFor();
  });

  test('moments of a filter are read by the same clock', async () => {
    const { account } = await accountWithWebhook();
    await suite.node.publish(account, 'order.paid', 1);
    await newestIs(account, 'succeeded');
    const page = await suite.show(account, '/messages?span=own&from=2026-01-01T10:00:00.000Z', {
      timezone: 'Asia/Kolkata',
    });
    const from = page.getByLabel(/^From/);
    await expect.poll(() => from.inputValue()).toBe('2026-01-01T15:30');
    await page.getByRole('button', { name: /Show all times in UTC/ }).click();
    await expect.poll(() => from.inputValue()).toBe('2026-01-01T10:00');
    await from.fill('2026-01-02T11:00');
    await expect.poll(() => page.url()).toContain(`from=${encodeURIComponent('2026-01-02T11:00:00.000Z')}`);
  });
});

describe('failures', () => {
  test('what the server asked for stands there, and the sentence agrees with the timeline', async () => {
    const { account } = await accountWithWebhook();
    suite.receiver.respond = (_, response) => void response.writeHead(503, { 'retry-after': '120' }).end();
    await suite.node.publish(account, 'order.paid', 1);
    const { id } = await newestIs(account, 'failed');
    const page = await suite.show(account, `/messages?message=${id}`);
    const drawer = page.getByRole('dialog');
    await drawer.getByText('Your server asked for 2 min (Retry-After).').waitFor();
    const both = await drawer.evaluate((element) =>
      [...element.querySelectorAll('[data-testid="countdown"] time, .to-come time')].map((time) => time.textContent),
    );
    expect(both).toHaveLength(2);
    expect(both[0]).toMatch(/^in (1 min \d+ s|2 min)$/);
    expect(both[1]).toBe(both[0]);
  });

  test('a timeout says how long was waited', async () => {
    const { account } = await accountWithWebhook();
    suite.receiver.respond = (_, response) => void response.writeHead(503).end();
    await suite.node.publish(account, 'order.paid', 1);
    const { id } = await newestIs(account, 'failed');
    const page = await suite.show(account);
    await page.route(`**/deliveries/${id}`, async (route) => {
      const answer = await route.fetch();
      const message = await answer.json();
      const attempts = message.attempts.map((one: object) => ({
        ...one,
        error: 'timeout',
        response: null,
        duration_ms: 10_004.2,
      }));
      await route.fulfill({ response: answer, json: { ...message, attempts } });
    });
    await page.goto(`${suite.node.url}/page/messages?message=${id}`);
    await page.getByText('your server did not answer within 10 s.').waitFor();
  });

  test('plain HTTP behind https is told as such', async () => {
    const { account, webhook } = await accountWithWebhook();
    await suite.node.call('PATCH', webhook.path, { url: suite.receiver.url().replace('http:', 'https:') });
    await suite.node.publish(account, 'order.paid', 1);
    const { id } = await newestIs(account, 'failed');
    const page = await suite.show(account, `/messages?message=${id}`);
    const drawer = page.getByRole('dialog');
    await drawer.getByText(/your server speaks plain HTTP where the URL says https/).waitFor();
    expect(await drawer.getByText(/certificate: its chain/).count()).toBe(0);
    expect(await drawer.getByText(/SSL|routines|EPROTO|error:/).count()).toBe(0);
  });
});

describe('how a webhook stands', () => {
  test('Testing Mode shows beside the status, and the reason why it is inactive stays', async () => {
    const { account, webhook } = await accountWithWebhook();
    await suite.node.call('POST', `${webhook.path}/deactivate`);
    await suite.node.call('POST', `${webhook.path}/testing-mode`, { enabled: true });
    const page = await suite.show(account);
    const row = page.getByRole('row').nth(1);
    await row.getByText('Inactive · Testing Mode').waitFor();
    await row.getByRole('button', { name: 'All events', exact: true }).click();
    const drawer = page.getByRole('dialog');
    await drawer.getByText(/Inactive · deactivated by hand · Testing Mode, 2 d 23 h left/).waitFor();
    await suite.node.call('POST', `${webhook.path}/activate`);
    suite.receiver.respond = (_, response) => void response.writeHead(500).end();
    await suite.node.publish(account, 'order.paid', 1);
    await page.reload();
    await drawer.getByText(/Failing · 500 · Testing Mode, 2 d 23 h left/).waitFor();
  });

  test('one whose every attempt failed shows 0 %', async () => {
    const { account } = await accountWithWebhook();
    suite.receiver.respond = (_, response) => void response.writeHead(500).end();
    await suite.node.publish(account, 'order.paid', 1);
    await newestIs(account, 'failed');
    const page = await suite.show(account);
    await page.getByRole('row').nth(1).getByText('0%').waitFor();
  });
});
