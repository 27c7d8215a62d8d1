import { Type } from 'typebox';
import type { EndpointAuth } from '../../domain/endpoint-auth.ts';
import { factsOf } from '../../domain/endpoint-tls.ts';
import { type Endpoint, isProven } from '../../domain/model.ts';
import { CODE_MAX } from '../../domain/transformation.ts';
import { HIDDEN } from '../present-http.ts';
import { closed, Nullable, named, Time } from '../schemas.ts';
import { Filter } from './filter-schema.ts';

export const Url = Type.String({ maxLength: 2048, description: 'Absolute https or http URL without credentials' });
export const Description = Type.String({ maxLength: 500 });
export const Subscriptions = Type.Array(
  closed({
    topic: Type.Optional(
      Type.String({
        maxLength: 128,
        description: 'In contracts that have topics; may be left out where the trigger has only one',
      }),
    ),
    trigger: Type.String({ maxLength: 256, description: 'A trigger, `*`, or a prefix as `order.*`' }),
    filter: Type.Optional(Filter),
    ordered_by: Type.Optional(
      Type.String({
        maxLength: 256,
        description:
          'JSON pointer to the ordering key in the payload, as /order/id: deliveries of one key are sent one after the other',
      }),
    ),
  }),
  { maxItems: 1000, description: 'None: it gets nothing, until it has some' },
);
export const Headers = Type.Record(
  Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$" }),
  Type.String({ pattern: '^[\\t\\x20-\\x7e]*$', maxLength: 4096 }),
  { description: 'Sent with every delivery, besides those of the contract', additionalProperties: false },
);
const Text = (maxLength: number, description?: string) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[\\x20-\\x7e]*$', ...(description ? { description } : {}) });
const AUTH_DESCRIPTION =
  'How requests authenticate besides their signature: an Authorization header. Credentials are stored encrypted, and never shown again';
export const Auth = Type.Union(
  [
    closed({
      type: Type.Enum(['basic', 'bearer', 'oauth2'], {
        description: 'oauth2 is the client credentials grant (RFC 6749, 4.4)',
      }),
      username: Type.Optional(Text(256, 'Of basic')),
      password: Type.Optional(Text(1_024, 'Of basic')),
      token: Type.Optional(Text(4_096, 'Of bearer')),
      token_url: Type.Optional({ ...Url, description: 'Of oauth2, as all that follows' }),
      client_id: Type.Optional(Text(512)),
      client_secret: Type.Optional(Text(2_048)),
      scope: Type.Optional(Text(1_024)),
      audience: Type.Optional(Text(1_024)),
      credentials_in: Type.Optional(
        Type.Enum(['header', 'body'], {
          description: 'Where the credentials of the client are sent: header without it',
        }),
      ),
    }),
    Type.Null(),
  ],
  { description: AUTH_DESCRIPTION },
);
const Pem = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 32_768, description }));
export const Tls = Type.Union(
  [
    closed({
      certificate: Pem('Of this client, PEM, with those between it and its authority behind it'),
      private_key: Pem('Of the certificate, PEM, without a passphrase; stored encrypted, and never shown'),
      certificate_authority: Pem(
        "Who may have signed the receiver's certificate, PEM, instead of the authorities that everybody trusts; where the server allows it",
      ),
    }),
    Type.Null(),
  ],
  { description: 'Certificates for connections to it: mutual TLS, an authority of its own' },
);
const Certificate = Nullable(
  Type.Object({
    subject: Type.String(),
    issuer: Type.String(),
    fingerprint: Type.String({ description: 'SHA-256' }),
    expires_at: Time,
  }),
);
export const Transformation = Type.Union([Type.String({ maxLength: CODE_MAX }), Type.Null()], {
  description:
    'JavaScript with a function `transform(request, event)` that reshapes its requests; where the contract allows it. Stored encrypted',
});
export const Version = Type.String({ maxLength: 64, description: 'One of the versions of the contract' });
export const RateLimit = Type.Integer({
  minimum: 1,
  maximum: 1000,
  description: 'Requests a second, over all nodes; where the contract lets endpoints choose',
});
export const Concurrency = Type.Integer({
  minimum: 1,
  maximum: 1000,
  description: 'Requests at a time, over all nodes; where the contract lets endpoints choose',
});
export const Thin = Type.Boolean({
  description:
    'Its requests carry `id` and `trigger` instead of the payload, which the receiver reads by the id; where the contract allows it',
});
export const Secret = Type.String({
  maxLength: 256,
  description:
    'Brings a secret that receivers already have. Standard Webhooks: `whsec_` and 24 to 64 bytes in base64, or `whsk_` and an ed25519 seed',
});

export const EndpointStatus = Type.Enum(['active', 'inactive']);
export const InactiveReason = Nullable(Type.Enum(['new', 'user', 'consecutive_failures', 'gone']));

export const EndpointView = named(
  'Endpoint',
  Type.Object({
    id: Type.String(),
    account_id: Type.String(),
    url: Type.String(),
    description: Type.String(),
    status: EndpointStatus,
    inactive_reason: InactiveReason,
    subscriptions: Type.Array(
      Type.Object({
        topic: Type.Optional(Type.String()),
        trigger: Type.String(),
        filter: Type.Optional(Filter),
        ordered_by: Type.Optional(Type.String()),
      }),
    ),
    headers: Type.Record(Type.String(), Type.String()),
    auth: Nullable(
      Type.Object(
        {
          type: Type.Enum(['basic', 'bearer', 'oauth2']),
          username: Type.Optional(Type.String()),
          token_url: Type.Optional(Type.String()),
          client_id: Type.Optional(Type.String()),
          scope: Type.Optional(Type.String()),
          audience: Type.Optional(Type.String()),
          credentials_in: Type.Optional(Type.Enum(['header', 'body'])),
        },
        { description: 'How requests authenticate; without what is secret' },
      ),
    ),
    tls: Nullable(
      Type.Object(
        { certificate: Certificate, certificate_authority: Certificate },
        { description: 'Certificates for connections to it' },
      ),
    ),
    transformation: Type.Union([Type.String(), Type.Null()], {
      description: 'The function that reshapes its requests; its code is shown to those who may change it',
    }),
    signature: Type.Enum(['v1', 'v1a', 'hmac']),
    version: Type.Union([Type.String(), Type.Null()], { description: 'Of the API, in contracts that have versions' }),
    rate_limit: Type.Union([Type.Integer(), Type.Null()], { description: 'Requests a second, if it asked for fewer' }),
    concurrency: Type.Union([Type.Integer(), Type.Null()], {
      description: 'Requests at a time, if it asked for fewer',
    }),
    thin: Type.Boolean({ description: 'It gets events without their payloads' }),
    ownership_proven: Type.Boolean({
      description:
        'False where a contract with `ownership_proof` has yet to have the receiver at this URL echo a challenge',
    }),
    status_at: Type.Union([Time, Type.Null()], {
      description: 'Since when it has its status; null: since it was created',
    }),
    testing_until: Type.Union([Time, Type.Null()], { description: 'Until then samples are sent all the time' }),
    previous_secret_until: Type.Union([Time, Type.Null()], {
      description: 'Until when a secret from before the last rotation signs, too',
    }),
    public_key: Type.Union([Type.String(), Type.Null()], { description: '`whpk_…` of an ed25519 endpoint' }),
    created_at: Time,
    updated_at: Time,
  }),
);

export const EndpointWithSecret = named(
  'EndpointWithSecret',
  Type.Object({
    ...EndpointView.properties,
    secret: Type.String({ description: 'Shown only here and after a rotation' }),
  }),
);

export function presentEndpoint(endpoint: Endpoint, nowMs: number, withCredentials: boolean) {
  const isOverlapping = (endpoint.previousSecretUntil?.getTime() ?? 0) > nowMs;
  const isTesting = endpoint.testingUntil !== null && endpoint.testingUntil.getTime() > nowMs;
  return {
    id: endpoint.id,
    account_id: endpoint.accountId,
    url: endpoint.url,
    description: endpoint.description,
    status: endpoint.status,
    inactive_reason: endpoint.inactiveReason,
    subscriptions: endpoint.subscriptions,
    headers: withCredentials ? endpoint.headers : hide(endpoint.headers),
    auth: endpoint.auth && withoutSecrets(endpoint.auth),
    tls: endpoint.tls && {
      certificate: presentCertificate(endpoint.tls.certificate),
      certificate_authority: presentCertificate(endpoint.tls.certificate_authority),
    },
    transformation: endpoint.transformation === null || withCredentials ? endpoint.transformation : HIDDEN,
    signature: endpoint.signature,
    version: endpoint.version,
    rate_limit: endpoint.rateLimit,
    concurrency: endpoint.concurrency,
    thin: endpoint.thin,
    ownership_proven: isProven(endpoint),
    status_at: endpoint.statusAt?.toISOString() ?? null,
    testing_until: isTesting ? (endpoint.testingUntil?.toISOString() ?? null) : null,
    previous_secret_until: isOverlapping ? (endpoint.previousSecretUntil?.toISOString() ?? null) : null,
    public_key: endpoint.publicKey,
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
  };
}

function presentCertificate(pem: string | undefined) {
  const facts = factsOf(pem);
  if (!facts) return null;
  const { expiresAt, ...shown } = facts;
  return { ...shown, expires_at: expiresAt.toISOString() };
}

function withoutSecrets(auth: EndpointAuth) {
  const { password: _, token: __, client_secret: ___, ...shown } = auth as EndpointAuth & Record<string, unknown>;
  return shown;
}

const hide = (headers: Record<string, string>) =>
  Object.fromEntries(Object.keys(headers).map((name) => [name, HIDDEN]));
