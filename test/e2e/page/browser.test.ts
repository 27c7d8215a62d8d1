import type { Browser } from 'playwright-core';
import { expect, test } from 'vitest';
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
