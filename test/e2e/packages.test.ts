/** What is published works where nothing else is: packed, installed into an empty folder, and used. And what deploys it is well-formed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { validate } from 'dockerfile-utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { createDatabase, query } from '../support/database.ts';
import { eventually, OPERATOR_KEY, startTestNode, type TestNode } from '../support/node.ts';
import { createAccount, samplesOf } from '../support/vendors.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FILE = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const children: ChildProcess[] = [];

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'close');
  }
});

function start(command: string, args: string[], options: { cwd: string; env?: Record<string, string> }) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
  });
  children.push(child);
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk));
  child.stderr?.on('data', (chunk: Buffer) => (out += chunk));
  return {
    child,
    out: () => out,
    says: (text: string) =>
      eventually(
        async () => out,
        (all) => all.includes(text),
        60_000,
      ),
  };
}

describe('packed and installed into an empty folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-packed-'));
  const npm = (args: string[], cwd: string) => {
    const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8' });
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    return stdout;
  };

  beforeAll(() => {
    const packed = join(folder, 'packed');
    mkdirSync(packed);
    npm(['pack', '--workspaces', '--pack-destination', packed, '--loglevel=error'], ROOT);
    writeFileSync(join(folder, 'package.json'), '{"type": "module", "private": true}');
    const tarballs = readdirSync(packed)
      .filter((file) => file.startsWith('posthorn'))
      .map((file) => join(packed, file));
    for (const tarball of tarballs) {
      const { stdout } = spawnSync('tar', ['-tzf', tarball], { encoding: 'utf8' });
      expect(stdout, tarball).toContain('package/LICENSE');
      if (!/docs/.test(tarball)) expect(stdout, tarball).toContain('package/README.md');
    }
    npm(['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs], folder);
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('`npx posthorn` starts a server, the SDK publishes to it, and verifies what it sends', {
    timeout: 120_000,
  }, async () => {
    const env = { POSTHORN_PORT: '0', POSTHORN_ALLOW_NETWORKS: '127.0.0.1', POSTHORN_OPERATOR_KEY: OPERATOR_KEY };
    // What `npx posthorn` runs; npx itself passes no signals on.
    const server = start(join(folder, 'node_modules', '.bin', 'posthorn'), [], { cwd: folder, env });
    await server.says('Posthorn is ready');
    const url = /Page +(http:\S+)/.exec(server.out())?.[1] ?? '';
    expect((await fetch(`${url}/page/`)).status).toBe(200);
    expect((await fetch(`${url}/embed.js`)).status).toBe(200);
    writeFileSync(
      join(folder, 'use.mjs'),
      `import { createServer } from 'node:http';
       import { Posthorn, Webhook } from '@posthorn/sdk';
       import { webhookExpress } from '@posthorn/sdk/express';
       import { loops } from '@posthorn/sdk/contracts/loops';
       const posthorn = new Posthorn({ url: '${url}', key: '${OPERATOR_KEY}' });
       const { id } = await posthorn.accounts.create({ name: 'Packed', contract: 'standard' });
       let webhook;
       const seen = new Promise((resolve) => {
         const server = createServer((request, response) => webhookExpress(webhook, resolve)(request, response));
         server.listen(0, '127.0.0.1', async () => {
           const { secret } = await posthorn.account(id).endpoints.create({
             url: 'http://127.0.0.1:' + server.address().port, subscriptions: [{ trigger: '*' }] });
           webhook = new Webhook(secret);
           await posthorn.account(id).publish({ trigger: 'packed.event', payload: { n: 1 } });
         });
       });
       const event = await seen;
       console.log(event.trigger, JSON.stringify(event.payload), loops.name);
       process.exit();`,
    );
    const used = spawnSync(process.execPath, ['use.mjs'], { cwd: folder, encoding: 'utf8' });
    expect(used.stdout, used.stderr).toBe('packed.event {"n":1} loops\n');
    const { stdout } = spawnSync('npx', ['posthorn', 'accounts', 'list', '--url', url, '--key', OPERATOR_KEY], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stdout).toContain('Packed');
    server.child.kill('SIGTERM');
    await once(server.child, 'close');
  });

  test('types of the SDK are found, and narrow the payload by the trigger', () => {
    writeFileSync(
      join(folder, 'typed.ts'),
      `import { Webhook } from '@posthorn/sdk/webhook';
       import { loopReturns } from '@posthorn/sdk/contracts/loop-returns';
       const event = await new Webhook('0123456789abcdef', { contract: loopReturns }).verify('', {});
       if (event.trigger === 'giftcard.requested') { const credit: string = event.payload.total_credit_issued; credit.trim(); }
       // @ts-expect-error no such trigger
       if (event.trigger === 'no.such') throw event;`,
    );
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', '', 'typed.ts'];
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...options], { cwd: folder, encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});

describe('examples', () => {
  let databaseUrl: string;
  let node: TestNode;
  beforeAll(async () => {
    databaseUrl = await createDatabase();
    node = await startTestNode({ databaseUrl });
  });
  afterAll(() => node.stop());

  test.each(['standard', 'loop-returns', 'loops'])('the Express receiver verifies %s', async (contract) => {
    const account = await createAccount(node, contract);
    const [sample] =
      contract === 'standard' ? [{ topic: null, trigger: 'order.created', text: '{}' }] : samplesOf(contract);
    if (!sample) throw new Error('every contract has samples');
    const { topic, trigger, text } = sample;
    const port = String(20_000 + Math.floor(Math.random() * 20_000));
    const { body } = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: `http://127.0.0.1:${port}/`,
      status: 'active',
      subscriptions: [{ trigger, ...(topic === null ? {} : { topic }) }],
    });
    const receiver = start(process.execPath, ['examples/express-receiver.mjs', body.secret, port, contract], {
      cwd: ROOT,
    });
    await receiver.says('Listening');
    const event = topic === null ? `"payload":${text}` : `"payloads":{"${topic}":${text}}`;
    await node.call('POST', `/v1/accounts/${account}/events`, `{"trigger":"${trigger}",${event}}`);
    await receiver.says(trigger);
  });

  test('a product publishes in its own transaction', async () => {
    const account = await createAccount(node, 'standard');
    const { stdout, stderr } = spawnSync(process.execPath, ['examples/transaction.mjs', databaseUrl, account], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const id = /event (\S+) is on its way/.exec(stdout)?.[1] ?? '';
    expect(id, stderr).not.toBe('');
    await eventually(
      async () => (await node.call('GET', `/v1/accounts/${account}/events/${id}`)).status,
      (status) => status === 200,
    );
    expect(await query(databaseUrl, 'SELECT total::text FROM orders')).toEqual([{ total: '5.0' }]);
  });

  test('a product shows the page', async () => {
    const account = await createAccount(node, 'standard');
    const port = String(20_000 + Math.floor(Math.random() * 20_000));
    const product = start(process.execPath, ['examples/embedded-page.mjs', account, port], {
      cwd: ROOT,
      env: { POSTHORN_URL: node.url, POSTHORN_OPERATOR_KEY: OPERATOR_KEY },
    });
    await product.says('Open');
    const session = (await (await fetch(`http://127.0.0.1:${port}/page-session`, { method: 'POST' })).json()) as {
      url: string;
    };
    expect((await fetch(session.url)).status).toBe(200);
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const script = /from '([^']+embed\.js)'/.exec(page)?.[1] ?? '';
    expect(await (await fetch(script)).text()).toContain('embed');
  });
});

describe('what deploys it', () => {
  test('the Dockerfile has no mistake, runs as nobody in particular, and looks after its health', () => {
    const text = FILE('Dockerfile');
    expect(validate(text)).toEqual([]);
    expect(text).toMatch(/^USER node$/m);
    expect(text).toMatch(/^HEALTHCHECK /m);
  });

  test('compose and Kubernetes files are YAML with what they need', () => {
    const [compose] = parseAllDocuments(FILE('compose.yaml')).map((document) => document.toJS());
    expect(compose.services.posthorn).toMatchObject({ build: '.', read_only: true, cap_drop: ['ALL'] });
    const objects = parseAllDocuments(FILE('deploy/kubernetes/posthorn.yaml')).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS();
    });
    expect(objects.map(({ kind }) => kind)).toEqual(['Deployment', 'Service', 'PodDisruptionBudget']);
    const [container] = objects[0].spec.template.spec.containers;
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    expect(container.livenessProbe.httpGet.path).toBe('/healthz');
    expect(container.lifecycle.preStop).toBeDefined();
    const [alerts] = parseAllDocuments(FILE('deploy/prometheus/alerts.yml')).map((document) => document.toJS());
    expect(alerts.groups[0].rules.length).toBeGreaterThan(4);
    JSON.parse(FILE('deploy/grafana/posthorn.json'));
  });

  const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
  test.skipIf(!hasSystemd)('the unit of systemd is one', () => {
    const { stderr } = spawnSync('systemd-analyze', ['verify', join(ROOT, 'deploy/systemd/posthorn.service')], {
      encoding: 'utf8',
    });
    expect(
      stderr
        .split('\n')
        .filter((line) => line.includes('posthorn.service') && /Unknown|Invalid|Failed to parse/.test(line)),
    ).toEqual([]);
  });

  test('packages that belong together have one version, and say what they contain', () => {
    const names = [...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`), 'contracts'];
    const all = names.map((name) => JSON.parse(FILE(`${name}/package.json`)));
    expect(new Set(all.map(({ version }) => version)).size).toBe(1);
    for (const { name, license, description, files, private: isPrivate } of all) {
      expect([license, isPrivate], name).toEqual(['Apache-2.0', undefined]);
      expect(description, name).toBeTruthy();
      if (name !== '@posthorn/contracts') expect(files, name).toContain('dist');
    }
    expect(FILE('CHANGELOG.md')).toContain(`## ${all[0].version}`);
  });
});
