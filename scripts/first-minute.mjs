// Makes the moving picture at the top of the README: from an empty console to a verified delivery.
//   node scripts/first-minute.mjs [file, docs/screenshots/first-minute.png otherwise]
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { movingPicture } from './moving-picture.mjs';
import { KEY, startPageServer } from './page-server.mjs';
import { root } from './prepare.mjs';

const { openBrowser } = await import('../test/browser/open.mjs');

const [target = join(root, 'docs', 'screenshots', 'first-minute.png')] = process.argv.slice(2);
const server = await startPageServer();
const browser = await openBrowser();
const context = await browser.newContext({ viewport: { width: 1080, height: 640 }, reducedMotion: 'reduce' });
const page = await context.newPage();
const frames = [];

async function look(ms) {
  await page.waitForTimeout(400);
  frames.push({ png: await page.screenshot(), ms });
}

/** Shows where is clicked, then clicks. */
async function click(place) {
  const { x, y, width, height } = await place.boundingBox();
  await page.evaluate(
    (style) => {
      const ring = document.createElement('div');
      ring.id = 'ring';
      ring.style.cssText = `position:fixed;z-index:99;border:3px solid #d9480f;border-radius:9px;pointer-events:none;${style}`;
      document.body.append(ring);
    },
    `left:${x - 5}px;top:${y - 5}px;width:${width + 10}px;height:${height + 10}px`,
  );
  frames.push({ png: await page.screenshot(), ms: 900 });
  await page.evaluate(() => document.getElementById('ring').remove());
  await place.click();
}

const button = (name) => page.getByRole('button', { name, exact: true });

try {
  await page.request.post(`${server.origin}/sign-in`, { data: { key: KEY } });
  await page.goto(`${server.origin}/console/`);
  await page.getByRole('heading', { name: 'Welcome to Posthorn' }).waitFor();
  await look(1_600);
  await click(button('Create the first account'));
  await page.getByLabel('Name').fill('Acme');
  await look(1_000);
  await click(page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }));
  await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
  await look(1_600);
  await click(button('Try it with a request bin'));
  await page.getByRole('dialog').waitFor();
  await look(2_200);
  await click(button('Add'));
  await button('Send test').waitFor();
  await look(1_200);
  await click(button('Send test'));
  await page.getByText(/Your server answered 200/).waitFor();
  await look(2_600);
  await page.keyboard.press('Escape');
  await click(page.getByRole('link', { name: 'Inspector' }));
  await page.getByText('Verified').first().waitFor();
  await look(1_800);
  await click(page.getByRole('row').nth(1).getByRole('button'));
  await page.getByRole('dialog').waitFor();
  await look(2_600);
  await page.keyboard.press('Escape');
  await click(page.getByRole('link', { name: 'Messages' }));
  await page.getByRole('row').nth(1).waitFor();
  await look(2_000);
  await click(page.getByRole('row').nth(1).locator('.open'));
  await page.getByRole('dialog').waitFor();
  await look(4_000);
  writeFileSync(target, movingPicture(frames));
  console.log(`${frames.length} frames are in ${target}.`);
} finally {
  await browser.close();
  await server.stop();
}
