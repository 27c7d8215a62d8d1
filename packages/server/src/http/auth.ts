import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../domain/errors.ts';

/** Compares digests, so that neither the time nor the length says anything about the key. */
export function isKey(key: string, digestHex: string): boolean {
  return timingSafeEqual(createHash('sha256').update(key).digest(), Buffer.from(digestHex, 'hex'));
}

/** Answers a check that lets only the operator pass: a Problem `unauthorized`, or undefined. */
export function requireOperator(digestHex: string) {
  // The last header that was right: a publisher sends the same one with every event.
  let lastRight: Buffer | undefined;
  return (request: FastifyRequest): Problem | undefined => {
    const header = request.headers.authorization;
    if (header === undefined) return new Problem('unauthorized');
    const bytes = Buffer.from(header, 'latin1');
    if (lastRight !== undefined && bytes.length === lastRight.length && timingSafeEqual(bytes, lastRight))
      return undefined;
    const key = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (key === undefined) return new Problem('unauthorized');
    if (!isKey(key, digestHex)) return new Problem('unauthorized', 'This key is not the operator key.');
    lastRight = bytes;
    return undefined;
  };
}
