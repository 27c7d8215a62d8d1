// Makes a site of docs/*.md: docs/dist, plain files that anything can serve; the server does so at /docs.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Marked } from 'marked';
import MiniSearch from 'minisearch';
import { rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const docs = join(root, 'docs');
const out = join(docs, 'dist');

/** What the site is made of, in the order of its navigation. */
const SECTIONS = [
  [
    'Start',
    [
      'index.md',
      'concepts.md',
      'publishing.md',
      'sources.md',
      'filters.md',
      'ordering.md',
      'transformations.md',
      'event-types.md',
      'authentication.md',
      'sdk.md',
      'cli.md',
      'moving.md',
      'comparison.md',
    ],
  ],
  [
    'Contracts',
    [
      'contracts/README.md',
      'contracts/format.md',
      'contracts/loop-returns.md',
      'contracts/loop-subscriptions.md',
      'contracts/loops.md',
    ],
  ],
  ['For your customers', ['page.md', 'keys.md']],
  [
    'Operation',
    ['operation.md', 'failover.md', 'cells.md', 'scale.md', 'security.md', 'reliability.md', '../ARCHITECTURE.md'],
  ],
  ['Reference', ['errors.md']],
];

/** `contracts/README.md` -> `contracts.html` */
const nameOf = (file) =>
  file
    .replace(/^\.\.\//, '')
    .replace(/\/README\.md$/, '.md')
    .replaceAll('/', '-')
    .replace(/\.md$/, '.html')
    .toLowerCase();
const files = SECTIONS.flatMap(([, list]) => list);
const known = new Map(files.map((file) => [join(docs, file), nameOf(file)]));
/** As GitHub makes them, so that links hold in both places. */
const slugOf = (text) =>
  text
    .toLowerCase()
    .replace(/<[^>]+>|`/g, '')
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');
const escapeHtml = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const plain = (html) =>
  html
    .replace(/<[^>]+>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ')
    .trim();

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'pictures'), { recursive: true });
const index = new MiniSearch({ fields: ['heading', 'text'], storeFields: ['heading', 'page', 'href', 'start'] });
let entries = 0;
const pages = files.map((file) => ({ file, ...render(file) }));
for (const page of pages) writeFileSync(join(out, nameOf(page.file)), document(page));
writeFileSync(join(out, 'search.json'), JSON.stringify(index));
copyFileSync(join(docs, 'site', 'site.css'), join(out, 'site.css'));
const bundle = await rolldown({ input: join(docs, 'site', 'search.js'), platform: 'browser' });
await bundle.write({ file: join(out, 'search.js'), format: 'esm', minify: true });

function render(file) {
  const path = join(docs, file);
  const slugs = new Map();
  const sections = [];
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        const slug = slugOf(plain(html));
        const count = slugs.get(slug) ?? 0;
        slugs.set(slug, count + 1);
        const id = count === 0 ? slug : `${slug}-${count}`;
        return depth === 1
          ? `<h1 id="${id}">${html}</h1>\n`
          : `<h${depth} id="${id}"><a href="${nameOf(file)}#${id}">${html}</a></h${depth}>\n`;
      },
      table(token) {
        const row = (cells, tag) =>
          `<tr>${cells.map((cell) => `<${tag}>${this.parser.parseInline(cell.tokens)}</${tag}>`).join('')}</tr>`;
        const head = token.header.some(({ text }) => text !== '') ? `<thead>${row(token.header, 'th')}</thead>` : '';
        return `<div class="table"><table>${head}<tbody>${token.rows.map((cells) => row(cells, 'td')).join('')}</tbody></table></div>\n`;
      },
      link({ href, tokens }) {
        const html = this.parser.parseInline(tokens);
        const target = targetOf(href, path);
        return target === undefined ? html : `<a href="${escapeHtml(target)}">${html}</a>`;
      },
      html: ({ text }) => text.replace(/(<img[^>]*src=")([^"]+)/g, (_, before, href) => before + pictureOf(href, path)),
      image({ href, text }) {
        return `<img src="${pictureOf(href, path)}" alt="${escapeHtml(text)}" loading="lazy">`;
      },
    },
  });
  const html = marked.parse(readFileSync(path, 'utf8'));
  const title = plain(/<h1[^>]*>(.*?)<\/h1>/s.exec(html)?.[1] ?? file);
  for (const part of html.split(/(?=<h[1-3] id=)/)) {
    const [, id = '', heading = ''] = /^<h[1-3] id="([^"]*)">(.*?)<\/h[1-3]>/s.exec(part) ?? [];
    const text = plain(part.replace(/^<h[1-3].*?<\/h[1-3]>/s, ''));
    sections.push({ id, heading: plain(heading), text });
  }
  for (const { id, heading, text } of sections) {
    index.add({
      id: entries++,
      page: title,
      heading: heading || title,
      href: `${nameOf(file)}#${id}`,
      text,
      start: text.slice(0, 140),
    });
  }
  return { title, html };
}

/** Copies a picture; answers where it is in the site. */
function pictureOf(href, path) {
  const source = join(dirname(path), href);
  copyFileSync(source, join(out, 'pictures', basename(source)));
  return `pictures/${basename(source)}`;
}

/** Undefined for what is not a part of the site: files of the repository. */
function targetOf(href, path) {
  if (/^(https?:|mailto:)/.test(href)) return href;
  const [file = '', anchor] = href.split('#');
  const hash = anchor === undefined ? '' : `#${anchor}`;
  if (file === '') return `${known.get(path)}${hash}`;
  const name = known.get(join(dirname(path), file));
  if (name !== undefined) return `${name}${hash}`;
  if (relative(root, join(dirname(path), file)) === 'README.md') return 'index.html';
  return undefined;
}

function document({ file, title, html }) {
  const titleOf = new Map(pages.map((page) => [page.file, page.title]));
  const links = SECTIONS.map(([section, list]) => {
    const of = list.map((one) => {
      const current = one === file ? ' aria-current="page"' : '';
      return `<a href="${nameOf(one)}"${current}>${escapeHtml(titleOf.get(one) ?? one)}</a>`;
    });
    const api = section === 'Reference' ? '<a href="api">API</a>' : '';
    return `<h2>${section}</h2>${of.join('')}${api}`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Posthorn</title>
<link rel="stylesheet" href="site.css">
<script type="module" src="search.js"></script>
</head>
<body>
<header><a href="index.html">Posthorn</a>
<div class="search"><input type="search" placeholder="Search  /" aria-label="Search the documentation" role="combobox" aria-expanded="false" aria-controls="found" autocomplete="off"><ul id="found" hidden></ul></div><a class="contents" href="${nameOf(file)}#contents">Contents</a></header>
<nav id="contents" aria-label="Documentation"><div>${links.join('')}</div></nav>
<main>
${html}</main>
</body>
</html>
`;
}

const count = readdirSync(out).filter((file) => file.endsWith('.html')).length;
if (count !== files.length) throw new Error(`${files.length} pages, and ${count} files`);
