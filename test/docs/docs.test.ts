/** The documentation is true: what is written from the code, links, commands, names. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ContractDocument } from '../../packages/server/src/contract/document.ts';
import { errorsPage, formatPage } from './reference-pages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCS = join(ROOT, 'docs');
const SITE = join(DOCS, 'dist');

test('docs/errors.md has a heading for each code of the catalogue', async () => {
  await expect(errorsPage()).toMatchFileSnapshot(join(DOCS, 'errors.md'));
});

test('docs/contracts/format.md is the schema of contract.json', async () => {
  await expect(formatPage(ContractDocument)).toMatchFileSnapshot(join(DOCS, 'contracts', 'format.md'));
});

test('every code block is run, compiled or loaded by a test, or shows nothing that could be', () => {
  const ran = 'test/e2e/docs.test.ts';
  const blocks: Record<string, string> = {
    'README.md sh': 'the commands that the CI runs on a clean clone',
    'README.md sh first-delivery': ran,
    'docs/authentication.md json': 'test/e2e/endpoint-auth.test.ts',
    'docs/cli.md sh': ran,
    'docs/cli.md json': 'test/e2e/mcp.test.ts starts that command',
    'docs/failover.md': 'packages/server/src/storage/servers.test.ts',
    'docs/filters.md json': 'test/e2e/filters.test.ts',
    'docs/cells.md sh': 'test/e2e/cells.test.ts and account-moves.test.ts, with databases of their own',
    'docs/ordering.md json': 'test/e2e/ordered-delivery.test.ts',
    'docs/transformations.md json': 'test/e2e/transformations.test.ts',
    'docs/event-types.md json': 'test/e2e/event-types.test.ts',
    'docs/index.md sh': `${ran}, and the CI`,
    'docs/keys.md sh keys': ran,
    'docs/moving.md sh': `${ran} for the options, test/e2e/import.test.ts for what they do`,
    'docs/page.md sh': ran,
    'docs/page.md html': 'test/e2e/page/embedding.test.ts',
    'docs/page.md tsx': ran,
    'docs/publishing.md http': ran,
    'docs/publishing.md sql': ran,
    'docs/publishing.md json': ran,
    'docs/publishing.md sh': ran,
    'docs/sdk.md ts': ran,
    'docs/sources.md json': 'packages/server/src/sources/source-config.test.ts',
    'docs/sources.md sql': 'test/e2e/sources/outbox.test.ts',
    'docs/contracts/README.md': 'a list of files',
    'docs/contracts/README.md json': 'test/contracts/own-contract.test.ts',
    'docs/contracts/README.md json acme': 'test/contracts/own-contract.test.ts',
  };
  const files = ['README.md', ...['docs', 'docs/contracts'].flatMap((folder) => pagesIn(folder))];
  const found = files.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^```(.*)\n[\s\S]*?^```/gm)].map(([, language = '']) =>
      `${file} ${language.replace(/\/.*/, '')}`.trim(),
    ),
  );
  expect([...new Set(found)].sort()).toEqual(Object.keys(blocks).sort());
});

function pagesIn(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder)).filter((file) => file.endsWith('.md'));
  return files.map((file) => `${folder}/${file}`);
}

describe('links', () => {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'verifiers/README.md',
    'examples/README.md',
    ...['', 'contracts/'].flatMap((folder) =>
      readdirSync(join(DOCS, folder))
        .filter((file) => file.endsWith('.md'))
        .map((file) => `docs/${folder}${file}`),
    ),
  ];
  const anchorsOf = (text: string) =>
    new Set(
      [...text.matchAll(/^#{1,4} (.+)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
          .replace(/[^\p{L}\p{N}_ -]/gu, '')
          .replaceAll(' ', '-'),
      ),
    );

  test.each(pages)('of %s lead somewhere', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    const dead: string[] = [];
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:)/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? join(ROOT, page) : join(ROOT, dirname(page), file);
      if (!existsSync(path)) dead.push(target);
      else if (anchor && path.endsWith('.md') && !anchorsOf(readFileSync(path, 'utf8')).has(anchor)) dead.push(target);
    }
    expect(dead).toEqual([]);
  });

  test('within the site lead somewhere, too', () => {
    const dead: string[] = [];
    const html = new Map(
      readdirSync(SITE)
        .filter((file) => file.endsWith('.html'))
        .map((file) => [file, readFileSync(join(SITE, file), 'utf8')]),
    );
    for (const [file, text] of html) {
      for (const [, target = ''] of text.matchAll(/(?:href|src)="([^"]+)"/g)) {
        if (/^(https?:|mailto:)/.test(target) || target === 'api') continue;
        const [name = '', anchor] = target.split('#');
        if (!existsSync(join(SITE, name)) || (anchor && !html.get(name)?.includes(`id="${anchor}"`)))
          dead.push(`${file}: ${target}`);
      }
    }
    expect(html.size).toBeGreaterThan(15);
    expect(dead).toEqual([]);
  });
});

test('the search finds what is written', () => {
  const index = JSON.parse(readFileSync(join(SITE, 'search.json'), 'utf8')) as {
    storedFields: Record<string, { heading: string; href: string }>;
  };
  const entries = Object.values(index.storedFields);
  expect(
    entries.some(({ heading, href }) => heading === 'account_not_found' && href === 'errors.html#account_not_found'),
  ).toBe(true);
  expect(entries.some(({ href }) => href.startsWith('publishing.html#the-feed'))).toBe(true);
});

test('every setting of the server is in docs/operation.md', () => {
  const config = readFileSync(join(ROOT, 'packages/server/src/config.ts'), 'utf8');
  const operation = readFileSync(join(DOCS, 'operation.md'), 'utf8');
  const names = [...config.matchAll(/'(POSTHORN_[A-Z_]+|DATABASE_URL)'/g)].map(([, name = '']) => name);
  const ofTheCommand = new Set(['POSTHORN_URL', 'POSTHORN_ACCOUNT', 'POSTHORN_IMPORT_TOKEN']);
  expect([...new Set(names)].filter((name) => !ofTheCommand.has(name) && !operation.includes(`\`${name}\``))).toEqual(
    [],
  );
});

test('the SDK has a way to what the documentation says it has', () => {
  const source =
    readFileSync(join(ROOT, 'packages/sdk/src/account.ts'), 'utf8') +
    readFileSync(join(ROOT, 'packages/sdk/src/posthorn.ts'), 'utf8');
  const text = readFileSync(join(DOCS, 'sdk.md'), 'utf8');
  const named = [...text.matchAll(/`(?:acme|posthorn)\.([a-zA-Z]+)`/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((name) => !new RegExp(`\\b${name}\\b(?: =|<|\\()`).test(source))).toEqual([]);
});
