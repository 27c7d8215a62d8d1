import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { Problem } from '../domain/errors.ts';
import {
  generateSecret,
  parseSecret,
  publicKeyOf,
  type SignatureKind,
  type SigningKey,
  signStandard,
} from '../domain/signature.ts';

/** How requests are signed, and what secrets look like. */
export type SignatureRules =
  | { readonly scheme: 'standard-webhooks'; readonly header?: string }
  | ({ readonly scheme: 'hmac' } & HmacRules)
  | ({ readonly scheme: 'timestamped-hmac'; readonly version?: 'v0' | 'v1' } & HmacRules)
  | { readonly scheme: 'none' };

export interface HmacRules {
  readonly header: string;
  readonly hash: 'sha1' | 'sha256' | 'sha512';
  readonly encoding: 'hex' | 'base64';
  /** Before the signature, as `sha256=`. */
  readonly prefix?: string;
  readonly secret: SecretRules;
}

export interface SecretRules {
  readonly prefix?: string;
  readonly bytes: number;
  readonly encoding: 'hex' | 'base64';
  /** What the HMAC is keyed with: the secret's text, or the bytes that its part behind the prefix encodes. */
  readonly key: 'text' | 'bytes';
}

/** What a request is signed over. */
export interface SignedRequest {
  readonly keys: readonly SigningKey[];
  readonly eventId: string;
  readonly body: Buffer;
  readonly nowMs: number;
}

export interface SignatureScheme {
  /** Kinds that an endpoint may ask for, the default first. */
  readonly kinds: readonly SignatureKind[];
  /** Whether several secrets can sign one request: else a rotation has no overlap. */
  readonly canOverlap: boolean;
  generateSecret(kind: SignatureKind): string;
  /** @throws Problem `invalid_secret` */
  parseSecret(secret: string): SigningKey;
  publicKeyOf(key: SigningKey): string | undefined;
  /** The signature's header, or undefined where nothing is signed. */
  sign(request: SignedRequest): [name: string, value: string] | undefined;
}

export function compileSignature(rules: SignatureRules): SignatureScheme {
  switch (rules.scheme) {
    case 'standard-webhooks':
      return standard(rules.header ?? 'webhook-signature');
    case 'hmac':
      return {
        ...hmacSecrets(rules),
        canOverlap: false,
        // One header holds one signature, and receivers compare the whole of it: the current secret signs.
        sign: ({ keys: [current], body }) =>
          current && [rules.header, (rules.prefix ?? '') + hmac(rules, current, [body])],
      };
    case 'timestamped-hmac':
      return {
        ...hmacSecrets(rules),
        canOverlap: true,
        sign: ({ keys, body, nowMs }) => {
          const timestamp = Math.floor(nowMs / 1000);
          const signatures = keys.map(
            (key) => `${rules.version ?? 'v1'}=${hmac(rules, key, [Buffer.from(`${timestamp}.`), body])}`,
          );
          return [rules.header, [`t=${timestamp}`, ...signatures].join(',')];
        },
      };
    case 'none':
      return {
        ...hmacSecrets({ secret: { bytes: 32, encoding: 'hex', key: 'text' } }),
        canOverlap: false,
        sign: () => undefined,
      };
  }
}

const standard = (header: string): SignatureScheme => ({
  kinds: ['v1', 'v1a'],
  canOverlap: true,
  generateSecret,
  parseSecret,
  publicKeyOf,
  sign: ({ keys, eventId, nowMs, body }) => [header, signStandard(keys, eventId, Math.floor(nowMs / 1000), body)],
});

function hmac({ hash, encoding }: HmacRules, { key }: SigningKey, parts: readonly Buffer[]): string {
  const digest = createHmac(hash, key);
  for (const part of parts) digest.update(part);
  return digest.digest(encoding);
}

const SECRET_LENGTH = { min: 8, max: 256 };

function hmacSecrets({ secret: { prefix = '', bytes, encoding, key } }: Pick<HmacRules, 'secret'>) {
  return {
    kinds: ['hmac'] as const,
    generateSecret: () => prefix + randomBytes(bytes).toString(encoding),
    parseSecret(secret: string): SigningKey {
      // Printable: it is shown, copied and pasted.
      if (!/^[\x21-\x7e]+$/.test(secret) || secret.length < SECRET_LENGTH.min || secret.length > SECRET_LENGTH.max) {
        throw new Problem('invalid_secret', 'A secret of this contract is 8 to 256 printable ASCII characters.');
      }
      const raw = key === 'text' ? Buffer.from(secret) : Buffer.from(secret.slice(prefix.length), encoding);
      const isExact =
        key === 'text' || raw.toString(encoding).replace(/=+$/, '') === secret.slice(prefix.length).replace(/=+$/, '');
      if (!secret.startsWith(prefix) || !isExact || raw.length < SECRET_LENGTH.min) {
        throw new Problem(
          'invalid_secret',
          `A secret of this contract is \`${prefix}\` and ${bytes} bytes in ${encoding}.`,
        );
      }
      return { kind: 'hmac', key: createSecretKey(raw) };
    },
    publicKeyOf: () => undefined,
  };
}
