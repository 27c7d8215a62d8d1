import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';

/** Trust for TLS: Node's own certificate authorities and these (PEM). Undefined: Node's own alone. */
export function trustAlso(pem: string | undefined): SecureContext | undefined {
  return pem === undefined ? undefined : createSecureContext({ ca: [...rootCertificates, pem] });
}
