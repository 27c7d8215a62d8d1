/** Sources in the operator's console. */
/// <reference lib="dom" />
import { beforeAll, expect, test } from 'vitest';
import { createDatabase, query } from '../../support/database.ts';
import { pageSuite } from '../../support/page.ts';
import { payloadsOf, sourcesFile } from '../../support/sources.ts';

let app: string;
const environment: Record<string, string> = {};
beforeAll(async () => {
  app = await createDatabase();
  await query(app, 'CREATE TABLE outbox (id bigserial PRIMARY KEY, account text, trigger text, payload jsonb)');
  const source = { type: 'postgresql', url: app };
  environment.POSTHORN_SOURCES = sourcesFile(
    { ...source, name: 'shop', table: 'outbox' },
    { ...source, name: 'broken', table: 'not_there' },
  ).path;
});
const suite = pageSuite({ environment });

test.each([
  ['a desk', 'late', { width: 1280, height: 860 }],
  ['a phone', 'later', { width: 390, height: 844 }],
])('what could not become an event is seen, mended and published again, on %s', async (_, account, viewport) => {
  await query(
    app,
    `INSERT INTO outbox (account, trigger, payload) VALUES ($1, 'order.created', '{"n": 5.0}'), ($1, 'order.created', '{"n": 6}')`,
    [account],
  );
  const page = await suite.signedIn({ viewport });
  await page.getByRole('link', { name: 'Sources' }).click();
  await page.getByRole('row', { name: /broken.*Failing/ }).waitFor();
  await page.getByRole('row', { name: /shop.*Running.*2$/ }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByText(`There is no account "${account}".`).first().click();
  await drawer.getByText('"n": 6').waitFor();
  await drawer.getByRole('button', { name: 'Publish again' }).click();
  await page.getByText('Events now: 0. None still: 1.').waitFor();
  await drawer.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Dead letter deleted.').waitFor();
  await suite.node.call('POST', '/v1/accounts', { id: account, name: 'Late', contract: 'standard' });
  await drawer.getByRole('button', { name: 'Publish all again' }).click();
  await page.getByText('Events now: 1. None still: 0.').waitFor();
  await drawer.getByText('none', { exact: true }).waitFor();
  expect(await payloadsOf(suite.node.databaseUrl, account)).toEqual([{ n: 5 }]);
  await page.keyboard.press('Escape');
  await page.getByRole('row', { name: /broken/ }).click();
  await page.getByRole('dialog').getByText('relation "not_there" does not exist').waitFor();
});

test('without any, it says how to have some', async () => {
  const page = await suite.signedIn();
  await page.route('**/v1/sources', (route) => route.fulfill({ json: { data: [] } }));
  await page.getByRole('link', { name: 'Sources' }).click();
  await page.getByText('POSTHORN_SOURCES names the file').waitFor();
});
