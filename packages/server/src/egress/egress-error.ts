import type { AttemptError } from '../domain/outcome.ts';

/** Why there was no answer: a stable code, and a sentence for the history. */
export class EgressError extends Error {
  readonly code: AttemptError;

  constructor(code: AttemptError, detail: string) {
    super(detail);
    this.name = 'EgressError';
    this.code = code;
  }
}

/** What the operating system reports: our code, and a sentence about the place. */
const BY_CODE: Readonly<Record<string, [AttemptError, (place: string) => string]>> = {
  ECONNREFUSED: ['refused', (place) => `${place} refuses the connection: nothing listens there`],
  EHOSTUNREACH: ['unreachable', (place) => `There is no route to ${place}`],
  ENETUNREACH: ['unreachable', (place) => `There is no route to ${place}`],
  EADDRNOTAVAIL: ['unreachable', (place) => `There is no route to ${place}`],
  EACCES: ['unreachable', (place) => `This machine does not permit connections to ${place}`],
  EPERM: ['unreachable', (place) => `This machine does not permit connections to ${place}`],
  ETIMEDOUT: ['timeout', (place) => `${place} does not answer`],
  ECONNRESET: ['reset', (place) => `${place} broke the connection`],
  EPIPE: ['reset', (place) => `${place} broke the connection`],
};

/** Maps what the operating system reports to one of our codes. */
export function toEgressError(error: unknown, otherwise: AttemptError = 'reset'): EgressError {
  if (error instanceof EgressError) return error;
  const { code = '', address, port, library } = errnoOf(error);
  // In TLS 1.3 a server looks at the client's certificate when the client takes the connection to be open.
  if (library !== undefined) return new EgressError('tls_failed', handshakeSentence(code));
  const place = address === undefined ? 'The server' : placeOf(address, port);
  const [known, sentence] = BY_CODE[code] ?? [otherwise, () => `The connection failed (${code || 'no reason given'})`];
  return new EgressError(known, sentence(place));
}

/** The other side has ended the connection without saying why. */
export function isBroken(error: unknown): boolean {
  const { code } = errnoOf(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

/** What a TLS server that is none answers with: its first bytes make no sense as TLS. */
const NOT_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST']);

/** Why a certificate is not trusted (X509_verify_cert_error_string of OpenSSL), in our words. */
const CERTIFICATES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_REVOKED: 'has been revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'comes from an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'comes without the certificates between it and a known authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'comes without the certificates between it and a known authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'comes without the certificates between it and a known authority',
};

/** Why a handshake ends, by how OpenSSL's codes end: what they begin with differs from version to version. */
const HANDSHAKES: readonly (readonly [ending: string, why: string])[] = [
  ['_PROTOCOL_VERSION', 'the server offers no version of TLS from 1.2 on'],
  ['_UNSUPPORTED_PROTOCOL', 'the server offers no version of TLS from 1.2 on'],
  ['_HANDSHAKE_FAILURE', 'the server accepts none of the ciphers that are safe today'],
  ['_UNRECOGNIZED_NAME', 'the server does not know this host name'],
  ['_ALERT_INTERNAL_ERROR', 'the server has an error of its own'],
  ['_CERTIFICATE_REQUIRED', 'the server wants to see a client certificate'],
  ['_BAD_CERTIFICATE', 'the server does not take this client certificate'],
  ['_UNKNOWN_CA', 'the server does not trust the authority of this client certificate'],
];

/** Maps what fails between a TCP connection and a TLS one. */
export function toTlsError(error: unknown, host: string): EgressError {
  if (error instanceof EgressError) return error;
  const { code = '' } = errnoOf(error);
  if (NOT_TLS.has(code)) return new EgressError('not_tls', 'The server answers plain HTTP where TLS is expected');
  return new EgressError('tls_failed', tlsSentence(error, host));
}

function tlsSentence(error: unknown, host: string): string {
  const { code = '', library } = errnoOf(error);
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'The server closed the connection during the TLS handshake';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `The server's certificate is not for ${host}`;
  const certificate = CERTIFICATES[code];
  if (certificate !== undefined) return `The server's certificate ${certificate}`;
  // OpenSSL's own errors carry a library; what is left are reasons against a certificate. What they say themselves is
  // for whoever started this process, and changes with its version.
  if (library !== undefined) return handshakeSentence(code);
  return `The server's certificate is not trusted: ${code}`;
}

function handshakeSentence(code: string): string {
  const [, why = code] = HANDSHAKES.find(([ending]) => code.endsWith(ending)) ?? [];
  return `The TLS handshake failed: ${why}`;
}

interface Errno {
  code?: string;
  message: string;
  address?: string;
  port?: number;
  library?: string;
}

function errnoOf(error: unknown): Errno {
  return error instanceof Error ? error : { message: String(error) };
}

function placeOf(address: string, port: number | undefined): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

/** `300 ms`, `10 s`, `1.5 s` */
export function inWords(durationMs: number): string {
  return durationMs < 1000 ? `${durationMs} ms` : `${durationMs / 1000} s`;
}
