import { errors } from 'undici';
import type { AttemptError } from '../domain/outcome.ts';

/** Why a connection was not made: a stable code, and a sentence for the history. */
export class EgressError extends Error {
  readonly code: AttemptError;

  constructor(code: AttemptError, detail: string) {
    super(detail);
    this.name = 'EgressError';
    this.code = code;
  }
}

const BY_CODE: Readonly<Record<string, AttemptError>> = {
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EACCES: 'unreachable',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_CLOSED: 'reset',
  UND_ERR_DESTROYED: 'reset',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'invalid_response',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'invalid_response',
};

/** Maps what the operating system, TLS or the HTTP client reports to one of our codes. */
export function toEgressError(error: unknown, otherwise: AttemptError = 'reset'): EgressError {
  if (error instanceof EgressError) return error;
  const { code = '', message = String(error) } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  const known = BY_CODE[code] ?? (error instanceof errors.HTTPParserError ? 'invalid_response' : otherwise);
  return new EgressError(known, code === '' || message.includes(code) ? message : `${message} (${code})`);
}
