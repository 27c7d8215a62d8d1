import { Problem } from '../domain/errors.ts';
import { classify, contains, type Network, parseAddress } from './address.ts';

const URL_LENGTH_MAX = 2048;
/** Characters that URL parsers drop or turn round, which is how two parsers come to see two different hosts. */
const ODD_CHARACTERS = /[\u0000-\u0020\u007f-\u009f\\]/;

/** Decides where deliveries may go. Everything that opens a socket to the outside asks it. */
export class EgressGuard {
  private readonly allowed: readonly Network[];

  constructor(allowed: readonly Network[]) {
    this.allowed = allowed;
  }

  /** Why this address may not be reached, undefined when it may. Fails closed: what cannot be read is refused. */
  refusal(address: string): string | undefined {
    const bytes = parseAddress(address);
    if (!bytes) return `${address} is not an address that deliveries may reach`;
    if (this.allowed.some((network) => contains(network, bytes))) return undefined;
    const kind = classify(bytes);
    return kind === 'public' ? undefined : `${address} is not a public address (${kind.replace('_', ' ')})`;
  }

  /**
   * Reads a URL that deliveries are meant to go to. Numeric hosts in any notation (decimal, octal, hexadecimal, bracketed)
   * are checked here; names are checked when they have been resolved, at every connection.
   * @throws Problem `invalid_url` or `blocked_address`
   */
  checkUrl(text: string, httpsOnly: boolean): URL {
    if (text.length > URL_LENGTH_MAX)
      throw new Problem('invalid_url', `A URL has at most ${URL_LENGTH_MAX} characters.`);
    if (ODD_CHARACTERS.test(text)) {
      throw new Problem('invalid_url', 'A URL has no spaces, control characters or backslashes: percent-encode them.');
    }
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url) throw new Problem('invalid_url', `"${text}" is not an absolute URL.`);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') {
      throw new Problem('invalid_url', `Deliveries go to https or http, not to ${url.protocol}//.`);
    }
    if (httpsOnly && url.protocol !== 'https:')
      throw new Problem('invalid_url', 'This contract delivers to https only.');
    if (url.username !== '' || url.password !== '') {
      throw new Problem('invalid_url', 'A URL with a user name or password is refused: use a header instead.');
    }
    if (url.port === '0') throw new Problem('invalid_url', 'Port 0 cannot be reached.');
    const refused = this.hostRefusal(hostOf(url));
    if (refused !== undefined) throw new Problem('blocked_address', `${refused}.`);
    return url;
  }

  private hostRefusal(host: string): string | undefined {
    if (isLocalName(host)) {
      const isAllowed = LOOPBACK.some((address) => this.refusal(address) === undefined);
      return isAllowed ? undefined : `${host} is this machine itself`;
    }
    const isNumeric = host.includes(':') || /^[0-9.]+$/.test(host);
    return isNumeric ? this.refusal(host) : undefined;
  }
}

/** A URL's host without the brackets of an IPv6 address and without a closing dot. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

/** What a name for the machine itself leads to. */
export const LOOPBACK: readonly string[] = ['127.0.0.1', '::1'];

/** RFC 6761: `localhost` and everything below it is the machine itself, whatever a resolver says. */
export function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}
