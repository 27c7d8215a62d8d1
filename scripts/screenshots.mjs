// Makes the pictures of every screen, light and dark, desktop and phone:
//   node scripts/screenshots.mjs [folder, docs/screenshots otherwise] [names of screens, by commas] [language]
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { KEY, startPageServer } from './page-server.mjs';
import { root } from './prepare.mjs';

const { openBrowser } = await import('../test/browser/open.mjs');
const { default: pg } = await import('pg');

const [target = join(root, 'docs', 'screenshots'), names = '', language = 'en'] = process.argv.slice(2);
mkdirSync(target, { recursive: true });

// Nothing is sent there; with it, notices by e-mail can be chosen.
const smtp = { POSTHORN_SMTP_URL: 'smtp://127.0.0.1:9', POSTHORN_SMTP_FROM: 'webhooks@example.com' };
const server = await startPageServer(smtp);
const { origin, folder, call } = server;

/** A receiver that mostly works. */
let n = 0;
const receiver = createServer((request, response) => {
  request.resume();
  n++;
  setTimeout(
    () => {
      if (request.url.includes('gone')) response.writeHead(410).end('no such shop');
      else if (request.url.includes('down'))
        response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":"maintenance"}');
      else if (n % 9 === 0) response.writeHead(422).end('unknown order');
      else response.writeHead(200).end('ok');
    },
    (n % 7) * 6,
  );
});
await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const hook = (path) => `http://127.0.0.1:${receiver.address().port}/${path}`;

async function seed() {
  await call('POST', '/v1/accounts', {
    id: 'north-shop',
    name: 'North Shop',
    contract: 'loop-returns',
    metadata: { shop_id: 50 },
  });
  const contract = await call('GET', '/v1/contracts/loop-returns');
  const create = (topic, trigger, url, status = 'active') =>
    call('POST', '/v1/accounts/north-shop/endpoints', { url, subscriptions: [{ topic, trigger }], status });
  const first = await create('return', 'return.created', hook('returns'));
  await create('return', 'return.updated', hook('returns'));
  await create('label', 'label.updated', hook('down'));
  await create('giftcard', 'giftcard.requested', 'https://hooks.example.com/giftcards', 'inactive');
  for (let i = 0; i < 64; i++) {
    // The first two are of returns; the one of labels fails, but not so often that it is switched off.
    const pair = contract.pairs[i % 16 === 3 ? 4 : i % 2];
    await call('POST', '/v1/accounts/north-shop/events', {
      trigger: pair.trigger,
      payloads: { [pair.topic]: pair.sample },
    });
  }
  for (const [label, scopes] of [
    ['Warehouse', ['returns', 'orders']],
    ['Storefront', ['carts']],
  ]) {
    const { key } = await call('POST', '/v1/accounts/north-shop/keys', { label, scopes });
    await call('POST', '/v1/keys/verify', { key });
  }
  await call('POST', '/v1/accounts', { id: 'letters', name: 'Letters Inc', contract: 'loops' });
  const loops = await call('GET', '/v1/contracts/loops');
  await call('POST', '/v1/accounts/letters/endpoints', {
    url: hook('loops'),
    subscriptions: loops.groups.slice(0, 2).flatMap((group) => group.triggers.map((trigger) => ({ trigger }))),
  });
  for (const pair of loops.pairs.slice(0, 8)) {
    await call('POST', '/v1/accounts/letters/events', { trigger: pair.trigger, payload: pair.sample });
  }
  const bin = await call('POST', '/v1/accounts/letters/bins', {});
  await fetch(bin.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"hello":"bin"}' });
  await call('POST', '/v1/accounts', { id: 'quiet', name: 'Quiet Post', contract: 'loops' });
  await call('POST', '/v1/accounts', { id: 'parcels', name: 'Parcels Ltd', contract: 'standard' });
  const subscribe = (path, ...triggers) =>
    call('POST', '/v1/accounts/parcels/endpoints', {
      url: hook(path),
      subscriptions: triggers.map((trigger) => ({ trigger })),
    });
  const off = await subscribe('gone', '*');
  await subscribe('parcels', 'parcel.sent', 'parcel.arrived');
  for (const trigger of ['parcel.sent', 'parcel.arrived', 'parcel.lost', 'invoice.paid']) {
    await call('POST', '/v1/accounts/parcels/events', { trigger, payload: { parcel: 4711, weight: 5.5 } });
  }
  await call('PATCH', '/v1/accounts/parcels/notices', { url: hook('notices') });
  await new Promise((resolve) => setTimeout(resolve, 4000));
  await addYesterday();
  return { endpoint: first.id, off: off.id, bin };
}

/** Copies what has been delivered into the hours before, more by day than by night, so that charts have a shape. */
async function addYesterday() {
  const client = new pg.Client({
    host: join(folder, 'postgres-socket'),
    user: 'posthorn',
    database: 'postgres',
    password: readFileSync(join(folder, 'postgres-password'), 'utf8'),
  });
  await client.connect();
  await client.query(`
    CREATE TEMP TABLE copies AS
    SELECT d.*, (lpad(to_hex((ms - hour * 3600000 - random() * 3000000)::bigint), 12, '0') || '7000' ||
                 substr(md5(random()::text), 1, 16))::uuid AS copy, hour
    FROM (SELECT *, ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint AS ms FROM deliveries) d,
         generate_series(1, 22) AS hour
    WHERE random() < 0.45 + 0.4 * sin(hour / 3.5)`);
  await client.query(`
    INSERT INTO deliveries
    SELECT account_id, copy, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
           finished_at - hour * interval '1 hour', last_status, last_error FROM copies`);
  await client.query(`
    INSERT INTO delivery_counts_new
    SELECT account_id, hour_of(copy), endpoint_id, count(*) FILTER (WHERE status = 'succeeded' AND NOT test),
           count(*) FILTER (WHERE status = 'discarded' AND NOT test), count(*) FILTER (WHERE status = 'skipped' AND NOT test),
           max(finished_at - hour * interval '1 hour') FILTER (WHERE status <> 'skipped'),
           max(finished_at - hour * interval '1 hour') FILTER (WHERE status = 'succeeded')
    FROM copies GROUP BY 1, 2, 3`);
  const columns = `number, url, request_headers, error, error_detail, response_status, response_headers, response_body,
    response_truncated, dns_us, connect_us, tls_us, first_byte_us`;
  await client.query(`
    INSERT INTO attempts (delivery_id, started_at, total_us, ${columns})
    SELECT c.copy, a.started_at - c.hour * interval '1 hour', a.total_us * (0.6 + random()), ${columns}
    FROM copies c JOIN attempts a ON a.delivery_id = c.id`);
  await client.end();
}

const SIZES = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };

try {
  const { endpoint, off, bin } = await seed();
  const failed = await call('GET', '/v1/accounts/north-shop/deliveries?status=failed&limit=1');
  const message = failed.data[0]?.id ?? '';
  const [entry] = (await call('GET', '/v1/accounts/north-shop/audit')).data;
  const [request] = (await call('GET', `/v1/accounts/letters/bins/${bin.id}`)).requests;
  const { url: shared } = await call('POST', `/v1/accounts/letters/bins/${bin.id}/share`);
  const pageOf = async (account) =>
    (await call('POST', `/v1/accounts/${account}/page-sessions`, { theme: { language } })).url;
  const [shop, letters, quiet, parcels] = await Promise.all(['north-shop', 'letters', 'quiet', 'parcels'].map(pageOf));
  /** By its place: its text depends on the language. */
  const press = (place) => async (page) => {
    await page.locator(place).click();
    await page.waitForTimeout(400);
  };
  const SCREENS = [
    ['webhooks', shop, '/page/'],
    ['webhook', shop, `/page/?endpoint=${endpoint}`],
    ['create', shop, '/page/?new=1'],
    ['create-tree', parcels, '/page/?new=1'],
    ['verify', shop, `/page/?endpoint=${endpoint}&tab=verify`],
    ['switched-off', parcels, '/page/'],
    ['switched-off-webhook', parcels, `/page/?endpoint=${off}`],
    ['notices', parcels, '/page/', press('button:has(.lucide-bell)')],
    ['messages', shop, '/page/messages'],
    ['message', shop, `/page/messages?message=${message}`],
    ['replay', shop, '/page/messages', press('.head button >> nth=-1')],
    ['events', shop, '/page/events'],
    ['event', shop, '/page/events?event=return.created'],
    ['free-events', parcels, '/page/events'],
    ['keys', letters, '/page/keys'],
    ['key', shop, '/page/keys', press('tr[data-row] .open >> nth=-1')],
    ['audit', shop, '/page/audit'],
    ['audit-entry', shop, `/page/audit?entry=${entry.id}`],
    ['settings', letters, '/page/'],
    ['settings-empty', quiet, '/page/'],
    ['inspector', letters, '/page/inspector'],
    ['request', letters, `/page/inspector?request=${request.id}`],
    ['shared-bin', shared],
    ['accounts', undefined, '/console/'],
    ['health', undefined, '/console/health'],
    ['contracts', undefined, '/console/contracts?after=loops'],
  ];
  const only = names === '' ? undefined : names.split(',');
  const browser = await openBrowser();
  for (const mode of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const [name, session, path, act] of SCREENS) {
        if (only && !only.includes(name)) continue;
        const context = await browser.newContext({ viewport, colorScheme: mode, locale: language });
        const page = await context.newPage();
        page.on('pageerror', (error) => console.error(`${name}: ${error.message}`));
        if (session) await page.goto(session);
        else await page.request.post(`${origin}/sign-in`, { data: { key: KEY } });
        if (path) await page.goto(origin + path);
        await page.waitForLoadState('load');
        await page.waitForTimeout(900);
        await act?.(page);
        await page.screenshot({ path: join(target, `${name}-${size}-${mode}.png`) });
        await context.close();
      }
    }
  }
  await browser.close();
  console.log(`The pictures are in ${target}.`);
} finally {
  receiver.close();
  await server.stop();
}
process.exit(0);
