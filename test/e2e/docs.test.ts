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
  const cli = `${process.execPath} ${join(ROOT, 'packages/cli/posthorn.mjs')}`;
  const script = `export POSTHORN_URL=${url} POSTHORN_OPERATOR_KEY=${OPERATOR_KEY}\n${block.replaceAll('npx posthorn', cli)}`;
  const printed = await run('bash', ['-ec', script], folder);
  expect(printed).toMatch(/^acme\nep_\w+\nwhsec_\S+\nevt_\w+ {2}1 deliveries\nID +STATUS/);
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(folder, { recursive: true, force: true });
});

test('the SQL of docs/publishing.md publishes', async () => {
  const [sql = ''] = [...readFileSync(join(ROOT, 'docs/publishing.md'), 'utf8').matchAll(/```sql\n([\s\S]*?)```/g)].map(
    ([, text = '']) => text,
  );
  const databaseUrl = await createDatabase();
  const node = await startTestNode({ databaseUrl });
  await node.call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
  await query(databaseUrl, 'CREATE TABLE orders (id int, total numeric)');
  await query(databaseUrl, sql);
  await eventually(
    async () => (await node.call('GET', '/v1/accounts/acme/events')).body.data,
    (events) => events.length === 1 && events[0].payload.id === 1001,
  );
  await node.stop();
});

test('the code of docs/sdk.md compiles', async () => {
  const blocks = [...readFileSync(join(ROOT, 'docs/sdk.md'), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(
    ([, text = '']) => text,
  );
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
    declare const process: { env: { POSTHORN_OPERATOR_KEY: string; WEBHOOK_SECRET: string } };
    declare const orders: { id: number }[]; declare const key: string; declare const rawBody: Uint8Array;
    declare const request: { headers: Record<string, string> }; declare const enqueue: (event: unknown) => void;
    // biome-ignore lint/suspicious/noExplicitAny: stands for four frameworks
    declare const app: any; declare const console: { log(text: string): void };
    ${publishing}\n${batching}\n${keys}\n${verifying}\n${framework}`;
  mkdirSync(join(ROOT, 'node_modules', '.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'node_modules', '.cache', 'docs-'));
  writeFileSync(join(folder, 'sdk.ts'), source);
  const options = [
    '--noEmit',
    '--ignoreConfig',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--types',
    '',
    join(folder, 'sdk.ts'),
  ];
  expect(await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options], ROOT)).toBe('');
  rmSync(folder, { recursive: true, force: true });
});

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
