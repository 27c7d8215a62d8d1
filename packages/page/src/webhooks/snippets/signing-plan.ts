import type { SignatureRules } from '../../types.ts';

/** How the key comes out of the secret: its text as it stands, or bytes that it encodes after a prefix. */
export interface KeyPlan {
  prefix: string;
  encoding: 'text' | 'hex' | 'base64';
}

/** What a verifier has to do, whatever its language. */
export type SigningPlan =
  /** Standard Webhooks, HMAC-SHA256 over `id.timestamp.body`. */
  | { kind: 'v1'; header: string; id: string; timestamp: string }
  /** Standard Webhooks, ed25519 over the same. */
  | { kind: 'v1a'; header: string; id: string; timestamp: string }
  /** One header: a prefix, and the HMAC of the body. */
  | { kind: 'hmac'; header: string; hash: string; encoding: 'hex' | 'base64'; prefix: string; key: KeyPlan }
  /** One header `t=…,v1=…`: the HMAC of `timestamp.body`. */
  | { kind: 'timestamped'; version: string; header: string; hash: string; encoding: 'hex' | 'base64'; key: KeyPlan };

/** Undefined where nothing is signed. */
export function signingPlanOf(rules: SignatureRules, kind: string): SigningPlan | undefined {
  if (rules.scheme === 'none') return undefined;
  const header = (rules.header ?? 'webhook-signature').toLowerCase();
  if (rules.scheme === 'standard-webhooks') {
    const prefix = header.replace(/signature$/, '');
    return { kind: kind === 'v1a' ? 'v1a' : 'v1', header, id: `${prefix}id`, timestamp: `${prefix}timestamp` };
  }
  const { hash, encoding, secret } = rules;
  const key: KeyPlan = { prefix: secret.prefix ?? '', encoding: secret.key === 'bytes' ? secret.encoding : 'text' };
  return rules.scheme === 'hmac'
    ? { kind: 'hmac', header, hash, encoding, prefix: rules.prefix ?? '', key }
    : { kind: 'timestamped', version: rules.version ?? 'v1', header, hash, encoding, key };
}
