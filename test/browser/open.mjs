// Opens a Chromium: the one of CHROMIUM_PATH, else the one inside the npm package, on every machine the same.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { root } from '../../scripts/prepare.mjs';

/**
 * Our own flags only. The package's own list is for functions that live for one page: with its `--single-process` the
 * browser dies as soon as a context is closed.
 */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];

export async function openBrowser() {
  return chromium.launch({ executablePath: await executable(), args: FLAGS });
}

/** One line that says what to do, instead of a stack for every test that needs a browser. */
async function executable() {
  const given = process.env.CHROMIUM_PATH;
  if (given) {
    if (existsSync(given)) return given;
    throw new Error(`CHROMIUM_PATH: there is no ${given}; leave it empty to use the Chromium of the npm package.`);
  }
  if (!existsSync(join(root, 'test', 'browser', 'node_modules'))) {
    throw new Error('There is no browser for the tests: run `npm test`, which installs one as an npm package.');
  }
  const { default: packaged } = await import('@sparticuz/chromium');
  return packaged.executablePath();
}
