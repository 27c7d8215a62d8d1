import { describe, expect, test } from 'vitest';
import { query } from '../../support/database.ts';
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

  test('a bar of the charts is a time to look into, for the list as well; a group of failures filters it', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    const answers = [200, 200, 410, 422];
    suite.receiver.respond = (_, response, index) => void response.writeHead(answers[index] ?? 422).end();
    await suite.publishEach(account, answers);
    const [hook] = (await suite.node.call('GET', `/v1/accounts/${account}/endpoints`)).body.data;
    await suite.node.call('POST', `/v1/accounts/${account}/endpoints/${hook.id}/test`);
    const page = await suite.show(account, '/messages');
    const rows = page.locator('.rows tr[data-row]');
    const charts = page.getByRole('region', { name: 'Charts' });
    await charts.getByText('2 delivered, 1 failed, 1 on hold').waitFor();
    await charts.getByRole('button', { name: /^410 at .* 1 message since/ }).click();
    await eventually(
      () => rows.count(),
      (count) => count === 1,
    );
    await rows.getByText('410').waitFor();
    expect(page.url()).toContain('last_status=410');
    // By keyboard: the chart is one stop, the arrows go through its bars.
    const bars = charts.getByRole('group', { name: 'Messages by outcome' });
    await bars.locator('[tabindex="0"]').focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowRight');
    await charts.getByText(/: 2 delivered, 1 failed, 1 on hold/).waitFor();
    await page.keyboard.press('Enter');
    await eventually(
      () => rows.count(),
      (count) => count === 4,
    );
    // One selector of time for both: the charts look into that time, too.
    expect(page.url()).toContain('from=');
    await page.getByRole('searchbox').focus();
    await charts.getByText('2 delivered, 1 failed, 1 on hold').waitFor();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await eventually(
      async () => page.url(),
      (url) => !url.includes('from='),
    );
  });

  test('live: what comes one by one appears by itself, and a burst leaves no gap', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    await suite.publishEach(account, [1]);
    const page = await suite.show(account, '/messages');
    const table = page.locator('.rows table');
    const counted = (count: number) =>
      eventually(
        () => table.getAttribute('aria-rowcount'),
        (rows) => rows === String(count + 1),
      );
    await counted(1);
    await suite.node.publish(account, 'order.paid', 2);
    await counted(2);
    const events = Array.from({ length: 120 }, (_, i) => ({ trigger: 'order.sent', payload: i }));
    await suite.node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await suite.receiver.received(122);
    const rows = page.locator('.rows tr[data-row]');
    await eventually(
      () => rows.filter({ hasText: 'order.sent' }).count(),
      (count) => count > 10,
    );
    await eventually(
      async () => {
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
        return table.getAttribute('aria-rowcount');
      },
      (count) => count === '123',
    );
  });

  test('while one reads further down nothing moves: what is new is counted, and shown on demand', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    const events = Array.from({ length: 80 }, (_, i) => ({ trigger: 'order.sent', payload: i }));
    await suite.node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    await suite.receiver.received(80);
    const page = await suite.show(account, '/messages');
    const box = page.locator('.rows');
    await box.getByText('Delivered').first().waitFor();
    await page.evaluate(() => scrollTo(0, 1_000));
    const shown = () => box.locator('tr[data-row]').allInnerTexts();
    await expect.poll(async () => (await shown()).length).toBeGreaterThan(0);
    const top = await box.boundingBox();
    await suite.node.publish(account, 'order.paid', 1);
    await suite.node.publish(account, 'order.paid', 2);
    const fresh = page.getByRole('button', { name: '2 new' });
    await fresh.waitFor();
    expect(await box.boundingBox()).toEqual(top);
    expect(await page.evaluate(() => scrollY)).toBe(1_000);
    expect((await shown()).join()).not.toContain('order.paid');
    await fresh.click();
    await box.getByText('order.paid').first().waitFor();
    await fresh.waitFor({ state: 'detached' });
  });

  test('filters by event, webhook, time and status; each stands in the address', async () => {
    const account = await createAccount(suite.node, 'standard');
    const make = (path: string, trigger: string) =>
      createWebhook(suite.node, account, { url: suite.receiver.url(path), subscriptions: [{ trigger }] });
    await make('/paid', 'order.paid');
    await make('/all', '*');
    await suite.node.publish(account, 'order.paid', 1);
    await suite.node.publish(account, 'order.sent', 2);
    await suite.receiver.received(3);
    const page = await suite.show(account, '/messages');
    const rows = page.locator('.rows tr[data-row]');
    const counted = (count: number) => expect.poll(() => rows.count(), { timeout: 15_000 }).toBe(count);
    await counted(3);
    await page.getByRole('textbox', { name: 'Event' }).fill('order.sent');
    await counted(1);
    expect(page.url()).toContain('trigger=order.sent');
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Endpoint').selectOption({ label: `All events · ${suite.receiver.url('/all')}` });
    await counted(2);
    await page.reload();
    await counted(2);
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Time', { exact: true }).selectOption('From … to …');
    await page.getByLabel(/^From \(/).fill('2020-01-01T00:00');
    await page.getByLabel(/^To \(/).fill('2020-01-02T00:00');
    await page.getByText('Nothing found').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.getByLabel('Status').selectOption('discarded');
    await page.getByText('Nothing found').waitFor();
  });

  test('a message tells where it went, what came back, and how to send it oneself', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url('/old'),
      subscriptions: [{ trigger: '*' }],
    });
    // The next attempt, at the new address, comes when this is over.
    const headers = { location: 'https://example.com/login', 'retry-after': '300' };
    suite.receiver.respond = (_, response) => void response.writeHead(302, headers).end("it's elsewhere");
    await suite.node.publish(account, 'order.paid', { total: 5.5 });
    await suite.receiver.received(1);
    await suite.node.call('PATCH', path, { url: suite.receiver.url('/new') });
    const page = await suite.show(account, '/messages');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.locator('.rows tr[data-row]').click();
    const drawer = page.getByRole('dialog');
    // The address that was called, not the one that it has now.
    await drawer.getByRole('link', { name: /\/old$/ }).waitFor();
    await drawer
      .getByText('Redirects are not followed: set the URL to where it leads (https://example.com/login).')
      .waitFor();
    await drawer.getByText("it's elsewhere").waitFor();
    const left = page.getByTestId('countdown');
    const before = await left.innerText();
    await expect.poll(() => left.innerText(), { timeout: 5_000 }).not.toBe(before);
    await drawer.getByRole('button', { name: 'Copy as curl' }).click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    expect(command).toMatch(/^curl -X POST \\\n {2}'http:.*\/old'/);
    expect(command).toContain("-H 'webhook-id: ");
    expect(command).toMatch(/--data-raw '\{.*5\.5.*\}'$/);
    const body = drawer.getByRole('region', { name: 'Request body' });
    const pretty = await body.innerText();
    await drawer.getByRole('button', { name: 'Raw' }).first().click();
    await expect.poll(() => body.innerText()).not.toBe(pretty);
    expect(await body.innerText()).toBe(suite.receiver.requests[0]?.body.toString());
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
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('/');
    await page.keyboard.type('order');
    expect(await page.getByRole('searchbox').inputValue()).toBe('order');
    // Who wants no single letters to act can say so.
    await page.getByRole('button', { name: 'Keyboard' }).click();
    await page.getByRole('checkbox', { name: /Use these keys/ }).uncheck();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('g');
    await page.keyboard.press('?');
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(page.url()).toContain('/page/messages');
  });

  test('attack: an id in the address leads nowhere else', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { id, path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: '*' }],
    });
    // It would read something that exists, and then `r` would post to its `/retry`.
    const page = await suite.show(account, `/messages?message=${encodeURIComponent(`../endpoints/${id}`)}`);
    const asked: string[] = [];
    page.on('request', (request) => void asked.push(new URL(request.url()).pathname));
    await page.reload();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await page.keyboard.press('r');
    expect(asked.filter((one) => one === path)).toEqual([]);
    expect(asked.some((one) => one.endsWith(`deliveries/..%2Fendpoints%2F${id}`))).toBe(true);
    await page.goto(`${suite.node.url}/page/messages?message=..`);
    await page.getByRole('dialog').getByRole('alert').waitFor();
    expect((await suite.node.call('GET', path)).body.status).toBe('active');
  });

  test('a payload of 1 MiB is cut where it is shown, and whole on demand', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    const big = 'x'.repeat(1024 * 1024 - 100);
    expect((await suite.node.publish(account, 'big.one', big)).status).toBe(202);
    await suite.receiver.received(1);
    const list = await suite.node.call('GET', `/v1/accounts/${account}/deliveries`);
    const page = await suite.show(account, `/messages?message=${list.body.data[0].id}`);
    const body = page.getByRole('region', { name: 'Request body' });
    await page.getByRole('button', { name: /Show all/ }).waitFor();
    expect((await body.innerText()).length).toBeLessThan(30_000);
    await page.getByRole('button', { name: /Show all/ }).click();
    expect((await body.innerText()).length).toBeGreaterThan(1_000_000);
  });

  test('100,000 messages: read a page at a time, drawn a screen at a time, without gaps', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    await suite.publishEach(account, [1]);
    await multiply(account, 100_000);
    const page = await suite.show(account, '/messages');
    let largest = 0;
    const asked: (string | null)[] = [];
    page.on('request', (request) => {
      if (!/deliveries\?/.test(request.url())) return;
      const { searchParams } = new URL(request.url());
      largest = Math.max(largest, Number(searchParams.get('limit') ?? 'Infinity'));
      asked.push(searchParams.get('cursor'));
    });
    await page.getByText('100,001 delivered').waitFor();
    asked.length = 0;
    await page.reload();
    const box = page.locator('.rows');
    const shown = () => box.locator('tr[data-row]').evaluateAll((rows) => rows.map((row) => Number(row.dataset.row)));
    for (let wanted = 100; wanted <= 2_000; wanted += 100) {
      // The next page comes before the end of this one is seen.
      await eventually(
        async () => {
          await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
          return shown();
        },
        (rows) => (rows.at(-1) ?? 0) >= wanted,
      );
      const rows = await shown();
      expect(rows.length).toBeLessThan(60);
      expect(rows).toEqual(rows.map((_, i) => (rows[0] ?? 0) + i));
    }
    expect(largest).toBe(100);
    // The newest again: rows that have been read are not asked for twice.
    await page.evaluate(() => scrollTo(0, 0));
    await eventually(shown, (rows) => rows[0] === 0);
    expect(asked).toEqual([...new Set(asked)]);
  });

  test('tests do not fill the list, unless there is nothing else or somebody asks', async () => {
    const account = await createAccount(suite.node, 'standard');
    const { path } = await createWebhook(suite.node, account, {
      url: suite.receiver.url(),
      subscriptions: [{ trigger: '*' }],
    });
    for (let i = 0; i < 3; i++) await suite.node.call('POST', `${path}/test`);
    const page = await suite.show(account, '/messages');
    const rows = page.locator('.rows tr[data-row]');
    await page.getByText('Only tests yet').waitFor();
    await expect.poll(() => rows.count()).toBe(3);
    await suite.node.publish(account, 'order.paid', 1);
    await expect.poll(() => rows.count()).toBe(1);
    await page.getByRole('button', { name: 'Tests are hidden: show them' }).click();
    await expect.poll(() => rows.count()).toBe(4);
    expect(page.url()).toContain('test=all');
  });

  test('views are saved, opened and removed, with a way back', async () => {
    const account = await createAccount(suite.node, 'standard');
    await createWebhook(suite.node, account, { url: suite.receiver.url(), subscriptions: [{ trigger: '*' }] });
    const page = await suite.show(account, '/messages?status=discarded&span=24h');
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Save this view …' }).click();
    await page.getByLabel('Name').fill('Failed today');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.goto(`${suite.node.url}/page/messages`);
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Failed today' }).click();
    await expect.poll(() => page.url()).toMatch(/span=24h.*status=discarded|status=discarded.*span=24h/);
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Remove “Failed today”' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Remove “Failed today”' }).waitFor();
  });

  test('filters stand in one row at 1280 px; on a phone the list begins in the upper third', async () => {
    const account = await createAccount(suite.node, 'loop-returns');
    for (const trigger of ['return.created', 'return.updated']) {
      await createWebhook(suite.node, account, {
        url: suite.receiver.url('/returns/of/the/shop'),
        subscriptions: [{ topic: 'return', trigger }],
        status: 'active',
      });
    }
    await suite.publishReturn(account);
    await suite.receiver.received(1);
    const page = await suite.show(account, '/messages?status=succeeded');
    await page.locator('.rows tr[data-row]').first().waitFor();
    const tops = await page.locator('.toolbar > *:visible').evaluateAll((all) =>
      all.map((one) => {
        const { top, height } = one.getBoundingClientRect();
        return Math.round(top + height / 2);
      }),
    );
    expect(tops.length).toBeGreaterThanOrEqual(6);
    expect(new Set(tops).size).toBe(1);
    const phone = await suite.show(account, '/messages', { viewport: { width: 390, height: 844 } });
    await phone.locator('.rows tr[data-row]').first().waitFor();
    const box = await phone.locator('.rows').boundingBox();
    expect(box?.y).toBeLessThan(844 / 3);
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await phone.locator('.rows').getByText('/shop', { exact: true }).filter({ visible: true }).waitFor();
    await phone.getByRole('button', { name: 'Filters' }).click();
    await phone.getByLabel('Status', { exact: true }).filter({ visible: true }).selectOption('discarded');
    await phone.getByText('Nothing found').waitFor();
  });
});

/** So many more finished deliveries as the account has one, a millisecond apart into the past. */
async function multiply(account: string, count: number): Promise<void> {
  await query(
    suite.node.databaseUrl,
    `WITH more AS (
     INSERT INTO deliveries
     SELECT account_id, (lpad(to_hex(ms - i), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0'))::uuid,
            endpoint_id, event_id, topic, trigger, test, status, reason, attempts, finished_at, last_status, last_error
     FROM (SELECT *, ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint AS ms FROM deliveries) one,
          generate_series(1, ${count}) AS i
     WHERE account_id = '${account}'
     RETURNING *)
     INSERT INTO delivery_counts_new
     SELECT account_id, hour_of(id), endpoint_id, count(*), 0, 0, max(finished_at), max(finished_at) FROM more GROUP BY 1, 2, 3`,
  );
}
