/** `posthorn import`: from servers that answer as the other systems' APIs do, to receivers that verify as they did there. */
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OPERATOR_KEY, startTestNode, type TestNode } from '../support/node.ts';
import { type Received, Receiver } from '../support/receiver.ts';

const CLI = fileURLToPath(new URL('../../packages/cli/posthorn.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'posthorn-import-'));
const SVIX_SECRET = `whsec_${Buffer.alloc(24, 8).toString('base64')}`;
const HOOK0_SECRET = '9d1a3c2e-1111-4222-8333-444455556666';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
});
afterAll(async () => {
  await receiver.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function posthorn(args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, POSTHORN_OPERATOR_KEY: OPERATOR_KEY, ...env },
  });
  const ran = { code: null as number | null, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (ran.out += chunk));
  child.stderr.on('data', (chunk: Buffer) => (ran.err += chunk));
  [ran.code] = await once(child, 'close');
  return ran;
}

/** Answers GETs by address, and 401 without the token. */
async function serveApi(answers: Record<string, unknown>) {
  const asked: string[] = [];
  let isBusy = true;
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.headers.authorization !== 'Bearer import-token') return void response.writeHead(401).end('no');
    // Once: they all limit their rate.
    if (isBusy) {
      isBusy = false;
      return void response.writeHead(429, { 'retry-after': '0.01' }).end();
    }
    const answer = answers[request.url ?? ''];
    if (answer === undefined) response.writeHead(404).end(request.url);
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, stop: () => new Promise((resolve) => server.close(resolve)) };
}

interface Case {
  system: string;
  options: string[];
  answers: (url: string) => Record<string, unknown>;
  /** As a receiver there verifies. */
  verifies: (request: Received) => boolean;
  account: string;
  trigger: string;
  /** What is said of what cannot be taken over. */
  note: string;
}

const header = ({ headers }: Received, name: string) => String(headers[name] ?? '');

const CASES: Case[] = [
  {
    system: 'svix',
    options: [],
    account: 'cust-1',
    trigger: 'invoice.paid',
    note: 'its header x-secret is kept secret there',
    answers: (url) => ({
      '/api/v1/app?limit=250': {
        data: [{ id: 'app_1', uid: 'cust-1', name: 'Customer 1' }],
        iterator: 'i1',
        done: false,
      },
      '/api/v1/app?limit=250&iterator=i1': { data: [{ id: 'app_2', name: 'Customer 2' }], iterator: null, done: true },
      '/api/v1/app/app_1/endpoint?limit=250': {
        data: [{ id: 'ep_1', url, description: 'Billing', filterTypes: ['invoice.paid'], disabled: false }],
        iterator: null,
        done: true,
      },
      '/api/v1/app/app_2/endpoint?limit=250': { data: [], iterator: null, done: true },
      '/api/v1/app/app_1/endpoint/ep_1/secret': { key: SVIX_SECRET },
      '/api/v1/app/app_1/endpoint/ep_1/headers': { headers: { 'x-tenant': 'one' }, sensitive: ['x-secret'] },
      '/api/v1/event-type?limit=250': {
        data: [{ name: 'invoice.paid', description: 'Paid' }],
        iterator: null,
        done: true,
      },
    }),
    verifies: (request) => {
      const names = ['id', 'timestamp', 'signature'];
      const headers = Object.fromEntries(names.map((name) => [`webhook-${name}`, header(request, `svix-${name}`)]));
      new StandardWebhook(SVIX_SECRET).verify(request.body.toString(), headers);
      return header(request, 'x-tenant') === 'one';
    },
  },
  {
    system: 'convoy',
    options: ['--project', 'p1'],
    account: 'owner-1',
    trigger: 'invoice.paid',
    note: 'advanced signatures',
    answers: (url) => ({
      '/api/v1/projects/p1/subscriptions?perPage=100': {
        data: {
          content: [
            { endpoint_metadata: { uid: 'e1' }, filter_config: { event_types: ['invoice.paid'] } },
            { endpoint_metadata: { uid: 'e2' }, filter_config: { event_types: ['*'] } },
          ],
          pagination: { has_next_page: false },
        },
      },
      '/api/v1/projects/p1/endpoints?perPage=100': {
        data: {
          content: [
            {
              uid: 'e1',
              name: 'Billing',
              owner_id: 'owner-1',
              url,
              status: 'active',
              secrets: [{ value: 'convoy-secret' }],
            },
          ],
          pagination: { has_next_page: true, next_page_cursor: 'c1' },
        },
      },
      '/api/v1/projects/p1/endpoints?perPage=100&direction=next&next_page_cursor=c1': {
        data: {
          content: [
            {
              uid: 'e2',
              name: 'Other',
              owner_id: 'owner-2',
              url: `${url}2`,
              status: 'inactive',
              advanced_signatures: true,
              secrets: [{ value: 'other-secret' }],
            },
            {
              uid: 'e3',
              name: 'Silent',
              owner_id: 'owner-3',
              url: `${url}3`,
              status: 'active',
              secrets: [{ value: 'silent-secret' }],
            },
          ],
          pagination: { has_next_page: false },
        },
      },
      '/api/v1/projects/p1/event-types': { data: { event_types: [{ name: 'invoice.paid' }, { name: '*' }] } },
    }),
    verifies: (request) =>
      header(request, 'x-convoy-signature') ===
      createHmac('sha256', 'convoy-secret').update(request.body).digest('hex'),
  },
  {
    system: 'outpost',
    options: [],
    account: 'tenant-1',
    trigger: 'user.created',
    note: 'its filter is not taken over',
    answers: (url) => ({
      '/api/v1/tenants?limit=100': { models: [{ id: 'tenant-1' }], pagination: { next: null } },
      '/api/v1/tenants/tenant-1/destinations': [
        {
          type: 'webhook',
          topics: ['user.created'],
          config: { url, custom_headers: '{"x-own":"1"}' },
          credentials: { secret: 'outpost-secret' },
        },
        {
          type: 'webhook',
          topics: '*',
          config: { url: `${url}3` },
          credentials: { secret: 'outpost-secret-2' },
          filter: { a: 1 },
          disabled_at: '2026-01-01T00:00:00Z',
        },
        { type: 'aws_sqs', topics: '*' },
      ],
      '/api/v1/topics': ['user.created'],
    }),
    verifies: (request) =>
      verifiesV0(header(request, 'x-outpost-signature'), request.body, 'outpost-secret') &&
      header(request, 'x-own') === '1',
  },
  {
    system: 'hook0',
    options: ['--project', 'a1', '--label', 'tenant'],
    account: 'tenant-9',
    trigger: 'user.account.created',
    note: 'it is called with PUT there',
    answers: (url) => ({
      '/api/v1/subscriptions?application_id=a1': [
        {
          is_enabled: true,
          event_types: ['user.account.created'],
          secret: HOOK0_SECRET,
          labels: { tenant: 'tenant-9', other: 'x' },
          target: { type: 'http', method: 'POST', url, headers: {} },
        },
        {
          is_enabled: false,
          event_types: ['user.account.created'],
          secret: HOOK0_SECRET,
          labels: { tenant: 'tenant-9' },
          target: { type: 'http', method: 'PUT', url: `${url}4`, headers: {} },
        },
        {
          is_enabled: false,
          event_types: ['user.account.created'],
          secret: HOOK0_SECRET,
          labels: {},
          target: { type: 'http', method: 'POST', url: `${url}5`, headers: {} },
        },
      ],
      '/api/v1/event_types?application_id=a1': [{ event_type_name: 'user.account.created' }],
    }),
    verifies: (request) => verifiesV0(header(request, 'x-hook0-signature'), request.body, HOOK0_SECRET),
  },
];

function verifiesV0(given: string, body: Buffer, secret: string): boolean {
  const [, t = '', v0] = /^t=(\d+),v0=([0-9a-f]+)$/.exec(given) ?? [];
  return v0 === createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex');
}

describe.each(CASES)('$system', ({ system, options, answers, verifies, account, trigger, note }) => {
  test('is read, planned, taken over once, and its receivers notice nothing', async () => {
    const url = receiver.url(`/${system}`);
    const api = await serveApi(answers(url));
    const contract = `from-${system}`;
    const token = { POSTHORN_IMPORT_TOKEN: 'import-token' };
    const read = await posthorn(
      ['import', system, '--from', api.url, ...options, '--save', `${system}.json`, '--write-contract', contract],
      token,
    );
    expect(read, read.err).toMatchObject({ code: 0, out: expect.stringContaining('accounts found') });
    // It holds secrets.
    expect(statSync(join(folder, `${system}.json`)).mode & 0o077).toBe(0);
    expect((await posthorn(['contract', 'check', contract], {})).out).toContain('It can be used.');
    await api.stop();

    const node: TestNode = await startTestNode({ environment: { POSTHORN_CONTRACTS: join(folder, contract) } });
    const server = { POSTHORN_URL: node.url };
    const command = ['import', system, '--dump', `${system}.json`, '--contract', contract];
    const plan = await posthorn(command, server);
    expect(plan.out).toContain(note);
    expect(plan.out).toMatch(/Would: \d+ created, 0 there already, 0 refused\. Do it with --apply\./);
    expect((await node.call('GET', '/v1/accounts')).body.data).toEqual([]);
    const applied = await posthorn([...command, '--apply'], server);
    expect(applied, applied.out + applied.err).toMatchObject({ code: 0 });
    const again = await posthorn([...command, '--apply'], server);
    expect(again.out).toMatch(/\n0 created, \d+ there already, 0 refused\.\n$/);

    const before = receiver.requests.length;
    await node.call('POST', `/v1/accounts/${account}/events`, `{"trigger":"${trigger}","payload":{"total":5.0}}`);
    const request = (await receiver.received(before + 1))[before];
    expect(request?.path).toBe(`/${system}`);
    expect(request?.body.toString()).toBe('{"total":5.0}');
    expect(request && verifies(request)).toBe(true);
    await node.stop();
  });
});

test('what is refused is told, the rest goes on, and the exit code says so', async () => {
  const node = await startTestNode();
  const dump = {
    system: 'svix',
    eventTypes: [],
    accounts: [
      { id: 'no good', name: 'x', endpoints: [] },
      {
        id: 'good',
        name: 'Good',
        endpoints: [
          { url: 'http://10.0.0.1/', description: '', disabled: false, triggers: [], headers: {}, notes: [] },
          { url: receiver.url(), description: '', disabled: true, triggers: ['a.b'], headers: {}, notes: [] },
        ],
      },
    ],
  };
  writeFileSync(join(folder, 'mixed.json'), JSON.stringify(dump));
  const ran = await posthorn(['import', 'svix', '--dump', 'mixed.json', '--contract', 'standard', '--apply'], {
    POSTHORN_URL: node.url,
  });
  expect(ran.code).toBe(1);
  expect(ran.out).toContain('blocked_address');
  expect(ran.out).toMatch(/2 created, 0 there already, 2 refused/);
  const { body } = await node.call('GET', '/v1/accounts/good/endpoints');
  expect(body.data).toMatchObject([{ url: receiver.url(), status: 'inactive', subscriptions: [{ trigger: 'a.b' }] }]);
  await node.stop();
});

test('what gets nothing there gets nothing here, and what belongs to nobody is told', async () => {
  const convoy = JSON.parse(readFileSync(join(folder, 'convoy.json'), 'utf8'));
  expect(convoy.accounts[2].endpoints).toMatchObject([
    { disabled: true, notes: ['it has no subscription and gets nothing there: it is inactive here'] },
  ]);
  const hook0 = JSON.parse(readFileSync(join(folder, 'hook0.json'), 'utf8'));
  expect(hook0.left).toMatchObject([
    { url: expect.stringMatching(/hook05$/), why: expect.stringContaining('no label') },
  ]);
});

test('a contract that the server does not know is told before anything is done, also when nothing is to be done', async () => {
  const node = await startTestNode();
  writeFileSync(join(folder, 'empty.json'), JSON.stringify({ system: 'svix', eventTypes: [], accounts: [] }));
  const ran = await posthorn(['import', 'svix', '--dump', 'empty.json', '--contract', 'nope'], {
    POSTHORN_URL: node.url,
  });
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('contract_not_found') });
  // What asks no server needs no key.
  const read = await posthorn(['import', 'svix', '--dump', 'empty.json'], { POSTHORN_OPERATOR_KEY: '' });
  expect(read).toMatchObject({ code: 0, out: expect.stringContaining('0 accounts found') });
  await node.stop();
});

test('several endpoints with one URL are all taken over, once', async () => {
  const node = await startTestNode();
  const one = { url: receiver.url('/twice'), description: '', disabled: true, headers: {}, notes: [] };
  const dump = {
    system: 'hook0',
    eventTypes: [],
    accounts: [
      {
        id: 'twice',
        name: 'Twice',
        endpoints: [
          { ...one, triggers: ['a.b'] },
          { ...one, triggers: ['c.d'] },
        ],
      },
    ],
  };
  writeFileSync(join(folder, 'twice.json'), JSON.stringify(dump));
  const command = ['import', 'hook0', '--dump', 'twice.json', '--contract', 'standard', '--apply'];
  const first = await posthorn(command, { POSTHORN_URL: node.url });
  expect(first.out).toContain('3 created, 0 there already, 0 refused');
  const again = await posthorn(command, { POSTHORN_URL: node.url });
  expect(again.out).toContain('0 created, 2 there already, 0 refused');
  const { body } = await node.call('GET', '/v1/accounts/twice/endpoints');
  const triggers = body.data.map(
    (endpoint: { subscriptions: { trigger: string }[] }) => endpoint.subscriptions[0]?.trigger,
  );
  expect(triggers.sort()).toEqual(['a.b', 'c.d']);
  await node.stop();
});

test('without a token, with a wrong one, or with a file of something else, it says what to do', async () => {
  expect(await posthorn(['import', 'svix'], {})).toMatchObject({
    code: 2,
    err: expect.stringContaining('POSTHORN_IMPORT_TOKEN'),
  });
  const api = await serveApi({});
  expect(await posthorn(['import', 'svix', '--from', api.url, '--token', 'wrong'], {})).toMatchObject({
    code: 1,
    err: expect.stringContaining('answered 401'),
  });
  await api.stop();
  expect((await posthorn(['import', 'svix', '--from', 'http://127.0.0.1:2', '--token', 'x'], {})).code).toBe(3);
  expect((await posthorn(['import', 'convoy', '--dump', 'svix.json'], {})).code).toBe(2);
  expect((await posthorn(['import', 'nothing'], {})).code).toBe(2);
  expect(readFileSync(join(folder, 'svix.json'), 'utf8')).toContain(SVIX_SECRET);
});
