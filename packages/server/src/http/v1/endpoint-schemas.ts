import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import type { Endpoint } from '../../domain/model.ts';
import { closed, Nullable, Time } from '../schemas.ts';

const HEADERS_BYTES_MAX = 8 * 1024;
/** Written by the HTTP client, the signature or the contract; an endpoint's own headers may not replace them. */
const RESERVED =
  /^(host|connection|content-length|content-type|content-encoding|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*|webhook-.*|user-agent|date)$/;

export const Url = Type.String({ maxLength: 2048, description: 'Absolute https or http URL without credentials' });
export const Description = Type.String({ maxLength: 500 });
export const Subscriptions = Type.Array(
  closed({
    topic: Type.Optional(Type.String({ maxLength: 128, description: 'Only in contracts that have topics' })),
    trigger: Type.String({ maxLength: 256, description: 'A trigger, `*`, or a prefix as `order.*`' }),
  }),
  { minItems: 1, maxItems: 1000 },
);
export const Headers = Type.Record(
  Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$" }),
  Type.String({ pattern: '^[\\t\\x20-\\x7e]*$', maxLength: 4096 }),
  { description: 'Sent with every delivery, besides those of the contract', additionalProperties: false },
);
export const Secret = Type.String({
  maxLength: 256,
  description:
    '`whsec_` and 24 to 64 bytes in base64, or `whsk_` and an ed25519 seed: brings a secret that receivers already have',
});

export const EndpointView = Type.Object({
  id: Type.String(),
  account_id: Type.String(),
  url: Type.String(),
  description: Type.String(),
  status: Type.Enum(['active', 'inactive']),
  inactive_reason: Nullable(Type.Enum(['new', 'user', 'consecutive_failures', 'gone'])),
  subscriptions: Type.Array(Type.Object({ topic: Type.Optional(Type.String()), trigger: Type.String() })),
  headers: Type.Record(Type.String(), Type.String()),
  signature: Type.Enum(['v1', 'v1a']),
  public_key: Type.Union([Type.String(), Type.Null()], { description: '`whpk_…` of an ed25519 endpoint' }),
  created_at: Time,
  updated_at: Time,
});

export const EndpointWithSecret = Type.Object({
  ...EndpointView.properties,
  secret: Type.String({ description: 'Shown only here and after a rotation' }),
});

export function presentEndpoint(endpoint: Endpoint) {
  return {
    id: endpoint.id,
    account_id: endpoint.accountId,
    url: endpoint.url,
    description: endpoint.description,
    status: endpoint.status,
    inactive_reason: endpoint.inactiveReason,
    subscriptions: endpoint.subscriptions,
    headers: endpoint.headers,
    signature: endpoint.signature,
    public_key: endpoint.publicKey,
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
  };
}

/** @throws Problem `invalid_request` */
export function checkHeaders(headers: Record<string, string>): void {
  const names = Object.keys(headers);
  const reserved = names.find((name) => RESERVED.test(name.toLowerCase()));
  if (reserved !== undefined) {
    const detail = `${reserved} is written by Posthorn itself`;
    throw new Problem('invalid_request', `#/headers/${reserved}: ${detail}`, [
      { pointer: `#/headers/${reserved}`, detail },
    ]);
  }
  if (names.length > 20 || JSON.stringify(headers).length > HEADERS_BYTES_MAX) {
    const detail = 'at most 20 headers and 8 KiB';
    throw new Problem('invalid_request', `#/headers: ${detail}`, [{ pointer: '#/headers', detail }]);
  }
}
