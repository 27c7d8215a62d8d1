import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { invalidAt } from './errors.ts';

/** How connections to an endpoint are made, where TLS alone is not enough: all in PEM form. */
export interface EndpointTls {
  /** Of this client, with those between it and its authority behind it; and its key (mutual TLS). */
  readonly certificate?: string;
  readonly private_key?: string;
  /** Who may have signed the receiver's certificate, instead of the authorities that everybody trusts. */
  readonly certificate_authority?: string;
}

/** An endpoint's own connections: none is shared with one that has other certificates. */
export interface KnownTls extends EndpointTls {
  readonly id: string;
}

/** What may be shown of a certificate. */
export interface CertificateFacts {
  subject: string;
  issuer: string;
  /** SHA-256, as `AB:CD:…` */
  fingerprint: string;
  expiresAt: Date;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const CHAIN_MAX = 10;

/**
 * @param pointer to it in the request's body
 * @throws Problem `invalid_request`
 */
export function toTls(wish: EndpointTls, pointer: string, nowMs: number): EndpointTls {
  const { certificate, private_key: key, certificate_authority: authority } = wish;
  if (certificate === undefined && key === undefined && authority === undefined)
    throw invalidAt(pointer, 'has neither a certificate nor an authority: null takes it away');
  if (authority !== undefined) readChain(authority, `${pointer}/certificate_authority`, nowMs);
  if (certificate === undefined && key === undefined) return wish;
  if (certificate === undefined) throw invalidAt(`${pointer}/certificate`, 'is missing');
  if (key === undefined) throw invalidAt(`${pointer}/private_key`, 'is missing');
  const [own] = readChain(certificate, `${pointer}/certificate`, nowMs);
  if (!own?.checkPrivateKey(readKey(key, `${pointer}/private_key`)))
    throw invalidAt(`${pointer}/private_key`, 'does not belong to the certificate');
  return wish;
}

function readChain(pem: string, pointer: string, nowMs: number): X509Certificate[] {
  const chain = certificatesIn(pem);
  if (!chain || chain.length === 0) throw invalidAt(pointer, 'is no certificate in PEM form');
  if (chain.length > CHAIN_MAX) throw invalidAt(pointer, `has more than ${CHAIN_MAX} certificates`);
  const expired = chain.find(({ validTo }) => Date.parse(validTo) <= nowMs);
  if (expired) throw invalidAt(pointer, `has expired on ${expired.validTo}`);
  return chain;
}

function certificatesIn(pem: string): X509Certificate[] | undefined {
  try {
    return (pem.match(CERTIFICATE) ?? []).map((one) => new X509Certificate(one));
  } catch {
    return undefined;
  }
}

function readKey(pem: string, pointer: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw invalidAt(pointer, 'is no private key in PEM form without a passphrase');
  }
}

/** Of the first one: a chain begins with whom it is about. */
export function factsOf(pem: string | undefined): CertificateFacts | null {
  const [first] = (pem !== undefined && certificatesIn(pem)) || [];
  if (!first) return null;
  const { subject, issuer, fingerprint256, validTo } = first;
  return {
    subject: inOneLine(subject),
    issuer: inOneLine(issuer),
    fingerprint: fingerprint256,
    expiresAt: new Date(validTo),
  };
}

const inOneLine = (name: string): string => name.split('\n').join(', ');

export function knownTls(tls: EndpointTls): KnownTls {
  return { ...tls, id: createHash('sha256').update(JSON.stringify(tls)).digest('base64url') };
}
