import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { LRUCache } from 'lru-cache';
import type { EndpointTls, KnownTls } from '../domain/endpoint-tls.ts';

/** Contexts of endpoints with certificates of their own: each holds what it trusts. */
const CONTEXTS_MAX = 200;

/** OpenSSL refuses what is no certificate for TLS today, as one with a key that is too short. */
export function isUsable({ certificate: cert, private_key: key }: EndpointTls): boolean {
  if (cert === undefined || key === undefined) return true;
  try {
    createSecureContext({ cert, key });
    return true;
  } catch {
    return false;
  }
}

/** Whom connections trust, and what they show of this side. */
export class Trust {
  private readonly everybodys: SecureContext | undefined;
  private readonly own = new LRUCache<string, SecureContext>({ max: CONTEXTS_MAX });

  /** @param extra authorities besides Node's own (PEM) */
  constructor(private readonly extra?: string | undefined) {
    this.everybodys = extra === undefined ? undefined : createSecureContext({ ca: [...rootCertificates, extra] });
  }

  /** Undefined: as Node does it. @throws Error for certificates that cannot be used */
  contextFor(tls: KnownTls | undefined): SecureContext | undefined {
    if (!tls) return this.everybodys;
    const known = this.own.get(tls.id);
    if (known) return known;
    const { certificate: cert, private_key: key, certificate_authority: authority } = tls;
    const ca = authority ?? (this.extra === undefined ? undefined : [...rootCertificates, this.extra]);
    const context = createSecureContext({
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca }),
    });
    this.own.set(tls.id, context);
    return context;
  }
}
