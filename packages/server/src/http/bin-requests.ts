import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../domain/errors.ts';
import { BIN_PATH } from '../manage/inspector.ts';
import type { App, HttpParts } from './app.ts';

const BODY_BYTES_MAX = 1024 * 1024;
/** A browser sends the console's cookie to every address of this server; who reads the bin is somebody else. */
const OUR_SESSIONS = /pst_[A-Za-z0-9_-]+/g;

/** Where request bins take what is sent to them: any method, any body. The token in the path is the only key. */
export function takeRequests(app: App, { inspector, isUp, clock }: HttpParts): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX },
    async (_: unknown, body: Buffer) => body,
  );

  const take = async (request: FastifyRequest, reply: FastifyReply) => {
    if (!isUp()) throw new Problem('database_unavailable');
    const { token } = request.params as { token: string };
    const bin = await inspector.take(token, {
      method: request.method,
      path: request.url,
      headers: pairsOf(request.raw.rawHeaders),
      body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    });
    if (!bin) throw new Problem('bin_not_found');
    if (bin.delayMs > 0) await new Promise<void>((resolve) => void clock.after(bin.delayMs, resolve));
    return (
      reply
        .code(bin.status)
        // What it answers is for machines: no browser may take it for a page of this server.
        .headers({
          'content-type': 'text/plain; charset=utf-8',
          ...bin.headers,
          'x-content-type-options': 'nosniff',
          'content-security-policy': "default-src 'none'; sandbox",
        })
        .send(bin.body)
    );
  };
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
    app.route({ method, url: `${BIN_PATH}:token`, schema: { hide: true }, handler: take });
  }
}

function pairsOf(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    pairs.push([rawHeaders[i] ?? '', (rawHeaders[i + 1] ?? '').replace(OUR_SESSIONS, 'pst_***')]);
  }
  return pairs;
}
