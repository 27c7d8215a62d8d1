import type { Clock } from '../domain/clock.ts';
import { walkJson } from '../domain/walk-json.ts';
import type { KnownEndpoint } from '../fanout/directory.ts';

/** How far a timestamp may be off before libraries of Standard Webhooks refuse it. */
const TOLERANCE_S = 300;
/** As receivers' libraries write JSON for people. */
const INDENTS = [2, 4];
/** A small body that is nested deeply is large when it is indented. */
const INDENTED_BYTES_MAX = 2 * 1024 * 1024;

export interface Signed {
  headers: readonly [string, string][];
  body: Buffer;
}

/** Why a signature does or does not fit. Stable codes; the page explains them in words. */
export type Diagnosis =
  | 'valid'
  | 'valid_but_old'
  | 'unsigned_contract'
  | 'signature_missing'
  | 'id_or_timestamp_missing'
  | 'body_reserialized'
  | 'body_trimmed'
  | 'header_truncated'
  | 'wrong_secret_or_body';

export interface Verdict {
  valid: boolean;
  diagnosis: Diagnosis;
  header: string | null;
  given: string | null;
  expected: string | null;
}

/** Checks signatures as a receiver would, and finds out what a receiver that fails has done wrong. */
export class Verification {
  constructor(private readonly parts: { clock: Clock }) {}

  /** The endpoint whose secret signed this request, if one of these did. */
  signerOf(request: Signed, endpoints: readonly KnownEndpoint[]): string | null {
    const headers = namesOf(request.headers);
    const signer = endpoints.find((one) => compare(this.sign(one, headers, request.body), headers).fits);
    return signer?.id ?? null;
  }

  check(endpoint: KnownEndpoint, { headers, body }: Signed): Verdict {
    const { contract } = endpoint;
    const all = namesOf(headers);
    const verdictOf = (candidate: Buffer) => compare(this.sign(endpoint, all, candidate), all);
    const own = verdictOf(body);
    const base = { header: own.header, given: own.given, expected: own.expected };
    if (own.header === null) return { ...base, valid: false, diagnosis: 'unsigned_contract' };
    if (own.given === null) return { ...base, valid: false, diagnosis: 'signature_missing' };
    if (contract.signature.canOverlap && contract.signature.kinds.includes('v1') && !hasIdAndTimestamp(endpoint, all)) {
      return { ...base, valid: false, diagnosis: 'id_or_timestamp_missing' };
    }
    if (own.fits) return { ...base, valid: true, diagnosis: this.isOld(endpoint, all) ? 'valid_but_old' : 'valid' };
    const trimmed = Buffer.from(body.toString('utf8').trim());
    if (trimmed.length !== body.length && verdictOf(trimmed).fits) {
      return { ...base, valid: false, diagnosis: 'body_trimmed' };
    }
    if (variantsOf(body).some((variant) => verdictOf(variant).fits)) {
      return { ...base, valid: false, diagnosis: 'body_reserialized' };
    }
    if (own.expected?.startsWith(own.given) || own.given.length < (own.expected?.length ?? 0) / 2) {
      return { ...base, valid: false, diagnosis: 'header_truncated' };
    }
    return { ...base, valid: false, diagnosis: 'wrong_secret_or_body' };
  }

  private sign(endpoint: KnownEndpoint, headers: ReadonlyMap<string, string>, body: Buffer) {
    const { id, timestamp } = namesFor(endpoint);
    const seconds = Number(headers.get(timestamp) ?? timestampIn(headers) ?? 0);
    return endpoint.contract.signature.sign({
      keys: endpoint.keysAt(this.parts.clock.now()),
      eventId: headers.get(id) ?? '',
      body,
      nowMs: seconds * 1000,
    });
  }

  /** Schemes without a timestamp cannot tell. */
  private isOld(endpoint: KnownEndpoint, headers: ReadonlyMap<string, string>): boolean {
    const seconds = headers.get(namesFor(endpoint).timestamp) ?? timestampIn(headers);
    return seconds !== undefined && Math.abs(this.parts.clock.now() / 1000 - Number(seconds)) > TOLERANCE_S;
  }
}

function namesOf(headers: Signed['headers']): ReadonlyMap<string, string> {
  return new Map(headers.map(([name, value]) => [name.toLowerCase(), value.trim()]));
}

/** Of Standard Webhooks: `webhook-id` goes with `webhook-signature`, `svix-id` with `svix-signature`. */
function namesFor({ contract: { signatureRules: rules } }: KnownEndpoint): { id: string; timestamp: string } {
  const header = rules.scheme === 'standard-webhooks' ? (rules.header ?? 'webhook-signature') : 'webhook-signature';
  const prefix = header.toLowerCase().replace(/signature$/, '');
  return { id: `${prefix}id`, timestamp: `${prefix}timestamp` };
}

function hasIdAndTimestamp(endpoint: KnownEndpoint, headers: ReadonlyMap<string, string>): boolean {
  const { id, timestamp } = namesFor(endpoint);
  return headers.has(id) && headers.has(timestamp);
}

/** `t=` of a `t=…,v1=…` header, whatever the header is called. */
function timestampIn(headers: ReadonlyMap<string, string>): string | undefined {
  for (const value of headers.values()) {
    const found = /^t=(\d+),v[01]=/.exec(value)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Any one signature of the list that was given has to be among those that were to be expected. */
function compare(signed: [string, string] | undefined, headers: ReadonlyMap<string, string>) {
  if (!signed) return { header: null, given: null, expected: null, fits: false };
  const [header, expected] = signed;
  const given = headers.get(header.toLowerCase()) ?? null;
  const parts = (text: string) => text.split(/[ ,](?=v(?:0|1a?)[,=])/).filter((part) => !part.startsWith('t='));
  const wanted = new Set(parts(expected));
  return { header, given, expected, fits: given !== null && parts(given).some((part) => wanted.has(part)) };
}

/** What receivers make of a body when they parse it and write it again. */
function variantsOf(body: Buffer): Buffer[] {
  try {
    const text = body.toString('utf8');
    const value: unknown = JSON.parse(text);
    const compact = JSON.stringify(value);
    const indents = INDENTS.filter((indent) => indentedBytes(text, indent) <= INDENTED_BYTES_MAX);
    const php = compact
      .replaceAll('/', '\\/')
      .replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const indented = indents.map((indent) => JSON.stringify(value, null, indent));
    return [compact, ...indented, php, text.replaceAll('\\/', '/')]
      .map((variant) => Buffer.from(variant))
      .filter((variant) => !variant.equals(body));
  } catch {
    // No JSON, or nested so deeply that it cannot be written again.
    return [];
  }
}

/** How large JSON gets at most when each level is indented. */
function indentedBytes(text: string, indent: number): number {
  let depth = 0;
  let bytes = text.length;
  const line = () => {
    bytes += 1 + depth * indent;
  };
  walkJson(text, {
    open() {
      depth++;
      line();
    },
    close() {
      depth--;
      line();
    },
    key: line,
    scalar: line,
  });
  return bytes;
}
