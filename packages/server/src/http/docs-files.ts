import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyReply } from 'fastify';
import { DOCS_FOLDER } from '../folders.ts';
import type { App } from './app.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'self'; frame-ancestors 'none'";
const NOT_BUILT =
  '<!doctype html><title>Posthorn</title><p>The documentation has not been built: run <code>npm start</code>.</p>';

/** `/docs`: the documentation, from memory. Where the `type` of every problem leads (`/docs/errors#…`) is a page of it. */
export function docsFiles(app: App): void {
  const files = new Map<string, { type: string; content: Buffer }>();
  for (const folder of ['', 'pictures']) {
    const path = join(DOCS_FOLDER, folder);
    for (const name of existsSync(path) ? readdirSync(path) : []) {
      const type = TYPES[extname(name)];
      if (type)
        files.set(join('/docs', folder, name), { type, content: withBase(type, readFileSync(join(path, name))) });
    }
  }
  const send = (reply: FastifyReply, path: string) => {
    const file = files.get(path);
    if (!file) return reply.callNotFound();
    return reply
      .headers({ 'content-security-policy': POLICY, 'cache-control': 'no-cache' })
      .type(file.type)
      .send(file.content);
  };

  for (const path of files.keys()) {
    app.get(path, { schema: { hide: true } }, async (_, reply) => send(reply, path));
    // As people write it: /docs/errors
    const page = path.replace(/\.html$/, '');
    if (page !== path) app.get(page, { schema: { hide: true } }, async (_, reply) => send(reply, path));
  }
  for (const path of ['/docs', '/docs/']) {
    app.get(path, { schema: { hide: true } }, async (_, reply) =>
      files.size === 0
        ? reply.type('text/html; charset=utf-8').send(Buffer.from(NOT_BUILT))
        : send(reply, '/docs/index.html'),
    );
  }
}

/** Addresses in the pages are relative to where the site begins, so that anything can serve it anywhere. */
function withBase(type: string, content: Buffer): Buffer {
  if (!type.startsWith('text/html')) return content;
  return Buffer.from(content.toString('utf8').replace('<head>', '<head>\n<base href="/docs/">'));
}
