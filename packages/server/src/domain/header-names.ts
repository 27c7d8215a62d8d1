/** Written by the HTTP client or the signature; an endpoint's own headers may not replace them. */
const RESERVED =
  /^(host|connection|content-length|content-type|content-encoding|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|webhook-.*|user-agent|date)$/;

/** Names of which senders prove themselves with the value, whoever chose the name. */
const CREDENTIAL =
  /authori[sz]ation|authenticate|cookie|token|secret|passw|credential|api[-_]?key|access[-_]?key|private[-_]?key/;

/** @param name in lower case */
export function isReservedHeader(name: string): boolean {
  return RESERVED.test(name);
}

/** Whether a header or a field of this name holds a credential. */
export function isCredentialName(name: string): boolean {
  return CREDENTIAL.test(name.toLowerCase());
}

/**
 * Whether everybody who sees a request may see this header's value: only names that an endpoint's own header cannot have.
 * @param contractNames the names that the contract itself writes, in lower case
 */
export function isPublicHeader(name: string, contractNames: ReadonlySet<string>): boolean {
  const lower = name.toLowerCase();
  return (RESERVED.test(lower) || contractNames.has(lower)) && !CREDENTIAL.test(lower);
}
