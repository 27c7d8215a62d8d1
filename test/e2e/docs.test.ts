/** What the README and the bench promise is run. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createDatabase, query } from '../support/database.ts';
import { eventually, OPERATOR_KEY, startTestNode } from '../support/node.ts';
import { startServer } from '../support/process.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The code blocks of a page in a language, in their order. */
function blocksOf(file: string, language: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, block = '']) => block,
  );
}

const CLI = join(ROOT, 'packages/cli/posthorn.mjs');

async function run(command: string, args: string[], cwd: string): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await once(child, 'exit');
  return printed;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

test('the first delivery of the README, with curl only, is verified by its receiver', async () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, block = ''] = /```sh first-delivery\n([\s\S]*?)```/.exec(readme) ?? [];
  expect(block.trim().split('\n').length).toBeLessThanOrEqual(10);
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-readme-'));
  const server = startServer({ POSTHORN_DATA_DIR: join(folder, 'data') });
  const url = await server.ready;
  const script = block
    .replaceAll('http://127.0.0.1:8400', url)
    .replaceAll('$(cat data/operator-key)', OPERATOR_KEY)
    .replaceAll('9000', String(await freePort()))
    .replaceAll('endpoint.json', join(folder, 'endpoint.json'));
  const printed = await run('bash', ['-c', script], ROOT);
  expect(printed).toContain('verified: {"type":"order.created"');
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(folder, { recursive: true, force: true });
});

test('the start of the documentation, followed word for word', async () => {
  const page = readFileSync(join(ROOT, 'docs/index.md'), 'utf8');
  const [, block = ''] = /## First delivery\n\n```sh\n([\s\S]*?)```/.exec(page) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-start-'));
  const server = startServer({ POSTHORN_DATA_DIR: join(folder, 'data') });
  const url = await server.ready;
  const cli = `${process.execPath} ${CLI}`;
  const script = `export POSTHORN_URL=${url} POSTHORN_OPERATOR_KEY=${OPERATOR_KEY}\n${block
    .replaceAll('npx posthorn', cli)
    .replaceAll('9000', String(await freePort()))}\nkill $!`;
  const printed = await run('bash', ['-ec', script], folder);
  expect(printed).toMatch(/^acme\nep_\w+\nwhsec_\S+\n/);
  // The receiver prints what it gets, sooner or later than that.
  expect(printed).toMatch(/evt_\w+ {2}1 deliveries\n/);
  expect(printed).toContain('{"type":"order.created"');
  expect(printed).toMatch(/succeeded +order.created +200/);
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(folder, { recursive: true, force: true });
});

test('the commands of docs/cli.md', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-cli-'));
  const server = startServer({ POSTHORN_DATA_DIR: join(folder, 'data') });
  const url = await server.ready;
  const [block = ''] = blocksOf('docs/cli.md', 'sh');
  // The server runs already.
  const script = `posthorn() { ${process.execPath} ${CLI} "$@"; }
    export POSTHORN_URL=${url} POSTHORN_OPERATOR_KEY=${OPERATOR_KEY}\n${block.replace(/^posthorn serve.*$/m, '')}`;
  expect(await run('bash', ['-ec', script], folder)).toMatch(
    /acme\nep_\w+\nwhsec_\S+\nevt_\w+ {2}1 deliveries\nID +STATUS/,
  );
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(folder, { recursive: true, force: true });
});

test('commands of the docs that need more than this machine have the options that are shown', async () => {
  const shown = ['docs/cli.md', 'docs/moving.md'].flatMap((file) =>
    blocksOf(file, 'sh').flatMap((block) => block.match(/posthorn (?:listen|import) .*$/gm) ?? []),
  );
  expect(shown).toHaveLength(4);
  for (const line of shown) {
    const [command = ''] = line.replace('posthorn ', '').split(' --');
    const help = await run(process.execPath, [CLI, ...command.trim().split(' '), '--help'], ROOT);
    for (const [option] of line.matchAll(/--[a-z-]+/g)) expect(`${command}: ${help}`).toContain(option);
  }
}, 60_000);

test('the requests of docs/page.md open the page, and close it', async () => {
  const node = await startTestNode();
  await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
  const [open = '', close = ''] = blocksOf('docs/page.md', 'sh').map((block) =>
    block.replaceAll('http://127.0.0.1:8400', node.url),
  );
  const opened = JSON.parse(await run('bash', ['-c', `KEY=${OPERATOR_KEY}\n${open}`], ROOT));
  const page = () => node.call('GET', '/v1/page', undefined, { authorization: `Bearer ${opened.token}` });
  expect((await page()).body).toMatchObject({ account: { id: 'acme' }, permissions: ['read', 'webhooks'] });
  await run('bash', ['-c', `KEY=${OPERATOR_KEY}\n${close}`], ROOT);
  expect((await page()).status).toBe(401);
  await node.stop();
});

test('the requests of docs/publishing.md publish now and later, and read the feed with a key', async () => {
  const node = await startTestNode();
  await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
  const [head = '', body = ''] = (blocksOf('docs/publishing.md', 'http')[0] ?? '').split('\n\n');
  const [, path = ''] = /^POST (\S+)/.exec(head) ?? [];
  const [, idempotencyKey = ''] = /^Idempotency-Key: (\S+)/m.exec(head) ?? [];
  const cursor = (await node.call('GET', '/v1/accounts/acme/feed?cursor=newest')).body.next_cursor;
  const published = await node.call('POST', path, body, { 'idempotency-key': idempotencyKey });
  expect(published.status).toBe(202);
  const later = JSON.parse(blocksOf('docs/publishing.md', 'json')[0] ?? '');
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  expect((await node.call('POST', path, { ...later, scheduled_for: tomorrow })).body.scheduled_for).toBe(tomorrow);
  const { key } = (await node.call('POST', '/v1/accounts/acme/keys', { label: 'x', scopes: ['posthorn:feed'] })).body;
  const [command = ''] = blocksOf('docs/publishing.md', 'sh');
  const script = `CURSOR=${cursor} KEY=${key}\n${command.replace('http://127.0.0.1:8400', node.url).replace('curl', 'curl -sS')}`;
  expect(JSON.parse(await run('bash', ['-c', script], ROOT)).data).toMatchObject([{ id: published.body.id }]);
  await node.stop();
});

test('the SQL of docs/publishing.md publishes, for a role that may do nothing else', async () => {
  const [sql = '', grants = ''] = blocksOf('docs/publishing.md', 'sql');
  const databaseUrl = await createDatabase();
  const node = await startTestNode({ databaseUrl });
  await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
  const role = `shop_${Date.now()}`;
  await query(databaseUrl, `CREATE ROLE ${role}`);
  await query(databaseUrl, grants.replaceAll('TO shop', `TO ${role}`));
  await query(databaseUrl, `CREATE SCHEMA AUTHORIZATION ${role} CREATE TABLE orders (id int, total numeric)`);
  await query(databaseUrl, `SET ROLE ${role};\n${sql}`);
  await eventually(
    async () => (await node.call('GET', '/v1/accounts/acme/events')).body.data,
    (events) => events.length === 1 && events[0].payload.id === 1001,
  );
  await node.stop();
  await query(databaseUrl, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

test('the code of docs/sdk.md compiles', async () => {
  const blocks = blocksOf('docs/sdk.md', 'ts');
  expect(blocks.length).toBeGreaterThan(4);
  const imports = new Set(blocks.flatMap((text) => text.match(/^import .*$/gm) ?? []));
  const bodies = blocks.map((text) =>
    text.replace(/^import .*$/gm, '').replace(/^export (const POST =|default)/gm, 'void'),
  );
  const frameworks = ['express', 'fastify', 'hono', 'fetch'].map((name) => {
    const called = name === 'fetch' ? 'webhookHandler' : `webhook${name[0]?.toUpperCase()}${name.slice(1)}`;
    return `import { ${called} } from '@posthorn/sdk/${name}';`;
  });
  const [publishing, batching, keys, verifying, framework] = bodies;
  const source = `${[...imports].join('\n')}\n${frameworks.join('\n')}
    import { webhookRoute } from '@posthorn/sdk/next';
    declare const process: { env: Record<string, string | undefined> };
    declare const orders: { id: number }[]; declare const key: string; declare const rawBody: Uint8Array;
    declare const request: { headers: Record<string, string> }; declare const enqueue: (event: unknown) => void;
    // biome-ignore lint/suspicious/noExplicitAny: stands for four frameworks
    declare const app: any; declare const console: { log(text: string): void };
    ${publishing}\n${batching}\n${keys}\n${verifying}\n${framework}`;
  expect(await compile('sdk.ts', source, [])).toBe('');
});

test('the React component of docs/page.md compiles', async () => {
  const [block = ''] = blocksOf('docs/page.md', 'tsx');
  const [imports = '', element = ''] = block.split('\n\n');
  const source = `${imports}
    declare const newSession: () => Promise<string>; declare const path: string;
    declare const setPath: (path: string) => void; declare const report: (error: unknown) => void;
    export const page = ${element}`;
  expect(await compile('page.tsx', source, ['--jsx', 'react-jsx', '--lib', 'es2022,dom'])).toBe('');
});

/** What the compiler says of a file beside our packages: nothing, when all is well. */
async function compile(name: string, source: string, more: string[]): Promise<string> {
  mkdirSync(join(ROOT, 'node_modules', '.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'node_modules', '.cache', 'docs-'));
  writeFileSync(join(folder, name), source);
  const rules = '--noEmit --ignoreConfig --strict --skipLibCheck --module nodenext --target es2022 --types'.split(' ');
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const printed = await run(process.execPath, [tsc, ...rules, '', ...more, join(folder, name)], ROOT);
  rmSync(folder, { recursive: true, force: true });
  return printed;
}

test('the keys of docs/keys.md are verified as it says', async () => {
  const block = (file: string, name: string) =>
    new RegExp(`\`\`\`sh ${name}\\n([\\s\\S]*?)\`\`\``).exec(readFileSync(join(ROOT, file), 'utf8'))?.[1] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-keys-'));
  const server = startServer({ POSTHORN_DATA_DIR: join(folder, 'data') });
  const url = await server.ready;
  const setup = block('README.md', 'first-delivery').split('\n').slice(0, 2).join('\n');
  const script = `${setup}\n${block('docs/keys.md', 'keys')}`
    .replaceAll('http://127.0.0.1:8400', url)
    .replaceAll('$(cat data/operator-key)', OPERATOR_KEY)
    .replaceAll('key.json', join(folder, 'key.json'));
  const [, , right, wrong] = (await run('bash', ['-c', script], ROOT)).trim().split('\n');
  expect(JSON.parse(right ?? '')).toMatchObject({ valid: true, account: 'acme', scopes: ['orders:read'] });
  expect(JSON.parse(wrong ?? '')).toMatchObject({ valid: false, reason: 'missing_scope' });
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(folder, { recursive: true, force: true });
});

test('the short form of the bench works and ends with JSON', async () => {
  const printed = await run(process.execPath, [join(ROOT, 'bench/dist/main.js'), '--short'], ROOT);
  const results = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  for (const name of [
    'relay_events_per_s',
    'durable_events_per_s',
    'durable_to_relay',
    'latency_ms_at_1000_per_s',
    'drain_deliveries_per_s',
  ]) {
    expect(results).toHaveProperty(name);
  }
  // It starts several servers, beside whatever else is tested at the moment.
}, 240_000);
