import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { Problem } from './errors.ts';

/**
 * Standard Webhooks (https://www.standardwebhooks.com, spec 1.0): the signed content is `id.timestamp.body`.
 * - `v1`: HMAC-SHA256 with the bytes behind `whsec_`
 * - `v1a`: ed25519 with the 32-byte seed behind `whsk_`; receivers hold the public key `whpk_`
 * - `hmac`: a contract's own HMAC scheme
 */
export type SignatureKind = 'v1' | 'v1a' | 'hmac';

const SYMMETRIC_PREFIX = 'whsec_';
const PRIVATE_PREFIX = 'whsk_';
const PUBLIC_PREFIX = 'whpk_';
/** The spec asks for 24 to 64 bytes. */
const SYMMETRIC_BYTES = { made: 24, min: 24, max: 64 };
const SEED_BYTES = 32;
/** DER heads that turn raw ed25519 bytes into PKCS #8 and back out of SPKI (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_HEAD_BYTES = 12;

/** A secret that is ready to sign. Building one parses keys, so it is done once, not per request. */
export interface SigningKey {
  readonly kind: SignatureKind;
  readonly key: KeyObject;
}

export function generateSecret(kind: SignatureKind): string {
  return kind === 'v1'
    ? SYMMETRIC_PREFIX + randomBytes(SYMMETRIC_BYTES.made).toString('base64')
    : PRIVATE_PREFIX + randomBytes(SEED_BYTES).toString('base64');
}

/** @throws Problem `invalid_secret` */
export function parseSecret(secret: string): SigningKey {
  if (secret.startsWith(SYMMETRIC_PREFIX)) {
    const bytes = decodeBase64(secret.slice(SYMMETRIC_PREFIX.length));
    if (!bytes || bytes.length < SYMMETRIC_BYTES.min || bytes.length > SYMMETRIC_BYTES.max) {
      throw new Problem('invalid_secret', 'Behind `whsec_` there must be 24 to 64 bytes in base64.');
    }
    return { kind: 'v1', key: createSecretKey(bytes) };
  }
  if (secret.startsWith(PRIVATE_PREFIX)) {
    const seed = decodeBase64(secret.slice(PRIVATE_PREFIX.length));
    if (seed?.length !== SEED_BYTES) {
      throw new Problem('invalid_secret', 'Behind `whsk_` there must be the 32 bytes of an ed25519 seed in base64.');
    }
    const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
    return { kind: 'v1a', key };
  }
  throw new Problem('invalid_secret');
}

/** `whpk_…` of an ed25519 key; undefined for HMAC, which has no public half. */
export function publicKeyOf(signing: SigningKey): string | undefined {
  if (signing.kind === 'v1') return undefined;
  const der = createPublicKey(signing.key).export({ format: 'der', type: 'spki' });
  return PUBLIC_PREFIX + der.subarray(SPKI_HEAD_BYTES).toString('base64');
}

/** The value of `webhook-signature`: one entry a key, newest first, separated by spaces. */
export function signStandard(keys: readonly SigningKey[], id: string, timestamp: number, body: Buffer): string {
  const head = `${id}.${timestamp}.`;
  let header = '';
  for (const { kind, key } of keys) {
    const signature =
      kind === 'v1'
        ? createHmac('sha256', key).update(head).update(body).digest('base64')
        : sign(null, Buffer.concat([Buffer.from(head), body]), key).toString('base64');
    header += header === '' ? `${kind},${signature}` : ` ${kind},${signature}`;
  }
  return header;
}

function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') ? bytes : undefined;
}
