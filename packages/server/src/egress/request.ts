import type { KnownTls } from '../domain/endpoint-tls.ts';
import type { DeliveryPolicy } from '../domain/policy.ts';
import { TOKEN } from './response-head.ts';

export interface OutgoingRequest {
  /** POST, unless something else is said; never HEAD, whose answers have no body. */
  method?: string;
  url: URL;
  /** Sent as they are, in this order. */
  headers: [name: string, value: string][];
  body: Buffer;
  timeouts: DeliveryPolicy['timeouts'];
  /** It leads to one of this server's own request bins: the one way to itself. */
  isOwnBin?: boolean;
  /** Certificates for this receiver. */
  tls?: KnownTls | undefined;
}

/** What may not stand in a header's value (RFC 9110 §5.5); above Latin-1 there is no byte for it. */
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** Says where the request goes or where it ends: written here and nowhere else. */
const OURS = /^(?:host|connection|content-length|transfer-encoding)$/i;

/**
 * The head of a request, in Latin-1.
 * @throws Error when a header would break the request: such a header is refused where it is set, so this is a defect
 */
export function requestHead({ method, url, headers, body }: OutgoingRequest): string {
  let head = `${method ?? 'POST'} ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: keep-alive\r\n`;
  for (const [name, value] of headers) {
    if (!TOKEN.test(name) || OURS.test(name) || NOT_IN_VALUE.test(value)) {
      throw new Error(`The header ${JSON.stringify(name)} cannot be sent.`);
    }
    head += `${name}: ${value}\r\n`;
  }
  return `${head}content-length: ${body.length}\r\n\r\n`;
}
