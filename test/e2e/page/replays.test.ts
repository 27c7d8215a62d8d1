/** What the list of messages shows, sent again or taken home. */
/// <reference lib="dom" />
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/node.ts';
import { pageSuite } from '../../support/page.ts';
import { createAccount, createWebhook } from '../../support/vendors.ts';

const suite = pageSuite();

describe('replays and exports', () => {
  test('replays exactly what happened between two moments', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    await suite.publishEach(account, [1, 2, 3]);
    const page = await suite.show(account, '/messages');
    await page.getByRole('button', { name: 'Replay …' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Which').selectOption('All');
    await dialog.getByLabel('Time', { exact: true }).selectOption('From … to …');
    await dialog.getByLabel(/^From \(/).fill('2020-01-01T00:00');
    await dialog.getByLabel(/^To \(/).fill('2020-01-02T00:00');
    await dialog.getByRole('button', { name: 'Preview' }).click();
    await dialog.getByText('There is nothing to replay.').waitFor();
    await dialog.getByLabel(/^To \(/).fill('');
    await dialog.getByRole('button', { name: 'Preview' }).click();
    await dialog.getByRole('button', { name: 'Replay 3' }).click();
    await suite.receiver.received(6);
  });

  test('a replay shows how far it is, and can be stopped', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    const events = Array.from({ length: 1_000 }, (_, i) => ({ trigger: 'order.sent', payload: i }));
    await suite.node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await suite.receiver.received(1_000);
    const page = await suite.show(account, '/messages');
    await page.getByRole('button', { name: 'Replay …' }).click();
    await page.getByLabel('Which').selectOption('All');
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText(/^1,000 messages, 100 a second.* 10 s/).waitFor();
    await page.getByRole('button', { name: 'Replay 1,000' }).click();
    await page.getByRole('progressbar').waitFor();
    await page.getByText(/^[1-9]00 of 1,000$/).waitFor();
    await page.getByRole('status').getByRole('button', { name: 'Cancel' }).click();
    await page.getByText(/The replay is cancelled: [1-9]00 of 1,000 were sent\./).waitFor();
    await page.getByRole('progressbar').waitFor({ state: 'detached' });
    const [replay] = (await suite.node.call('GET', `/v1/accounts/${account}/replays`)).body.data;
    await suite.receiver.received(1_000 + replay.done);
    // Another replay goes through its rounds meanwhile: nothing more of this one is sent.
    await suite.node.publish(account, 'order.paid', 'after');
    await suite.receiver.received(1_000 + replay.done + 1);
    const body = { from: replay.from, to: new Date(Date.now() + 60_000).toISOString(), trigger: 'order.paid' };
    await eventually(
      () => suite.node.call('POST', `/v1/accounts/${account}/replay`, { ...body, dry_run: true }),
      (answer) => answer.body.count === 1,
    );
    const other = await suite.node.call('POST', `/v1/accounts/${account}/replay`, body);
    await eventually(
      async () => (await suite.node.call('GET', `/v1/accounts/${account}/replays/${other.body.id}`)).body.status,
      (status) => status === 'finished',
    );
    await suite.receiver.received(1_000 + replay.done + 2);
    expect(suite.receiver.requests).toHaveLength(1_000 + replay.done + 2);
    expect(replay.status).toBe('cancelled');
  });

  test('replays and resends exactly what the list shows, or what is ticked', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    const answers = [500, 422, 200, 422];
    suite.receiver.respond = (_, response, index) =>
      void response.writeHead(answers[index] ?? 200, { 'retry-after': '600' }).end();
    await suite.publishEach(account, answers);
    const page = await suite.show(account, '/messages?last_status=422');
    const rows = page.locator('.rows tr[data-row]');
    await page.getByText('2 messages', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Replay …' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Answer 422' }).waitFor();
    await dialog.getByRole('button', { name: 'Preview' }).click();
    await dialog.getByText('2 messages, 100 a second').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await page.getByText('4 messages', { exact: true }).waitFor();
    // Two of four: with Shift a range, with `x` the row that has the focus.
    const boxes = rows.getByRole('checkbox');
    await boxes.nth(0).check();
    await boxes.nth(2).click({ modifiers: ['Shift'] });
    await page.getByText('3 chosen').waitFor();
    await rows.nth(2).getByRole('button').focus();
    await page.keyboard.press('x');
    await page.getByText('2 chosen').waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
    const ids = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('tr[data-id]:has(:checked)')].map((row) => row.dataset.id ?? ''),
    );
    const list = (await suite.node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
    const events = ids.map((id) => list.find((one: { id: string }) => one.id === id).event_id);
    await page.getByRole('button', { name: 'Resend these' }).click();
    await dialog.getByRole('button', { name: 'Preview' }).click();
    await dialog.getByText('2 messages, 100 a second').waitFor();
    await dialog.getByRole('button', { name: 'Replay 2' }).click();
    await suite.receiver.received(6);
    const sent = suite.receiver.requests.slice(4).map((request) => request.headers['webhook-id']);
    expect(sent.sort()).toEqual(events.sort());
  });

  test('what is shown can be taken home as CSV and as lines of JSON', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url('/orders'), subscriptions: [{ trigger: '*' }] });
    await suite.publishEach(account, ['one', 'two', 'three']);
    const page = await suite.show(account, '/messages?q=two');
    await page.getByText('1 message', { exact: true }).waitFor();
    const save = async (format: string) => {
      await page.getByRole('button', { name: 'Export' }).click();
      const saved = page.waitForEvent('download');
      await page.getByRole('menuitem', { name: format }).click();
      const file = await saved;
      return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
    };
    const csv = await save('As CSV');
    expect(csv.name).toMatch(/^messages-.*\.csv$/);
    expect(csv.text.trimEnd().split('\r\n')).toHaveLength(2);
    expect(csv.text).toContain(suite.receiver.url('/orders'));
    const lines = await save('As JSON, one a line');
    expect(
      lines.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).status),
    ).toEqual(['succeeded']);
  });
});
