import { readFileSync } from 'node:fs';
import type { TlsConfig } from './source-config.ts';

/** For Node's TLS: undefined where none is wanted. @throws Error when a file cannot be read */
export function tlsOptions(tls: TlsConfig | undefined): { ca?: Buffer; cert?: Buffer; key?: Buffer } | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return {};
  const { ca_file: ca, cert_file: cert, key_file: key } = tls;
  return {
    ...(ca ? { ca: readFileSync(ca) } : {}),
    ...(cert ? { cert: readFileSync(cert) } : {}),
    ...(key ? { key: readFileSync(key) } : {}),
  };
}
