/** The posthorn command, run as people run it. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Webhook } from '@posthorn/sdk';
import { loopReturns } from '@posthorn/sdk/contracts/loop-returns';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { eventually, OPERATOR_KEY, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

const CLI = fileURLToPath(new URL('../../packages/cli/posthorn.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'posthorn-cli-'));

let databaseUrl: string;
let node: TestNode;
let receiver: Receiver;
let port: string;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  node = await startTestNode({ databaseUrl });
  port = new URL(node.url).port;
  receiver = await Receiver.start();
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
  rmSync(folder, { recursive: true, force: true });
});

const environment = (more: Record<string, string> = {}) => ({
  PATH: process.env.PATH,
  POSTHORN_URL: node.url,
  POSTHORN_OPERATOR_KEY: OPERATOR_KEY,
  ...more,
});

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

/** Runs one command to its end. */
async function posthorn(
  args: string,
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
): Promise<Ran> {
  // Arguments in quotes stay together.
  const words = [...args.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const child = spawn(process.execPath, [CLI, ...words], { cwd: folder, env: environment(env) });
  child.stdin.end(input);
  const ran = { code: null as number | null, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (ran.out += chunk));
  child.stderr.on('data', (chunk: Buffer) => (ran.err += chunk));
  [ran.code] = await once(child, 'close');
  return ran;
}

let accounts = 0;
async function createAccount(contract = 'standard'): Promise<string> {
  const id = `cli-${++accounts}`;
  expect((await posthorn(`accounts create --id ${id} --name 'A shop' --contract ${contract}`)).out).toBe(`${id}\n`);
  return id;
}

describe('resources', () => {
  test('accounts, endpoints, events and deliveries, as tables and as JSON', async () => {
    const account = await createAccount();
    const env = { POSTHORN_ACCOUNT: account };
    const created = await posthorn(`endpoints create ${receiver.url()} -s order.*`, { env });
    const [endpoint = '', secret = ''] = created.out.trim().split('\n');
    expect(secret).toMatch(/^whsec_/);
    expect((await posthorn('endpoints list', { env })).out).toMatch(
      new RegExp(`^ID +STATUS +URL +EVENTS\\n${endpoint} +active`),
    );
    const before = receiver.requests.length;
    const published = await posthorn(`events publish order.created '{"total":5.0}' --id cli-order-1`, { env });
    expect(published.out).toBe('cli-order-1  1 deliveries\n');
    const request = (await receiver.received(before + 1))[before];
    expect(request?.body.toString()).toContain('"data":{"total":5.0}');
    expect((await new Webhook(secret).verify(request?.body ?? '', request?.headers ?? {})).trigger).toBe(
      'order.created',
    );
    const [delivery] = await eventually(
      async () => JSON.parse((await posthorn('deliveries list --status succeeded --json', { env })).out),
      (list) => list.length === 1,
    );
    const shown = await posthorn(`deliveries get ${delivery.id}`, { env });
    expect(shown.out).toMatch(/succeeded[\s\S]+#[\s\S]+200/);
    expect((await posthorn(`deliveries retry ${delivery.id}`, { env })).code).toBe(0);
    expect((await posthorn(`endpoints test ${endpoint}`, { env })).out).toMatch(/^200 after \d+ ms\n$/);
    expect((await posthorn(`endpoints deactivate ${endpoint}`, { env })).out).toBe(`${endpoint} is inactive.\n`);
    expect((await posthorn(`endpoints change ${endpoint} -s a.b -s c.d`, { env })).code).toBe(0);
    expect(JSON.parse((await posthorn(`endpoints get ${endpoint} --json`, { env })).out).subscriptions).toHaveLength(2);
    expect((await posthorn(`endpoints secret ${endpoint}`, { env })).out).toBe(`${secret}\n`);
    expect((await posthorn(`endpoints delete ${endpoint}`, { env })).code).toBe(0);
    expect((await posthorn('endpoints list', { env })).out).toBe('No endpoints yet.\n');
    expect((await posthorn(`accounts delete ${account}`)).code).toBe(2);
    expect((await posthorn(`accounts delete ${account} --yes`)).code).toBe(0);
  });

  test('payloads come from an argument, a file or standard input; an event for later can be cancelled', async () => {
    const env = { POSTHORN_ACCOUNT: await createAccount() };
    writeFileSync(join(folder, 'payload.json'), '{"from": "file"}');
    await posthorn('events publish a.b @payload.json --id from-file', { env });
    await posthorn('events publish a.b - --id from-input', { env, input: '{"from":"input"}' });
    expect((await posthorn('events get from-file', { env })).out).toContain('"from": "file"');
    expect((await posthorn('events get from-input', { env })).out).toContain('"from": "input"');
    await posthorn('events publish a.b --at 2099-01-01T00:00:00Z', { env }).then(({ code }) => expect(code).toBe(1));
    const later = new Date(Date.now() + 3_600_000).toISOString();
    await posthorn(`events publish a.b --at ${later}`, { env });
    const [entry] = JSON.parse((await posthorn('events scheduled --json', { env })).out);
    expect((await posthorn(`events cancel ${entry.scheduled_id}`, { env })).code).toBe(0);
    expect((await posthorn('events scheduled', { env })).out).toBe('Nothing is scheduled.\n');
  });

  test('keys: made, verified, deleted', async () => {
    const env = { POSTHORN_ACCOUNT: await createAccount() };
    const key = (await posthorn(`keys create 'CI of Acme' --scope orders`, { env })).out.trim();
    expect(await posthorn(`keys verify ${key} --scope orders`)).toMatchObject({
      code: 0,
      out: expect.stringContaining('valid: cli-'),
    });
    expect(await posthorn(`keys verify ${key} --scope other`)).toMatchObject({
      code: 1,
      out: 'not valid: missing_scope\n',
    });
    const [{ id }] = JSON.parse((await posthorn('keys list --json', { env })).out);
    expect((await posthorn(`keys delete ${id}`, { env })).code).toBe(0);
  });

  test('attack: what an account is called moves no cursor of the terminal', async () => {
    await node.call('POST', '/v1/accounts', { id: 'cli-attack', name: '\u001b[2J\u0007gone', contract: 'standard' });
    const { out } = await posthorn('accounts get cli-attack');
    expect(out).toContain('�[2J�gone');
    expect(out).not.toContain('\u001b');
  });
});

describe('exit codes and messages', () => {
  test('0 done, 1 refused, 2 wrong usage, 3 no server', async () => {
    expect(await posthorn('accounts get nobody')).toMatchObject({
      code: 1,
      err: expect.stringContaining('account_not_found'),
    });
    const wrong = await posthorn(`events publish 'no good' '{}' -a ${await createAccount()}`);
    expect(wrong).toMatchObject({
      code: 1,
      err: expect.stringContaining('#/trigger is not a trigger of this contract'),
    });
    expect((await posthorn('accounts nonsense')).code).toBe(2);
    expect(await posthorn('endpoints list')).toMatchObject({ code: 2, err: expect.stringContaining('--account') });
    expect((await posthorn("events publish a.b '{' -a x")).code).toBe(2);
    const away = await posthorn('accounts list --url http://127.0.0.1:1');
    expect(away).toMatchObject({ code: 3, err: expect.stringContaining('posthorn serve') });
    expect((await posthorn('accounts list', { env: { POSTHORN_OPERATOR_KEY: '' } })).err).toContain('No operator key');
    expect((await posthorn('accounts list --key wrong-wrong-wrong')).err).toContain('unauthorized');
    expect(await posthorn('frobnicate')).toMatchObject({
      code: 2,
      err: expect.stringContaining('There is no command frobnicate'),
    });
    expect((await posthorn(`--url ${node.url} accounts list`)).err).toContain('Options stand behind the command');
    expect((await posthorn(`accounts list --url ${new URL(node.url).host}`)).code).toBe(0);
    expect((await posthorn('accounts list --url http://127.0.0.1:65529')).err).toContain('ECONNREFUSED');
    expect((await posthorn('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('what is wrong with what was given', () => {
  test('is said once, in words, before anything else happens', async () => {
    const account = await createAccount();
    const env = { POSTHORN_ACCOUNT: account };
    const said = async (args: string) => (await posthorn(args, { env })).err;
    expect(await said('events publish a.b @nofile')).toMatch(/^@nofile cannot be read: ENOENT/);
    expect(await said('events publish a.b --at soon')).toContain('as 2026-12-24T18:00:00Z');
    expect(await said('keys create x --expires tomorrow')).toContain('--expires');
    expect(await said("accounts create --id 'a b' --name x --contract standard")).toMatch(
      /^invalid_request: [^\n]*\n$/,
    );
    expect(await said("endpoints create http://10.0.0.1/ -s '*'")).toContain('POSTHORN_ALLOW_NETWORKS');
    const listening = await posthorn(`listen -f ${receiver.url()} --endpoint ep_nope`, { env });
    expect(listening).toMatchObject({ code: 1, out: '' });
    expect(listening.err).toMatch(/^endpoint_not_found: /);
    const broken = await posthorn(`listen -f ${receiver.url()} --cursor bad`, { env });
    expect(broken.err).toMatch(/^invalid_cursor: /);
  });
});

describe('trigger', () => {
  test('makes lists where the place says so, and keeps numbers as they were written', async () => {
    const account = await createAccount();
    const { out } = await posthorn(`trigger a.b --set items.0.price=5.0 --set items.1.price=1e3 -a ${account}`);
    const [id = ''] = out.split(' ');
    const { text } = await node.call('GET', `/v1/accounts/${account}/events/${id}`);
    expect(text).toContain('"items":[{"price":5.0},{"price":1e3}]');
  });

  test("publishes the contract's sample, with changes", async () => {
    const account = await createAccount('loops');
    const { out } = await posthorn(
      `trigger contact.created --set contactIdentity.email=ada@example.com --set eventTime=5 -a ${account}`,
    );
    const [id = ''] = out.split(' ');
    const { payload } = JSON.parse((await posthorn(`events get ${id} -a ${account}`)).out);
    expect(payload).toMatchObject({ contactIdentity: { email: 'ada@example.com' }, eventTime: 5 });
    expect(await posthorn(`trigger no.such -a ${account}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('contact.created'),
    });
  });

  test('with all topics of the trigger, or one', async () => {
    const account = await createAccount('loop-returns');
    const [id = ''] = (await posthorn(`trigger label.created -a ${account}`)).out.split(' ');
    expect(Object.keys(JSON.parse((await posthorn(`events get ${id} -a ${account}`)).out).payloads)).toContain('label');
  });
});

describe('listen', () => {
  interface Listening {
    child: ChildProcessWithoutNullStreams;
    out: () => string;
    err: () => string;
    stop: () => Promise<void>;
  }

  async function listen(account: string, target: string, more: string[] = []): Promise<Listening> {
    const args = [CLI, 'listen', '-a', account, '-f', target, ...more];
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: environment({ POSTHORN_URL: `http://127.0.0.1:${port}` }),
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk));
    await eventually(
      async () => err,
      (text) => text.includes('Listening to'),
    );
    return {
      child,
      out: () => out,
      err: () => err,
      async stop() {
        child.kill('SIGINT');
        await once(child, 'close');
      },
    };
  }

  test('forwards what happens, signed, and shows the answers', async () => {
    const account = await createAccount();
    const local = await Receiver.start();
    local.respond = (_, response, i) => void response.writeHead(i === 1 ? 500 : 204).end();
    const listening = await listen(account, local.url(), ['--trigger', 'order.*']);
    const secret = /Signed with (whsec_\S+)/.exec(listening.err())?.[1] ?? '';
    await node.publish(account, 'customer.created', {});
    for (let i = 0; i < 2; i++) await node.publish(account, 'order.created', { i });
    const [first] = await local.received(2);
    expect((await new Webhook(secret).verify(first?.body ?? '', first?.headers ?? {})).payload).toEqual({ i: 0 });
    const lines = await eventually(
      async () => listening.out().trim().split('\n'),
      (all) => all.length === 2,
    );
    expect(lines[0]).toMatch(/^order\.created {2}evt_\w+ {2}204 {2}\d+ ms$/);
    expect(lines[1]).toMatch(/ {2}500 {2}\d+ ms$/);
    await listening.stop();
    expect(listening.err()).toContain('To go on from here: --cursor ');
    await local.stop();
  });

  test("with an endpoint, the requests are those that it gets, under its own secret's signature", async () => {
    const account = await createAccount('loop-returns');
    const made = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: receiver.url(),
      status: 'active',
      subscriptions: [{ topic: 'label', trigger: 'label.created' }],
    });
    expect(made.status, made.text).toBe(201);
    const local = await Receiver.start();
    const listening = await listen(account, local.url(), ['--endpoint', made.body.id]);
    const before = receiver.requests.length;
    await posthorn(`trigger label.created -a ${account}`);
    const [forwarded] = await local.received(1);
    const original = (await receiver.received(before + 1))[before];
    expect(forwarded?.body.equals(original?.body ?? Buffer.alloc(0))).toBe(true);
    expect(forwarded?.headers['x-loop-signature']).toBe(original?.headers['x-loop-signature']);
    const webhook = new Webhook(made.body.secret, { contract: loopReturns });
    expect((await webhook.verify(forwarded?.body ?? '', forwarded?.headers ?? {})).trigger).toBe('label.created');
    await listening.stop();
    await local.stop();
  });

  test('two developers at once, and a restart of the server in between, lose nothing', {
    timeout: 120_000,
  }, async () => {
    const account = await createAccount();
    const locals = await Promise.all([Receiver.start(), Receiver.start()]);
    const listening = await Promise.all(locals.map((local) => listen(account, local.url())));
    const publish = async (from: number, to: number) => {
      for (let i = from; i < to; i++) expect((await node.publish(account, 'order.created', { i })).status).toBe(202);
    };
    await publish(0, 10);
    await locals[0]?.received(3);
    await node.stop();
    await eventually(
      async () => listening.map(({ err }) => err()),
      (all) => all.every((text) => text.includes('waiting')),
    );
    node = await startTestNode({ databaseUrl, environment: { POSTHORN_PORT: port } });
    await publish(10, 20);
    for (const local of locals) {
      const requests = await local.received(20);
      const numbers = requests.map(({ body }) => JSON.parse(body.toString()).data.i as number);
      expect([...new Set(numbers)]).toEqual(Array.from({ length: 20 }, (_, i) => i));
    }
    for (const one of listening) await one.stop();
    for (const local of locals) await local.stop();
  });

  test('a receiver that is not there is shown as such', async () => {
    const account = await createAccount();
    const gone = await Receiver.start();
    const address = gone.url();
    await gone.stop();
    const listening = await listen(account, address);
    await node.publish(account, 'order.created', {});
    await eventually(
      async () => listening.out(),
      (text) => text.includes('ECONNREFUSED'),
    );
    await listening.stop();
  });

  const hasTerminal = spawnSync('script', ['--version']).status === 0;
  test.skipIf(!hasTerminal)('on a terminal, r sends the last one again and q ends', async () => {
    const account = await createAccount();
    const local = await Receiver.start();
    const command = `${process.execPath} ${CLI} listen -a ${account} -f ${local.url()}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder, env: environment({ TERM: 'xterm' }) });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk));
    await eventually(
      async () => out,
      (text) => text.includes('Press r'),
    );
    await node.publish(account, 'order.created', { once: true });
    await local.received(1);
    await eventually(
      async () => out,
      (text) => text.includes('200'),
    );
    child.stdin.write('r');
    const [first, second] = await local.received(2);
    expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true);
    child.stdin.write('q');
    await once(child, 'close');
    expect(out).toContain('again');
    await local.stop();
  });
});

describe('tail and replay', () => {
  test('tail prints deliveries as they go on', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    const child = spawn(process.execPath, [CLI, 'tail', '-a', account], { cwd: folder, env: environment() });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk));
    await eventually(
      async () => {
        await node.publish(account, 'order.tailed', {});
        return out;
      },
      (text) => /succeeded +order\.tailed {2}200/.test(text),
    );
    child.kill('SIGTERM');
    await once(child, 'close');
  });

  test('replay says what it will do, and does it', async () => {
    const { account } = await node.createEndpoint(receiver.url());
    for (let i = 0; i < 3; i++) await node.publish(account, 'order.replayed', { i });
    await eventually(
      async () => (await node.call('GET', `/v1/accounts/${account}/deliveries?status=succeeded`)).body.data.length,
      (count) => count === 3,
    );
    const dry = await posthorn(`replay --from 2020-01-01T00:00:00Z --dry-run -a ${account}`);
    expect(dry.out).toBe('3 deliveries, 100 a second: 1 s\n');
    const before = receiver.requests.length;
    expect((await posthorn(`replay --from 2020-01-01T00:00:00Z -a ${account}`)).code).toBe(0);
    await receiver.received(before + 3);
  });
});

describe('contracts', () => {
  test('a new one can be checked, typed and used at once', async () => {
    expect((await posthorn('contract new acme-shop')).code).toBe(0);
    expect((await posthorn('contract check acme-shop')).out).toContain('It can be used.');
    expect((await posthorn('contract types acme-shop')).out).toContain(
      'export const acmeShop: WebhookContract<AcmeShopEvent>',
    );
    expect(await posthorn('contract new acme-shop')).toMatchObject({
      code: 2,
      out: expect.stringContaining('exists already'),
    });
    expect((await posthorn("contract new 'No Name'")).code).toBe(2);
    expect((await posthorn('contract check nowhere')).code).toBe(2);
  });
});

describe('event types', () => {
  test('are declared out of a file, imported from a description in YAML, listed, and deleted', async () => {
    writeFileSync(join(folder, 'types.json'), JSON.stringify([{ name: 'order.paid', label: 'Order paid' }]));
    expect((await posthorn('event-types put types.json --check warn')).out).toBe('created    order.paid  version 1\n');
    const described = (type: string) =>
      `openapi: 3.1.0
webhooks:
  invoice.sent:
    post:
      summary: Invoice sent
      requestBody: { content: { application/json: { schema: { type: object, properties: { number: { type: ${type} } } } } } }
`;
    writeFileSync(join(folder, 'api.yaml'), described('string'));
    expect((await posthorn('event-types import api.yaml --dry-run')).out).toContain('created    invoice.sent');
    expect((await posthorn('event-types import api.yaml')).code).toBe(0);
    writeFileSync(join(folder, 'api.yaml'), described('integer'));
    const refused = await posthorn('event-types import api.yaml');
    expect(refused.err).toContain('breaking_change');
    expect(refused.code).not.toBe(0);
    const allowed = await posthorn('event-types import api.yaml --allow-breaking');
    expect(allowed.out).toMatch(/changed {4}invoice.sent {2}version 2\n {2}breaking: /);
    expect((await posthorn('event-types list')).out).toMatch(/invoice\.sent .*2.*Invoice sent[\s\S]*order\.paid/);
    expect((await posthorn('event-types delete order.paid')).out).toBe('order.paid is deleted.\n');
    expect(JSON.parse((await posthorn('event-types list --json')).out)).toHaveLength(1);
  });
});

describe('server commands', () => {
  test('serve starts a server, and ends it with a signal', { timeout: 90_000 }, async () => {
    const child = spawn(process.execPath, [CLI], {
      cwd: folder,
      env: { PATH: process.env.PATH, POSTHORN_PORT: '0', POSTHORN_DATA_DIR: join(folder, 'served') },
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk));
    await eventually(
      async () => out,
      (text) => text.includes('Posthorn is ready'),
      60_000,
    );
    const url = /Page +(http:\S+)/.exec(out)?.[1] ?? '';
    const env = { POSTHORN_URL: url, POSTHORN_OPERATOR_KEY: '', POSTHORN_DATA_DIR: join(folder, 'served') };
    expect((await posthorn('accounts list', { env })).out).toBe('No accounts yet.\n');
    const { out: found, code } = await posthorn('doctor', { env });
    expect(found).toMatch(/✓ database: PostgreSQL \d+[^\n]*, embedded/);
    expect(found).toContain('✓ migrations: the database is at this version');
    expect(found).toContain('✓ operator key: is accepted');
    expect(code).toBe(0);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(existsSync(join(folder, 'served'))).toBe(true);
  });

  test('migrate brings an empty database to this version, once', async () => {
    const env = { DATABASE_URL: await createDatabase() };
    expect((await posthorn('migrate', { env })).out).toContain('Applied 0001_first.sql.');
    expect((await posthorn('migrate', { env })).out).toBe('The database is at this version already.\n');
    expect((await posthorn('migrate')).code).toBe(2);
    expect((await posthorn('migrate', { env: { DATABASE_URL: 'postgres://127.0.0.1:1/x' } })).code).toBe(1);
  });

  test('doctor says what is wrong and how to mend it', async () => {
    const broken = await posthorn('doctor', { env: { POSTHORN_REQUESTS_MAX: 'many' } });
    expect(broken).toMatchObject({ code: 1, out: expect.stringContaining('✗ configuration: POSTHORN_REQUESTS_MAX') });
    const away = await posthorn('doctor --json --url http://127.0.0.1:1', {
      env: { DATABASE_URL: 'postgres://127.0.0.1:1/x' },
    });
    const findings = JSON.parse(away.out) as { what: string; state: string; mend?: string }[];
    expect(findings.find(({ what }) => what === 'database')).toMatchObject({
      state: 'wrong',
      mend: expect.any(String),
    });
    expect(findings.find(({ what }) => what === 'server')).toMatchObject({ state: 'warning' });
    const behind = await posthorn('doctor', {
      env: { DATABASE_URL: databaseUrl, POSTHORN_OPERATOR_KEY: 'wrong-wrong-wrong' },
    });
    expect(behind.out).toContain('✗ operator key: unauthorized');
    expect(behind.code).toBe(1);
  });

  test('completion knows every command', async () => {
    expect((await posthorn('completion zsh')).out).toContain('#compdef posthorn');
    expect((await posthorn("complete -- endpoints ''")).out).toContain('rotate-secret');
  });
});

test('docs/cli.md names every command', () => {
  const text = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
  const help = spawnSync(process.execPath, [CLI, '--help'], { encoding: 'utf8' }).stdout;
  const commands = [...help.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name).filter((name) => name !== 'help');
  expect(commands.length).toBeGreaterThan(14);
  expect(commands.filter((name) => !text.includes(`posthorn ${name}`))).toEqual([]);
});
