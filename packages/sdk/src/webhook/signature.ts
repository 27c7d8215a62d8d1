import type { components } from '../openapi.ts';
import { type Bytes, concat, decode, decodeSecret, utf8 } from './bytes.ts';
import { WebhookError } from './error.ts';
import { type HeadersInput, headerOf } from './headers.ts';

/** How a contract signs: `signature` of its `contract.json`. */
export type SignatureRules = components['schemas']['SignatureRules'];
type HmacRules = Extract<SignatureRules, { scheme: 'hmac' | 'timestamped-hmac' }>;

export interface Received {
  readonly body: Bytes;
  readonly headers: HeadersInput;
}

/** What a request says of itself; `atMs` where its scheme signs a time. */
interface Signed {
  readonly content: Bytes;
  readonly signatures: readonly { readonly kind: Kind; readonly bytes: Bytes }[];
  readonly atMs: number | undefined;
}

type Kind = 'hmac' | 'ed25519';

interface Key {
  readonly kind: Kind;
  readonly key: Promise<CryptoKey>;
}

/** Nobody signs with so many secrets at a time: a longer list is there to keep the processor busy. */
const SIGNATURES_MAX = 20;
const HASHES = { sha1: 'SHA-1', sha256: 'SHA-256', sha512: 'SHA-512' } as const;
const KEY_PREFIXES = { hmac: 'whsec_', ed25519: 'whpk_' } as const;
const ED25519_BYTES = 32;

/** Checks signatures of one contract with the secrets of one endpoint. */
export class SignatureCheck {
  private readonly keys: readonly Key[];

  /** @throws TypeError for a secret that is none of this contract */
  constructor(
    private readonly rules: SignatureRules,
    secrets: readonly string[],
    private readonly options: { readonly toleranceMs: number; readonly now: () => number },
  ) {
    if (rules.scheme === 'none') throw new TypeError('This contract does not sign: nothing can be verified.');
    if (secrets.length === 0) throw new TypeError("Give the endpoint's secret.");
    this.keys = secrets.map((secret) =>
      rules.scheme === 'standard-webhooks' ? standardKey(secret) : hmacKey(rules, secret),
    );
  }

  /** @throws WebhookError */
  async check(received: Received): Promise<void> {
    const { content, signatures, atMs } = this.read(received);
    if (atMs !== undefined) this.checkTime(atMs);
    for (const { kind, bytes } of signatures.slice(0, SIGNATURES_MAX)) {
      for (const one of this.keys) {
        if (one.kind !== kind) continue;
        // The platform compares, in constant time.
        if (await crypto.subtle.verify(kind === 'hmac' ? 'HMAC' : 'Ed25519', await one.key, bytes, content)) return;
      }
    }
    throw new WebhookError(
      'signature_mismatch',
      "The signature does not fit. The secret is another endpoint's, or the body is not byte for byte what arrived.",
    );
  }

  private read(received: Received): Signed {
    const { rules } = this;
    switch (rules.scheme) {
      case 'standard-webhooks':
        return readStandard(received, rules.header ?? 'webhook-signature');
      case 'hmac':
        return readHmac(received, rules);
      case 'timestamped-hmac':
        return readTimestamped(received, rules);
      case 'none':
        throw new TypeError('unreachable');
    }
  }

  private checkTime(atMs: number): void {
    const { toleranceMs, now } = this.options;
    const ageMs = now() - atMs;
    const off = `${Math.round(Math.abs(ageMs) / 1000)} s`;
    if (ageMs > toleranceMs) {
      throw new WebhookError(
        'timestamp_too_old',
        `The request was signed ${off} ago: it was replayed, or a clock is wrong.`,
      );
    }
    if (ageMs < -toleranceMs) {
      throw new WebhookError('timestamp_too_new', `The request was signed ${off} in the future: a clock is wrong.`);
    }
  }
}

/** `id.timestamp.body`; the header is a list as `v1,<base64> v1a,<base64>`. */
function readStandard({ body, headers }: Received, header: string): Signed {
  // `svix-id` goes with `svix-signature`.
  const prefix = header.slice(0, -'signature'.length);
  const id = required(headers, `${prefix}id`);
  const timestamp = required(headers, `${prefix}timestamp`);
  const given = required(headers, header);
  const atMs = secondsOf(timestamp, `${prefix}timestamp`);
  const signatures = given.split(' ').flatMap((entry) => {
    const comma = entry.indexOf(',');
    const version = entry.slice(0, comma);
    const bytes = decode(entry.slice(comma + 1), 'base64');
    if (!bytes || (version !== 'v1' && version !== 'v1a')) return [];
    return [{ kind: version === 'v1' ? ('hmac' as const) : ('ed25519' as const), bytes }];
  });
  if (signatures.length === 0) throw malformed(header, 'a list as `v1,<base64>`');
  return { content: concat(utf8(`${id}.${timestamp}.`), body), signatures, atMs };
}

/** HMAC of the body alone. */
function readHmac({ body, headers }: Received, rules: HmacRules): Signed {
  const { header, encoding } = rules;
  const prefix = ('prefix' in rules ? rules.prefix : undefined) ?? '';
  const given = required(headers, header).trim();
  const bytes = given.startsWith(prefix) ? decode(given.slice(prefix.length), encoding) : undefined;
  if (!bytes) throw malformed(header, `${prefix === '' ? '' : `\`${prefix}\` and `}${encoding}`);
  return { content: body, signatures: [{ kind: 'hmac', bytes }], atMs: undefined };
}

/** `t=<seconds>,v1=<HMAC of "<seconds>.<body>">`, with a `v1` for each secret. */
function readTimestamped({ body, headers }: Received, rules: HmacRules): Signed {
  const { header, encoding } = rules;
  const version = ('version' in rules ? rules.version : undefined) ?? 'v1';
  const entries = required(headers, header)
    .split(',')
    .map((entry) => entry.trim());
  const timestamp = entries.find((entry) => entry.startsWith('t='))?.slice(2) ?? '';
  const signatures = entries.flatMap((entry) => {
    const bytes = entry.startsWith(`${version}=`) ? decode(entry.slice(version.length + 1), encoding) : undefined;
    return bytes ? [{ kind: 'hmac' as const, bytes }] : [];
  });
  if (signatures.length === 0) throw malformed(header, `\`t=<seconds>,${version}=<${encoding}>\``);
  return { content: concat(utf8(`${timestamp}.`), body), signatures, atMs: secondsOf(timestamp, header) };
}

function required(headers: HeadersInput, name: string): string {
  const value = headerOf(headers, name);
  if (value === undefined || value === '')
    throw new WebhookError('header_missing', `The request has no header ${name}.`);
  return value;
}

function secondsOf(text: string, header: string): number {
  if (!/^\d{1,12}$/.test(text)) throw malformed(header, 'a time in seconds');
  return Number(text) * 1000;
}

function malformed(header: string, expected: string): WebhookError {
  return new WebhookError('header_malformed', `The header ${header} is not ${expected}.`);
}

function standardKey(secret: string): Key {
  if (secret.startsWith(KEY_PREFIXES.ed25519)) {
    const bytes = decodeSecret(secret.slice(KEY_PREFIXES.ed25519.length), 'base64');
    if (bytes?.length !== ED25519_BYTES) throw new TypeError('Behind `whpk_` there are 32 bytes in base64.');
    return { kind: 'ed25519', key: lazily(crypto.subtle.importKey('raw', bytes, 'Ed25519', false, ['verify'])) };
  }
  const bytes = secret.startsWith(KEY_PREFIXES.hmac)
    ? decodeSecret(secret.slice(KEY_PREFIXES.hmac.length), 'base64')
    : undefined;
  if (!bytes || bytes.length === 0) {
    throw new TypeError('A secret is `whsec_` and base64, or, of an ed25519 endpoint, its public key `whpk_…`.');
  }
  return { kind: 'hmac', key: hmacOf(bytes, 'sha256') };
}

function hmacKey({ hash, secret: rules }: HmacRules, secret: string): Key {
  const { prefix = '', encoding, key } = rules;
  if (!secret.startsWith(prefix)) throw new TypeError(`A secret of this contract begins with \`${prefix}\`.`);
  const bytes = key === 'text' ? utf8(secret) : decodeSecret(secret.slice(prefix.length), encoding);
  if (!bytes || bytes.length === 0) throw new TypeError(`A secret of this contract is written in ${encoding}.`);
  return { kind: 'hmac', key: hmacOf(bytes, hash) };
}

function hmacOf(bytes: Bytes, hash: keyof typeof HASHES): Promise<CryptoKey> {
  return lazily(crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: HASHES[hash] }, false, ['verify']));
}

/** What fails is told when it is used, and is no unhandled rejection until then. */
function lazily<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
