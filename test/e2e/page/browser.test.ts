import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { describe, expect, test } from 'vitest';
// @ts-expect-error a script without types
import { refusalOf } from '../../../scripts/node-version.mjs';
// @ts-expect-error a script without types
import { openBrowser } from '../../browser/open.mjs';

test('the browser of the tests outlives a closed context', async () => {
  const browser = (await openBrowser()) as Browser;
  try {
    for (const word of ['first', 'second', 'third']) {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.setContent(`<h1>${word}</h1>`);
      expect(await page.textContent('h1')).toBe(word);
      await context.close();
    }
    expect(browser.isConnected()).toBe(true);
  } finally {
    await browser.close();
  }
});

describe('one line says why, before any test', () => {
  const check = (path: string) =>
    spawnSync(process.execPath, ['test/browser/check.mjs'], {
      env: { ...process.env, CHROMIUM_PATH: path },
      encoding: 'utf8',
    });

  test('there is no such browser', () => {
    const { status, stderr } = check('/nowhere/chromium');
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^The browser of the tests does not start: CHROMIUM_PATH: there is no \/nowhere\/chromium; .*\n$/,
    );
  });

  test('a library that it needs is missing', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'posthorn-browser-')), 'chromium');
    writeFileSync(path, '#!/bin/sh\necho "chromium: error while loading libnss3.so" >&2\nexit 127\n');
    chmodSync(path, 0o755);
    const { status, stderr } = check(path);
    expect(status).toBe(1);
    expect(stderr).toBe('The browser of the tests does not start: chromium: error while loading libnss3.so\n');
  });

  test.each(['18.20.0', '20.18.3', '21.7.0', '22.11.0'])('Node.js %s is not supported', (version) => {
    expect(refusalOf(version)).toBe(`Posthorn needs Node.js 20.19, or 22.12 or newer; this is ${version}.`);
  });
  test.each(['20.19.0', '20.20.2', '22.12.0', '24.0.0', '26.12.1'])('Node.js %s is supported', (version) => {
    expect(refusalOf(version)).toBeUndefined();
  });
});
