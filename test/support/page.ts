/** A real browser on a real server: what the tests of the page share. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
// @ts-expect-error a script without types
import { openBrowser } from '../browser/open.mjs';
import type { TestNode } from './node.ts';

export async function launch(): Promise<Browser> {
  return (await openBrowser()) as Browser;
}

export interface Opened {
  page: Page;
  context: BrowserContext;
  /** What the browser complained about: errors of scripts and of the console. */
  complaints: string[];
}

export interface OpenOptions {
  viewport?: { width: number; height: number };
  dark?: boolean;
}

/** A page of its own context, that notes every complaint. */
export async function open(browser: Browser, { viewport, dark = false }: OpenOptions = {}): Promise<Opened> {
  const context = await browser.newContext({
    viewport: viewport ?? { width: 1280, height: 860 },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Answers that are part of a test (401 before the sign-in) are no complaint of the page.
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  return { page, context, complaints };
}

/** Opens the Developers page of an account with a session of its own. */
export async function openAccount(
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

/** Violations that axe finds on what is shown now. */
export async function axe(page: Page): Promise<string[]> {
  const { source } = (await import('axe-core')).default as unknown as { source: string };
  // By the debugger, not by a script tag: the page's policy would refuse that, as it should.
  await page.evaluate(source);
  const result = await page.evaluate(() =>
    (
      globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }
    ).axe.run(),
  );
  return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`);
}
