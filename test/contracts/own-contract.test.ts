/** A contract of one's own, as docs/contracts/README.md shows it, and what its mistakes are called. */
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadContract } from '../../packages/server/src/contract/load.ts';
import { BrokenContract } from '../../packages/server/src/contract/read-document.ts';
import { startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';
import { createAccount, createWebhook } from '../support/vendors.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Writes the files of the page's example. */
function writeExample(): string {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-contract-'));
  const page = readFileSync(join(ROOT, 'docs/contracts/README.md'), 'utf8');
  for (const [, files = '', text = ''] of page.matchAll(/```json (acme[^\n]*)\n([\s\S]*?)```/g)) {
    for (const file of files.split(' ')) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
  }
  return join(folder, 'acme');
}

test('the pieces of a contract that the docs show can be loaded', () => {
  const page = readFileSync(join(ROOT, 'docs/contracts/README.md'), 'utf8');
  const [topics, languages] = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => JSON.parse(text));
  const folder = join(mkdtempSync(join(tmpdir(), 'posthorn-contract-')), 'pieces');
  mkdirSync(join(folder, 'schemas'), { recursive: true });
  writeFileSync(join(folder, 'schemas', 'invoice.json'), '{"type": "object"}');
  for (const [topic, trigger] of topics.pairs.map((pair: { topic: string; trigger: string }) => [
    pair.topic,
    pair.trigger,
  ])) {
    mkdirSync(join(folder, 'samples', topic), { recursive: true });
    writeFileSync(join(folder, 'samples', topic, `${trigger}.json`), '{}');
  }
  const rest = {
    name: 'pieces',
    title: 'Pieces',
    body: { encoder: 'json' },
    signature: { scheme: 'none' },
    policy: { retry_delays_s: [] },
  };
  const scopes = [{ value: 'orders:read', label: 'Read orders' }];
  const links = { keys: 'section', links: [{ label: 'Support', url: 'https://example.com/' }] };
  const document = { ...rest, ...topics, ...languages, scopes, page: links };
  writeFileSync(join(folder, 'contract.json'), JSON.stringify(document));
  expect(loadContract(folder).catalog.hasTopic('parcel')).toBe(true);
});

describe('the example of the docs', () => {
  let node: TestNode;
  let receiver: Receiver;
  let account: string;
  beforeAll(async () => {
    node = await startTestNode({ random: () => 0, environment: { POSTHORN_CONTRACTS: writeExample() } });
    receiver = await Receiver.start();
    account = await createAccount(node, 'acme', { store: 'Berlin' });
  });
  afterAll(async () => {
    await node.stop();
    await receiver.stop();
  });
  beforeEach(() => receiver.requests.splice(0));

  test('delivers what it promises', async () => {
    receiver.respond = (_, response, index) => void response.writeHead(index === 0 ? 500 : 200).end();
    const { secret, path } = await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ trigger: 'invoice.paid' }],
    });
    expect(secret).toMatch(/^acme_[0-9a-f]{64}$/);
    await node.call(
      'POST',
      `/v1/accounts/${account}/events`,
      '{"trigger":"invoice.paid","payload":{"id":7,"total":"1"}}',
    );
    const [first, second] = await receiver.received(2);
    if (!first || !second) throw new Error('nothing came');
    expect(first.body.toString()).toMatch(
      /^\{"event":"invoice\.paid","store":"Berlin","sent":\d{10},"object":\{"id":7,"total":"1"\}\}$/,
    );
    expect(first.headers['x-acme-event']).toBe('invoice.paid');
    expect(first.headers['x-acme-delivery']).toMatch(/^dlv_/);
    expect([first, second].map((r) => r.headers['x-acme-attempt'])).toEqual(['no. 0', 'no. 1']);
    const expected = `sha256=${createHmac('sha256', secret).update(first.body).digest('hex')}`;
    expect(first.headers['x-acme-signature']).toBe(expected);
    await node.call('DELETE', path);
  });

  test('publishes what an event implies, and keeps implied samples', async () => {
    receiver.respond = (_, response) => void response.writeHead(200).end();
    const { path } = await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ trigger: 'invoice.*' }],
    });
    const answer = await node.publish(account, 'invoice.refunded', { id: 8, total: '2' });
    expect(answer.body.deliveries).toBe(2);
    const bodies = (await receiver.received(2)).map((r) => JSON.parse(r.body.toString()));
    expect(bodies.map((b) => [b.event, b.object])).toEqual(
      expect.arrayContaining([
        ['invoice.refunded', { id: 8, total: '2' }],
        ['invoice.closed', { id: 8 }],
      ]),
    );
    await node.call('DELETE', path);
  });

  test('lets an endpoint ask for fewer requests a second', async () => {
    receiver.respond = (_, response) => void response.writeHead(200).end();
    const { path } = await createWebhook(node, account, {
      url: receiver.url(),
      subscriptions: [{ trigger: 'invoice.paid' }],
      rate_limit: 20,
    });
    const events = Array.from({ length: 30 }, (_, id) => ({ trigger: 'invoice.paid', payload: { id, total: '1' } }));
    await node.call('POST', `/v1/accounts/${account}/events/batch`, { events });
    const times = (await receiver.received(30)).map((r) => r.atMs);
    for (const from of times) expect(times.filter((t) => t >= from && t < from + 1000).length).toBeLessThanOrEqual(20);
    await node.call('DELETE', path);
  });

  test('refuses keys with scopes that it does not list', async () => {
    const wish = { label: 'A', scopes: ['invoices:write'] };
    const answer = await node.call('POST', `/v1/accounts/${account}/keys`, wish);
    expect(answer).toMatchObject({ status: 422, body: { code: 'unknown_scope' } });
  });
});

describe('a mistake stops the start, with file, place and reason', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the cases reach into the document freely
  type Document = any;
  const change = (edit: (document: Document) => void): string => {
    const folder = writeExample();
    const file = join(folder, 'contract.json');
    const document = JSON.parse(readFileSync(file, 'utf8'));
    edit(document);
    writeFileSync(file, JSON.stringify(document));
    return folder;
  };
  const cases: [name: string, edit: (document: Document) => void, message: string][] = [
    ['unknown member', (d) => Object.assign(d, { colour: 1 }), 'contract.json: / has colour, which is not known here'],
    ['missing member', (d) => delete d.policy, 'contract.json: / lacks policy'],
    [
      'wrong value',
      (d) => Object.assign(d.policy, { jitter: 'some' }),
      '/policy/jitter must be one of full, equal, tenth, none',
    ],
    ['wrong type', (d) => Object.assign(d.limits, { payload_bytes: '1' }), '/limits/payload_bytes must be integer'],
    ['wrong scheme', (d) => Object.assign(d.signature, { scheme: 'rsa' }), '/signature/scheme must be one of'],
    [
      'a member of another scheme',
      (d) => Object.assign(d.signature, { salt: 1 }),
      '/signature has salt, which is not known here',
    ],
    ['no hash', (d) => delete d.signature.hash, '/signature lacks hash'],
    [
      'unknown field in a header',
      (d) => Object.assign(d.headers, { 'X-A': '{nothing}' }),
      '/headers/X-A {nothing} is not a field',
    ],
    [
      'unknown field in the body',
      (d) => Object.assign(d.body.envelope, { a: '{retry.count}' }),
      '/body/envelope/a {retry.count} is not the same on every try, and can stand in headers only',
    ],
    [
      'implied trigger',
      (d) => Object.assign(d.triggers[1].implies[0], { trigger: 'x' }),
      '/triggers/1/implies/0/trigger names "x"',
    ],
    ['grouped trigger', (d) => d.groups[0].triggers.push('x'), '/groups/0/triggers/2 names "x"'],
    [
      'the same trigger twice',
      (d) => d.triggers.push({ value: 'invoice.paid' }),
      '/triggers/3/value "invoice.paid" stands there twice',
    ],
    ['no such schema', (d) => Object.assign(d.triggers[0], { schema: 'x.json' }), '/triggers/0/schema names "x.json"'],
    ['a trigger without a sample', (d) => d.triggers.push({ value: 'a.b' }), 'samples/a.b.json: the file is missing'],
    [
      'two schedules',
      (d) => Object.assign(d.policy, { retry_delays_s: [1] }),
      '/policy has either retry_delays_s or backoff',
    ],
    [
      'a status that is none',
      (d) => Object.assign(d.policy, { final_statuses: ['4XX'] }),
      '/policy/final_statuses/0 must be a status as 404, or "3xx", "4xx" or "5xx"',
    ],
    [
      'several mistakes at once',
      (d) => Object.assign(d.policy, { jitter: 'x', concurrency: 0 }),
      '/policy/jitter must be one of full, equal, tenth, none; /policy/concurrency must be >= 1',
    ],
    [
      'numbers of another encoder',
      (d) => Object.assign(d.body, { numbers: 'php' }),
      '/body/numbers can stand with "encoder": "php-json" only',
    ],
    [
      'an order, and an envelope',
      (d) => Object.assign(d.body, { order: ['id'] }),
      '/body has either an envelope, or set, defaults, order and integers',
    ],
    [
      'an order of a trigger, and an envelope',
      (d) => Object.assign(d.triggers[0], { order: ['id'] }),
      '/body/envelope cannot stand with an "order" of a trigger',
    ],
    [
      'full jitter in a window',
      (d) => Object.assign(d.policy.backoff, { window_s: 86_400 }),
      '/policy/jitter must be tenth or none: in a window, every try has its time',
    ],
    [
      'a window beside a backoff',
      (d) => Object.assign(d.policy, { window_s: 86_400 }),
      '/policy/window_s goes with retry_delays_s; backoff has its own',
    ],
    [
      'a schedule that ends before its window',
      (d) => {
        delete d.policy.backoff;
        Object.assign(d.policy, { jitter: 'tenth', retry_delays_s: [60, 3600], window_s: 86_400 });
      },
      '/policy/retry_delays_s ends after 3660 s; in a window of 86400 s it ends between 82800 s and 85500 s',
    ],
    [
      'a header that the HTTP client writes',
      (d) => Object.assign(d, { headers: { 'Content-Length': '5' } }),
      '/headers/Content-Length is written by the HTTP client',
    ],
    [
      'a header with a character that no header can carry',
      (d) => Object.assign(d, { headers: { 'X-Price': '5 €' } }),
      '/headers/X-Price has a character outside Latin-1, or a control character',
    ],
    ['another name', (d) => Object.assign(d, { name: 'other' }), "/name must be the folder's name, acme"],
  ];
  test.each(cases)('%s', (_, edit, message) => {
    const folder = change(edit);
    expect(() => loadContract(folder)).toThrow(BrokenContract);
    expect(() => loadContract(folder)).toThrow(message);
  });

  test('a sample that its schema refuses, a schema that is none, a file that is no JSON', () => {
    const folder = writeExample();
    writeFileSync(join(folder, 'samples/invoice.payed.json'), '{}');
    expect(() => loadContract(folder)).toThrow('samples/invoice.payed.json: is the sample of no pair');
    rmSync(join(folder, 'samples/invoice.payed.json'));
    writeFileSync(join(folder, 'samples/invoice.paid.json'), '{"id":"7","total":"1"}');
    expect(() => loadContract(folder)).toThrow(
      'samples/invoice.paid.json: /id must be integer (by schemas/invoice.json)',
    );
    writeFileSync(join(folder, 'schemas/invoice.json'), '{"type":"nothing"}');
    expect(() => loadContract(folder)).toThrow(/schemas\/invoice\.json: .*type/);
    writeFileSync(join(folder, 'schemas/invoice.json'), '{');
    expect(() => loadContract(folder)).toThrow('schemas/invoice.json:');
    writeFileSync(join(folder, 'schemas/invoice.json'), '{\n  "type": "object",\n  oops\n}');
    expect(() => loadContract(folder)).toThrow('schemas/invoice.json: line 3, column 3: ');
  });
});

describe('the command', () => {
  const posthorn = (...args: string[]) => {
    const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'packages/cli/posthorn.mjs'), ...args], {
      encoding: 'utf8',
    });
    return { status, stdout };
  };

  test('contract check', () => {
    const folder = writeExample();
    const good = posthorn('contract', 'check', folder);
    expect(good.status).toBe(0);
    expect(good.stdout).toContain('acme: 3 triggers, 3 pairs with a sample each, 2 of them checked against a schema');
    writeFileSync(join(folder, 'contract.json'), '{}');
    const bad = posthorn('contract', 'check', folder);
    expect(bad.status).toBe(2);
    expect(bad.stdout).toContain('contract.json: / lacks');
  });

  test('contract diff names every change that breaks receivers', () => {
    const before = writeExample();
    const after = join(mkdtempSync(join(tmpdir(), 'posthorn-contract-')), 'acme');
    cpSync(before, after, { recursive: true });
    expect(posthorn('contract', 'diff', before, after)).toMatchObject({
      status: 0,
      stdout: '0 breaking, 0 compatible\n',
    });
    const document = JSON.parse(readFileSync(join(after, 'contract.json'), 'utf8'));
    document.triggers = document.triggers.filter((t: { value: string }) => t.value !== 'invoice.paid');
    document.groups[0].triggers = ['invoice.refunded'];
    document.headers['X-Acme-Event'] = 'event {trigger}';
    delete document.headers['X-Acme-Delivery'];
    document.headers['X-New'] = '1';
    document.signature.encoding = 'base64';
    document.policy.timeouts.total_ms = 5000;
    document.limits.https_only = true;
    writeFileSync(join(after, 'contract.json'), JSON.stringify(document));
    const schema = JSON.parse(readFileSync(join(after, 'schemas/invoice.json'), 'utf8'));
    schema.properties.id.type = 'string';
    delete schema.properties.total;
    schema.required = ['id'];
    writeFileSync(join(after, 'schemas/invoice.json'), JSON.stringify(schema));
    writeFileSync(join(after, 'samples/invoice.refunded.json'), '{"id":"7"}');
    rmSync(join(after, 'samples/invoice.paid.json'));
    const { status, stdout } = posthorn('contract', 'diff', before, after, '--all');
    expect(status).toBe(1);
    const lines = stdout.split('\n').map((line) => line.replace(/ +/g, ' '));
    for (const line of [
      'breaking /triggers trigger "invoice.paid" is gone',
      'breaking /headers/X-Acme-Event header X-Acme-Event was "{trigger}" and is "event {trigger}"',
      'breaking /headers/X-Acme-Delivery header X-Acme-Delivery is gone',
      'breaking /signature/encoding was "hex" and is "base64"',
      'breaking /policy/timeouts/total_ms was 10000 and is 5000: receivers that need longer fail now',
      'breaking /limits/https_only plain HTTP is refused now',
      'breaking schemas/invoice.json#/properties/id type was integer and is string',
      'breaking schemas/invoice.json#/properties/total field "total" is gone',
      'compatible /headers/x-new header x-new is new',
    ]) {
      expect(lines).toContain(line);
    }
  });
});
