import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import { parseRawBody, type RawBody } from '../accept/read-events.ts';
import { checkJson } from '../domain/check-json.ts';
import { Problem } from '../domain/errors.ts';
import type { App } from './app.ts';

type Unpack = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

/** Node has zstd from 22.15 on. */
const { zstdDecompress } = zlib as { zstdDecompress?: typeof zlib.gunzip };
const UNPACK: Readonly<Record<string, Unpack>> = {
  gzip: promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip),
  br: promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress),
  ...(zstdDecompress ? { zstd: promisify<Buffer, zlib.ZlibOptions, Buffer>(zstdDecompress) } : {}),
};
/** What bodies may be compressed with. */
export const ACCEPTED_ENCODINGS = Object.keys(UNPACK).join(', ');

/** Takes JSON bodies in this scope: unpacked, in UTF-8, read by `read`. */
export function takeJson(app: App, read: (body: Buffer, request: FastifyRequest) => unknown): void {
  if (app.hasContentTypeParser('application/json')) app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    const { 'content-type': type, 'content-encoding': encoding } = request.headers;
    if (type !== 'application/json') checkCharset(type);
    const isPacked = encoding !== undefined && body.length > 0;
    return read(isPacked ? await unpack(body, encoding, request.routeOptions.bodyLimit) : body, request);
  });
}

/** What every operation takes whose body is a form of ours; clients that always send the type may have nothing to send. */
export function readForm(body: Buffer, request: FastifyRequest): unknown {
  if (body.length === 0) return null;
  const raw = parseRawBody(body);
  checkJson(raw.text);
  return keepRawBody(request, raw);
}

const rawBodies = new WeakMap<object, RawBody>();

/** Keeps a body's text beside its value: payloads are cut out of it. Answers the value. */
export function keepRawBody(request: FastifyRequest, raw: RawBody): unknown {
  rawBodies.set(request.raw, raw);
  return raw.value;
}

/** @throws Problem `malformed_json` */
export function rawBodyOf(request: Pick<FastifyRequest, 'raw'>): RawBody {
  const raw = rawBodies.get(request.raw);
  if (!raw) throw new Problem('malformed_json', 'The request has no body.');
  return raw;
}

/** JSON is UTF-8 (RFC 8259, 8.1), and ASCII is a part of it. */
function checkCharset(type: string | undefined): void {
  const charset = /;\s*charset\s*=\s*(?:"([^"]*)"|([^;\s]*))/i.exec(type ?? '');
  if (charset === null || /^(utf-?8|us-ascii)$/i.test(charset[1] ?? charset[2] ?? '')) return;
  throw new Problem('unsupported_media_type', `Send JSON in UTF-8, not in ${charset[1] ?? charset[2]}.`);
}

/** Never unpacks more than may be sent unpacked, however small the body is. */
async function unpack(body: Buffer, encoding: string, bytesMax: number): Promise<Buffer> {
  const name = encoding
    .trim()
    .toLowerCase()
    .replace(/^x-gzip$/, 'gzip');
  if (name === 'identity') return body;
  const decode = Object.hasOwn(UNPACK, name) ? UNPACK[name] : undefined;
  if (!decode) throw new Problem('unsupported_encoding');
  try {
    return await decode(body, { maxOutputLength: bytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new Problem('payload_too_large', `The body has more than ${bytesMax} bytes when it is unpacked.`);
    }
    throw new Problem('malformed_json', `The body is not ${name}.`);
  }
}
