import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../domain/errors.ts';

/** Compares digests, so that neither the time nor the length says anything about the key. */
export function isKey(key: string, digestHex: string): boolean {
  return timingSafeEqual(createHash('sha256').update(key).digest(), Buffer.from(digestHex, 'hex'));
}

/** A hook that lets only the operator pass. @throws Problem `unauthorized` */
export function requireOperator(digestHex: string) {
  // The last key that was right: a publisher sends the same one with every event.
  let lastRight: string | undefined;
  return async (request: FastifyRequest): Promise<void> => {
    const header = request.headers.authorization ?? '';
    const key = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (key === undefined) throw new Problem('unauthorized');
    if (lastRight !== undefined && sameText(key, lastRight)) return;
    if (!isKey(key, digestHex)) throw new Problem('unauthorized', 'This key is not the operator key.');
    lastRight = key;
  };
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
