import type { FastifyRequest } from 'fastify';
import type { KeyVerifier } from '../../keys/verifier.ts';
import type { KnownKey } from '../../storage/store.ts';
import type { App } from '../app.ts';

/** A URL, and a few words. */
const BODY_BYTES_MAX = 16 * 1024;

/**
 * Who calls a vendor's facade: the account of the API key in the vendor's own header, if the key is valid, has one of
 * the scopes and belongs to an account of that vendor's contract.
 */
export async function keyOf(
  request: FastifyRequest,
  header: string,
  contract: string,
  scopes: readonly string[],
  verifier: Pick<KeyVerifier, 'verify'>,
): Promise<KnownKey | undefined> {
  const text = request.headers[header];
  if (typeof text !== 'string') return undefined;
  const verdict = await verifier.verify(text.trim(), { address: request.ip });
  if (!verdict.valid || verdict.key.contract !== contract) return undefined;
  return scopes.some((scope) => verdict.key.scopes.includes(scope)) ? verdict.key : undefined;
}

/** Of the routes that follow. */
export function limitBodies(app: App): void {
  app.addHook('onRoute', (route) => {
    route.bodyLimit = BODY_BYTES_MAX;
  });
}
