// Opens a Chromium: the one of CHROMIUM_PATH, an installed one, or the one inside an npm package.
import { chromium } from 'playwright-core';
import { systemChromium } from '../../scripts/prepare.mjs';

export async function openBrowser() {
  const installed = process.env.CHROMIUM_PATH ?? systemChromium();
  const common = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  if (installed) return chromium.launch({ executablePath: installed, args: common });
  const { default: packaged } = await import('@sparticuz/chromium');
  return chromium.launch({ executablePath: await packaged.executablePath(), args: [...packaged.args, ...common] });
}
