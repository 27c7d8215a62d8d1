/** Every screen: accessible, in both modes and sizes, small, and in more than one language. */
/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { eventually, OPERATOR_KEY } from '../../support/node.ts';
import { axe, pageSuite } from '../../support/page.ts';
import { Receiver } from '../../support/receiver.ts';
import { createAccount, createWebhook, deriveContract } from '../../support/vendors.ts';

const IN_GERMAN = deriveContract('loop-returns', 'in-german', (document) => {
  Object.assign(document, {
    languages: {
      de: {
        words: { endpoint: 'Meldung', trigger: 'Ereignis' },
        triggers: { 'return.created': { label: 'Retoure angelegt' } },
        texts: {
          'messages.none': 'Hier ist es noch still',
          'messages.noneText': 'Sobald etwas geschieht, steht hier jede Anfrage an deine {1}.',
          'messages.unheard.of': 'x',
        },
      },
    },
  });
});
const suite = pageSuite({ environment: { POSTHORN_CONTRACTS: IN_GERMAN } });
const LANGUAGES = ['en', 'de', 'fr', 'es', 'ja'];
const SIZES = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };

let returns: string;
let letters: string;
let screens: { account: string | undefined; paths: Screen[] }[];

/** Its address, and what is pressed there, by a place that is the same in every language. */
type Screen = string | [path: string, press: string];

beforeAll(async () => {
  returns = await createAccount(suite.node, 'loop-returns');
  const { id } = await createWebhook(suite.node, returns, {
    url: 'http://127.0.0.1:9/',
    subscriptions: [{ topic: 'return', trigger: 'return.created' }],
    status: 'active',
  });
  await suite.node.call('POST', `/v1/accounts/${returns}/keys`, { label: 'A', scopes: ['returns'] });
  const bin = await suite.node.call('POST', `/v1/accounts/${returns}/bins`, {});
  await fetch(bin.body.url, { method: 'POST', body: '{"hello":"bin"}' });
  await suite.publishReturn(returns);
  const list = await eventually(
    () => suite.node.call('GET', `/v1/accounts/${returns}/deliveries?status=failed`),
    (answer) => answer.body.data.length === 1,
  );
  const [{ id: entry }] = (await suite.node.call('GET', `/v1/accounts/${returns}/audit`)).body.data;
  const [{ id: request }] = (await suite.node.call('GET', `/v1/accounts/${returns}/bins/${bin.body.id}`)).body.requests;
  letters = await createAccount(suite.node, 'loops');
  await createWebhook(suite.node, letters, {
    url: 'http://127.0.0.1:9/',
    subscriptions: [{ trigger: 'email.opened' }],
  });
  const quiet = await createAccount(suite.node, 'loops');
  const parcels = await createAccount(suite.node, 'standard');
  const receiver = await Receiver.start();
  receiver.respond = (_, response) => void response.writeHead(410).end('no such shop');
  const gone = await createWebhook(suite.node, parcels, {
    url: receiver.url('/gone'),
    subscriptions: [{ trigger: '*' }],
  });
  await suite.node.publish(parcels, 'parcel.sent', 1);
  await eventually(
    () => suite.node.call('GET', `/v1/accounts/${parcels}/endpoints/${gone.id}`),
    ({ body }) => body.status === 'inactive',
  );
  await receiver.stop();
  screens = [
    {
      account: returns,
      paths: [
        '/page/',
        '/page/?new=1',
        `/page/?endpoint=${id}`,
        `/page/?endpoint=${id}&tab=verify`,
        '/page/messages',
        `/page/messages?message=${list.body.data[0].id}`,
        '/page/messages?q=nothing',
        '/page/events',
        '/page/events?event=return.created',
        '/page/keys',
        '/page/inspector',
        `/page/inspector?request=${request}`,
        '/page/audit',
        `/page/audit?entry=${entry}`,
        ['/page/', 'button:has(.lucide-bell)'],
        ['/page/keys', '.page-part tr .open'],
        ['/page/keys', '.page-part button.primary'],
        ['/page/messages', '.head button >> nth=-1'],
        ['/page/messages', 'button:has(.lucide-download)'],
        [`/page/?endpoint=${id}`, '[role=dialog] footer button >> nth=1'],
      ],
    },
    { account: letters, paths: ['/page/', ['/page/', 'summary >> nth=0'], '/page/messages', '/page/inspector'] },
    { account: quiet, paths: ['/page/', ['/page/', 'summary >> nth=0']] },
    { account: parcels, paths: ['/page/', `/page/?endpoint=${gone.id}`, '/page/?new=1', '/page/events'] },
    {
      account: undefined,
      paths: [
        '/console/',
        '/console/health',
        '/console/contracts?contract=loops',
        '/console/contracts?after=loops',
        '/console/audit',
      ],
    },
  ];
});

/** Goes there, until everything that was asked for is on the screen. */
async function open(page: Page, screen: Screen): Promise<string> {
  const [path, press] = typeof screen === 'string' ? [screen] : screen;
  await page.goto(suite.node.url + path);
  await settled(page);
  if (press !== undefined) await page.locator(press).first().click();
  return press === undefined ? path : `${path} ${press}`;
}

async function settled(page: Page): Promise<void> {
  await page.getByRole('heading').first().waitFor();
  await eventually(
    () => page.locator('.skeleton').count(),
    (count) => count === 0,
  );
}

describe('every screen', () => {
  test.each(
    Object.entries(SIZES).flatMap(([size, viewport]) => [false, true].map((dark) => ({ size, viewport, dark }))),
  )(
    'has no accessibility violation and does not scroll sideways: $size, dark: $dark',
    async ({ viewport, dark }) => {
      // In the dark only colours differ.
      const mistakes: string[] = [];
      for (const { account, paths } of screens) {
        const options = { viewport, dark };
        const page = account ? await suite.show(account, '', options) : await suite.signedIn(options);
        for (const screen of paths) {
          const path = await open(page, screen);
          mistakes.push(
            ...(await axe(page, dark ? ['color-contrast'] : undefined)).map((mistake) => `${path} ${mistake}`),
          );
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          if (overflow > 0) mistakes.push(`${path} scrolls sideways by ${overflow} px`);
        }
      }
      expect(mistakes).toEqual([]);
      // Twenty screens, beside whatever else is tested at the moment.
    },
    240_000,
  );

  test('the first screen needs less than 250 KB of compressed script', async () => {
    const page = await suite.blank();
    const sizes: Promise<number>[] = [];
    page.on('response', (response) => {
      if (!response.url().endsWith('.js')) return;
      sizes.push(response.allHeaders().then((headers) => Number(headers['content-length'])));
    });
    const account = await createAccount(suite.node, 'standard');
    const { body } = await suite.node.call('POST', `/v1/accounts/${account}/page-sessions`, {});
    await page.goto(body.url);
    await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
    const scriptBytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    expect(scriptBytes).toBeGreaterThan(50_000);
    expect(scriptBytes).toBeLessThan(250_000);
  });
});

describe('a screen that is not there', () => {
  test('says so, and so does a webhook that does not exist', async () => {
    const page = await suite.show(returns, '/nope');
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await page.goto(`${suite.node.url}/page/?endpoint=ep_nope`);
    await page.getByText('There is no such webhook, or it has been deleted.').waitFor();
  });

  test('because the server has been upgraded takes only itself with it', async () => {
    for (const account of [letters, returns]) {
      const page = await suite.show(account);
      await page.getByRole('heading', { name: 'Webhooks' }).waitFor();
      await page.route(/\/assets\/keys-/, (route) => route.fulfill({ status: 404, body: '' }));
      // Where the keys stand below the webhooks, they are read with them.
      if (account === letters) await page.getByRole('link', { name: 'API keys' }).click();
      else await page.reload();
      await page.getByRole('heading', { name: 'This part of the page failed' }).waitFor();
      if (account === returns) await page.getByRole('heading', { name: 'Webhooks' }).waitFor();
      await page.getByRole('link', { name: 'Events' }).click();
      await page.getByRole('heading', { name: 'Events' }).first().waitFor();
    }
    suite.forgive(/assets\/keys-|dynamically imported/);
  });
});

/**
 * Texts of the page that are wider than their place. What customers named may be cut: its whole is in a tip. Whatever
 * fonts there are here, a Japanese letter is as wide as it is high: a dash of that width stands for it, and a line may
 * break after it.
 */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const wide = node.nodeValue?.replace(/[\u3000-\u9fff\uff00-\uffef]/g, '\u2014\u200b');
      if (wide !== node.nodeValue) node.nodeValue = wide ?? null;
    }
    const pen = document.createElement('canvas').getContext('2d');
    const spaceOver = (one: HTMLElement) => {
      if (!(one instanceof HTMLSelectElement) || !pen) return one.clientWidth - one.scrollWidth;
      const style = getComputedStyle(one);
      pen.font = style.font;
      const text = one.selectedOptions[0]?.text ?? '';
      const place = one.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
      return place - pen.measureText(text).width;
    };
    const places = 'button, a, th, h1, h2, h3, label, legend, summary, .status, .tag, dt, select, td:has(time)';
    return [...document.querySelectorAll<HTMLElement>(places)]
      .filter((one) => one.offsetParent !== null && one.clientWidth > 0)
      .filter((one) => !one.closest('.skeleton, .visually-hidden, td:not(:has(time))'))
      .filter((one) => spaceOver(one) < -1)
      .map((one) => `${one.tagName.toLowerCase()} "${one.innerText}" by ${Math.ceil(-spaceOver(one))} px`);
  });
}

describe('the language', () => {
  test.each(LANGUAGES)(
    'no text is cut off in %s',
    async (language) => {
      const mistakes: string[] = [];
      for (const { account, paths } of screens) {
        const page = account
          ? await suite.show(account, '', { session: { theme: { language } } })
          : await suite.blank({ locale: language });
        if (!account) await page.request.post(`${suite.node.url}/sign-in`, { data: { key: OPERATOR_KEY } });
        for (const screen of paths) {
          const path = await open(page, screen);
          for (const [size, viewport] of Object.entries(SIZES)) {
            await page.setViewportSize(viewport);
            // Charts take their new width in the next frame.
            await page.evaluate(
              () =>
                new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(undefined)))),
            );
            const found = await cutOff(page);
            const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
            if (overflow > 0) found.push(`scrolls sideways by ${overflow} px`);
            mistakes.push(...found.map((one) => `${path} ${size}: ${one}`));
          }
        }
      }
      expect(mistakes).toEqual([]);
    },
    240_000,
  );

  test('labels and texts of a contract come in its own languages, and in words of its own', async () => {
    const account = await createAccount(suite.node, 'in-german');
    const page = await suite.show(account, '/?new=1', { session: { theme: { language: 'de-CH' } } });
    const dialog = page.getByRole('dialog', { name: 'Meldung anlegen' });
    await dialog.getByLabel('Ereignis').selectOption({ label: 'Retoure angelegt' });
    await page.keyboard.press('Escape');
    await page.goto(`${suite.node.url}/page/messages`);
    await page.getByRole('heading', { name: 'Hier ist es noch still' }).waitFor();
    await page.getByText('Sobald etwas geschieht, steht hier jede Anfrage an deine Meldung.').waitFor();
    const english = await suite.show(account, '/messages', { session: { theme: { language: 'en' } } });
    await english.getByRole('heading', { name: 'No messages yet' }).waitFor();
  });

  test('is the one that the session asks for, whatever the browser speaks', async () => {
    const page = await suite.show(returns, '/messages', { session: { theme: { language: 'de' } } });
    await page.getByRole('heading', { name: 'Nachrichten', exact: true }).waitFor();
    await page.getByRole('row', { name: /Wird wiederholt/ }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('de');
    await page.getByRole('link', { name: 'API-Schlüssel' }).click();
    await page.getByRole('button', { name: 'API-Schlüssel erzeugen' }).waitFor();
  });

  test('is the browser’s without a wish, and English where the page has no such texts', async () => {
    const german = await suite.show(returns, '', { locale: 'de-AT' });
    await german.getByRole('button', { name: 'Webhook anlegen' }).waitFor();
    const finnish = await suite.show(returns, '', { locale: 'fi-FI' });
    await finnish.getByRole('button', { name: 'Create webhook' }).waitFor();
    const unknown = await suite.show(returns, '', { session: { theme: { language: 'fi' } }, locale: 'de-DE' });
    await unknown.getByRole('button', { name: 'Create webhook' }).waitFor();
    for (const language of ['<script>', 'de-DE-DE']) {
      const theme = { language };
      const bad = await suite.node.call('POST', `/v1/accounts/${returns}/page-sessions`, { theme });
      expect(bad.status).toBe(400);
    }
    const odd = await suite.blank();
    await odd.addInitScript(() => Object.defineProperty(navigator, 'languages', { value: ['en-US@posix', 'de'] }));
    const { body } = await suite.node.call('POST', `/v1/accounts/${returns}/page-sessions`, {});
    await odd.goto(body.url);
    await odd.getByRole('button', { name: 'Webhook anlegen' }).waitFor();
  });
});
