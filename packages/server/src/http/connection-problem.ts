import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import { type ErrorCode, Problem } from '../domain/errors.ts';
import { presentProblem } from './problem.ts';

const BY_CODE: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers what is no request, or never becomes one. Nothing that comes after it on the connection can be told apart. */
export function answerConnectionError(
  this: FastifyInstance,
  ...[error, socket]: Parameters<NonNullable<FastifyServerOptions['clientErrorHandler']>>
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = new Problem(BY_CODE[error.code] ?? 'malformed_request');
  const body = JSON.stringify(presentProblem(problem, 'none'));
  this.log.debug({ err: error }, 'a connection without a request');
  if (socket.writable) {
    socket.write(
      [
        `HTTP/1.1 ${problem.status} ${problem.title}`,
        'content-type: application/problem+json',
        `content-length: ${Buffer.byteLength(body)}`,
        'connection: close',
        '',
        body,
      ].join('\r\n'),
    );
  }
  socket.destroy(error);
}

/** Whether a request names one host, as HTTP/1.1 demands (RFC 9112, 3.2): two could lead two programs to two places. */
export function hasOneHost({ httpVersion, rawHeaders }: { httpVersion: string; rawHeaders: string[] }): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count === 1 || (count === 0 && httpVersion === '1.0');
}
