/// <reference lib="dom" />
/** A real browser on a real server: what the tests of the page share. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
// @ts-expect-error a script without types
import { openBrowser } from '../browser/open.mjs';
import { eventually, OPERATOR_KEY, startTestNode, type TestNode } from './node.ts';
import { Receiver } from './receiver.ts';

async function launch(): Promise<Browser> {
  return (await openBrowser()) as Browser;
}

interface Opened {
  page: Page;
  context: BrowserContext;
  /** What the browser complained about: errors of scripts and of the console. */
  complaints: string[];
  forgiven: RegExp[];
}

interface OpenOptions {
  viewport?: { width: number; height: number };
  dark?: boolean;
  locale?: string;
  /** As `Asia/Kolkata`; this machine's otherwise. */
  timezone?: string;
}

/** A page of its own context, that notes every complaint. */
async function open(
  browser: Browser,
  { viewport, dark = false, locale = 'en-US', timezone }: OpenOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({
    viewport: viewport ?? { width: 1280, height: 860 },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    locale,
    ...(timezone === undefined ? {} : { timezoneId: timezone }),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Answers that are part of a test (401 before the sign-in) are no complaint of the page.
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  return { page, context, complaints, forgiven: [] };
}

/** Opens the Developers page of an account with a session of its own. */
async function openAccount(
  browser: Browser,
  node: TestNode,
  account: string,
  path = '',
  more: { session?: object } & OpenOptions = {},
): Promise<Opened> {
  const { session = {}, ...options } = more;
  const opened = await open(browser, options);
  const made = await node.call('POST', `/v1/accounts/${account}/page-sessions`, session);
  expect(made.status).toBe(201);
  await opened.page.goto(made.body.url);
  if (path !== '') await opened.page.goto(`${node.url}/page${path}`);
  return opened;
}

interface Axe {
  run(of: Document, options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
}

/** Violations that axe finds on what is shown now; of all its rules, or of some. */
export async function axe(page: Page, rules?: string[]): Promise<string[]> {
  const { source } = (await import('axe-core')).default as unknown as { source: string };
  // By the debugger, not by a script tag: the page's policy would refuse that, as it should.
  await page.evaluate(source);
  const { violations } = await page.evaluate(
    (options) => (globalThis as unknown as { axe: Axe }).axe.run(document, options),
    rules === undefined ? {} : { runOnly: rules },
  );
  return violations.flatMap(({ id, nodes }) => {
    // An open menu lies beside the landmarks, as it must, and is found by its button.
    const wrong = nodes.filter(({ html }) => id !== 'region' || !html.includes('data-radix-popper'));
    return wrong.length === 0 ? [] : [`${id}: ${wrong.map(({ html }) => html.slice(0, 160)).join(' | ')}`];
  });
}

/** The origin of a page that embeds ours. */
export interface OtherOrigin {
  origin: string;
  stop(): void;
}

export async function startOtherOrigin(): Promise<OtherOrigin> {
  const server = createServer((_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Shop</title><body></body>'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => void server.close(),
  };
}

/**
 * A server, a browser and a receiver for the tests of one file. Afterwards no page may have complained.
 * Call it at the top of the file.
 */
export function pageSuite(options: Parameters<typeof startTestNode>[0] = {}) {
  const opened: Opened[] = [];
  const suite = {
    node: undefined as unknown as TestNode,
    browser: undefined as unknown as Browser,
    receiver: undefined as unknown as Receiver,
    /** A page of its own, empty. */
    async blank(more: OpenOptions = {}) {
      const one = await open(suite.browser, more);
      opened.push(one);
      return one.page;
    },
    /** The Developers page of an account. */
    async show(account: string, path = '', more: { session?: object } & OpenOptions = {}) {
      const one = await openAccount(suite.browser, suite.node, account, path, more);
      opened.push(one);
      return one.page;
    },
    /** The operator's console, signed in. */
    async signedIn(more: OpenOptions = {}) {
      const page = await suite.blank(more);
      await page.goto(`${suite.node.url}/console/`);
      await page.getByLabel('Operator key').fill(OPERATOR_KEY);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Accounts' }).waitFor();
      return page;
    },
    /** A complaint that a test provokes. */
    forgive(expected: RegExp) {
      for (const one of opened) one.forgiven.push(expected);
    },
    publishReturn: (account: string, id = '7') =>
      suite.node.publish(account, 'return.created', { id, state: 'open', created_at: '2026-01-01T00:00:00Z' }),
    /** Orders, one after the other, each of which has been sent once. */
    async publishEach(account: string, payloads: readonly unknown[]) {
      for (const [i, payload] of payloads.entries()) {
        await suite.node.publish(account, 'order.created', payload);
        await suite.receiver.received(i + 1);
      }
      await eventually(
        async () => (await suite.node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data,
        (list) =>
          list.length === payloads.length && list.every((one: { attempt_count: number }) => one.attempt_count === 1),
      );
    },
  };
  beforeAll(async () => {
    [suite.node, suite.browser] = await Promise.all([startTestNode(options), launch()]);
  });
  afterAll(async () => {
    await suite.browser?.close();
    await suite.node?.stop();
  });
  beforeEach(async () => {
    suite.receiver = await Receiver.start();
  });
  afterEach(async () => {
    for (const { context, complaints, forgiven } of opened.splice(0)) {
      await context.close();
      expect(complaints.filter((complaint) => !forgiven.some((expected) => expected.test(complaint)))).toEqual([]);
    }
    await suite.receiver.stop();
  });
  return suite;
}
