import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EMBED_FILE, PAGE_FOLDER } from '../folders.ts';
import type { App, HttpParts } from './app.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const NONCE = '__NONCE__';

interface PageFile {
  type: string;
  plain: Buffer;
  /** Made when first asked for: a server that nobody looks at spends nothing on it. */
  encoded: Partial<Record<'br' | 'gzip', Buffer>>;
}

/** Serves the page: its files from memory, and its document for every address of the page and the console. */
export function pageFiles(app: App, { embedOrigins }: HttpParts): void {
  const files = new Map<string, PageFile>();
  const assets = join(PAGE_FOLDER, 'assets');
  for (const name of existsSync(assets) ? readdirSync(assets) : []) {
    const type = TYPES[extname(name)];
    if (type) files.set(name, { type, plain: readFileSync(join(assets, name)), encoded: {} });
  }
  const index = existsSync(join(PAGE_FOLDER, 'index.html'))
    ? readFileSync(join(PAGE_FOLDER, 'index.html'), 'utf8')
    : '<!doctype html><title>Posthorn</title><p>The page has not been built: run <code>npm start</code>.</p>';

  app.get('/assets/:name', { schema: { hide: true } }, async (request, reply) => {
    const file = files.get((request.params as { name: string }).name);
    if (!file) return reply.callNotFound();
    // Names hold a hash of the content.
    reply.header('cache-control', 'public, max-age=31536000, immutable');
    return sendFile(request, reply, file);
  });

  const embed = existsSync(EMBED_FILE)
    ? { type: TYPES['.js'] ?? '', plain: readFileSync(EMBED_FILE), encoded: {} }
    : undefined;
  app.get('/embed.js', { schema: { hide: true } }, async (request, reply) => {
    if (!embed) return reply.callNotFound();
    // Other products' pages load it, and it knows nothing.
    reply.headers({
      'cache-control': 'public, max-age=3600',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    });
    return sendFile(request, reply, embed);
  });

  const document = (frameAncestors: string) => async (_: FastifyRequest, reply: FastifyReply) => {
    const nonce = randomBytes(16).toString('base64');
    return reply
      .headers({ 'content-security-policy': policy(nonce, frameAncestors), 'x-robots-tag': 'noindex' })
      .type('text/html; charset=utf-8')
      .serializer((text: string) => text)
      .send(index.replaceAll(NONCE, nonce));
  };
  const embedded = document(embedOrigins.length > 0 ? embedOrigins.join(' ') : "'none'");
  for (const path of ['/page', '/page/*']) app.get(path, { schema: { hide: true } }, embedded);
  for (const path of ['/console', '/console/*']) app.get(path, { schema: { hide: true } }, document("'none'"));
  app.get('/', { schema: { hide: true } }, async (_, reply) => reply.redirect('/console/', 303));
}

function policy(nonce: string, frameAncestors: string): string {
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "font-src 'self'",
    // A logo of the embedding product's.
    "img-src 'self' data: https:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    `frame-ancestors ${frameAncestors}`,
  ].join('; ');
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: PageFile): FastifyReply {
  const accepted = String(request.headers['accept-encoding'] ?? '');
  const encoding = accepted.includes('br') ? 'br' : accepted.includes('gzip') ? 'gzip' : undefined;
  reply.type(file.type).header('vary', 'accept-encoding');
  if (encoding === undefined) return reply.send(file.plain);
  file.encoded[encoding] ??=
    encoding === 'gzip'
      ? gzipSync(file.plain)
      : brotliCompressSync(file.plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
  return reply.header('content-encoding', encoding).send(file.encoded[encoding]);
}
