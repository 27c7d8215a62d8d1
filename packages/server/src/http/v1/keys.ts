import { Type } from 'typebox';
import { isId } from '../../domain/ids.ts';
import { REFUSALS, type Refusal } from '../../keys/verifier.ts';
import type { ApiKey } from '../../storage/store.ts';
import type { App, HttpParts } from '../app.ts';
import { noteDetail } from '../audit.ts';
import { answerPage, toPage } from '../cursor.ts';
import { AccountParams, closed, Nullable, named, PageQuery, pageOf, responses, Time } from '../schemas.ts';

const OVERLAP_MAX_S = 30 * 86_400;

const Label = Type.String({ minLength: 1, maxLength: 200 });
const Scopes = Type.Array(Type.String({ maxLength: 64 }), {
  maxItems: 100,
  description: 'Of the contract; free where it lists none',
});
const Networks = Type.Array(Type.String({ maxLength: 64 }), {
  maxItems: 50,
  description: 'Whose calls are taken, as `203.0.113.0/24` or a single address; none: from everywhere',
});
const KeyParams = Type.Object({ account: Type.String({ maxLength: 128 }), key: Type.String({ maxLength: 64 }) });

const KeyView = named(
  'Key',
  Type.Object({
    id: Type.String(),
    account_id: Type.String(),
    label: Type.String(),
    scopes: Type.Array(Type.String()),
    prefix: Type.String({ description: 'The first characters, to recognise it by' }),
    created_at: Time,
    expires_at: Nullable(Time),
    last_used_at: Type.Union([Time, Type.Null()], { description: 'Exact to a minute' }),
    previous_until: Type.Union([Time, Type.Null()], {
      description: 'Until when a text from before the last rotation is valid, too',
    }),
    enabled: Type.Boolean(),
    networks: Networks,
    last_refused_at: Nullable(Time),
    last_refusal: Nullable(Type.Enum([...REFUSALS])),
    days: Type.Array(Type.Object({ day: Type.String(), calls: Type.Integer(), refusals: Type.Integer() }), {
      description: 'The last 14 days of UTC on which it was used, newest first, exact to some seconds',
    }),
  }),
);
const KeyWithText = named(
  'KeyWithText',
  Type.Object({
    ...KeyView.properties,
    key: Type.String({ description: 'Shown only here and after a rotation' }),
  }),
);

export function keyRoutes(app: App, { apiKeys, anyKeyVerifier, clock }: HttpParts): void {
  const presentKey = (key: ApiKey) => present(key, clock.now());

  app.post(
    '/accounts/:account/keys',
    {
      schema: {
        operationId: 'createKey',
        summary: 'Create an API key for an account',
        description: 'The answer holds the key. Only its digest is stored, so it is shown once.',
        tags: ['API keys'],
        params: AccountParams,
        body: closed({
          label: Label,
          scopes: Scopes,
          expires_at: Type.Optional(Nullable(Time)),
          networks: Type.Optional(Networks),
        }),
        response: responses({ 201: KeyWithText }, 409, 422),
      },
    },
    async (request, reply) => {
      const { expires_at, ...rest } = request.body;
      const expiresAt = expires_at ? new Date(expires_at) : null;
      const { key, text } = await apiKeys.create(request.params.account, { ...rest, expiresAt });
      return reply.code(201).send({ ...presentKey(key), key: text });
    },
  );

  app.get(
    '/accounts/:account/keys',
    {
      schema: {
        operationId: 'listKeys',
        summary: "List an account's API keys, newest first",
        tags: ['API keys'],
        params: AccountParams,
        querystring: closed(PageQuery),
        response: responses({ 200: pageOf(KeyView) }),
      },
    },
    async (request) => {
      const page = toPage(request.query, (cursor) => isId('key', cursor));
      return answerPage(
        page,
        (p) => apiKeys.list(request.params.account, p),
        (key) => key.id,
        presentKey,
      );
    },
  );

  app.get(
    '/accounts/:account/keys/:key',
    {
      schema: {
        operationId: 'getKey',
        summary: 'Show an API key, without its text',
        tags: ['API keys'],
        params: KeyParams,
        response: responses({ 200: KeyView }),
      },
    },
    async (request) => presentKey(await apiKeys.find(request.params.account, request.params.key)),
  );

  app.patch(
    '/accounts/:account/keys/:key',
    {
      schema: {
        operationId: 'changeKey',
        summary: "Change a key's label, scopes, expiry or networks, or switch it off and on",
        tags: ['API keys'],
        params: KeyParams,
        body: closed({
          label: Type.Optional(Label),
          scopes: Type.Optional(Scopes),
          expires_at: Type.Optional(Nullable(Time)),
          enabled: Type.Optional(Type.Boolean()),
          networks: Type.Optional(Networks),
        }),
        response: responses({ 200: KeyView }, 422),
      },
    },
    async (request) => {
      const { account, key } = request.params;
      const { expires_at, ...rest } = request.body;
      const expiry = expires_at === undefined ? {} : { expiresAt: expires_at === null ? null : new Date(expires_at) };
      return presentKey(await apiKeys.change(account, key, { ...rest, ...expiry }));
    },
  );

  app.delete(
    '/accounts/:account/keys/:key',
    {
      schema: {
        operationId: 'deleteKey',
        summary: 'Delete an API key',
        description: 'Every node refuses it within a second.',
        tags: ['API keys'],
        params: KeyParams,
        response: responses({ 204: Type.Null() }),
      },
    },
    async (request, reply) => {
      const { account, key } = request.params;
      noteDetail(request, { label: (await apiKeys.find(account, key)).label });
      await apiKeys.remove(account, key);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/accounts/:account/keys/:key/rotate',
    {
      schema: {
        operationId: 'rotateKey',
        summary: 'Give an API key a new text',
        description: 'Label, scopes and id stay. The text before is valid until the overlap ends.',
        tags: ['API keys'],
        params: KeyParams,
        body: Type.Optional(
          Nullable(closed({ overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: OVERLAP_MAX_S })) })),
        ),
        response: responses({ 200: KeyWithText }),
      },
    },
    async (request) => {
      const { account, key: id } = request.params;
      const { key, text } = await apiKeys.rotate(account, id, (request.body?.overlap_seconds ?? 0) * 1000);
      return { ...presentKey(key), key: text };
    },
  );

  app.post(
    '/keys/verify',
    {
      schema: {
        operationId: 'verifyKey',
        summary: 'Say whether a key is valid, and for what',
        description:
          'Your API calls this with the key that a customer sent. `scopes` are those that the call needs, all of them.',
        tags: ['API keys'],
        body: closed({
          key: Type.String({ maxLength: 256 }),
          scopes: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 100 })),
          address: Type.Optional(
            Type.String({
              maxLength: 64,
              description: 'Who calls you: keys that name networks are refused without it',
            }),
          ),
        }),
        response: responses({
          200: named(
            'KeyVerdict',
            Type.Object({
              valid: Type.Boolean(),
              account: Nullable(Type.String()),
              key_id: Nullable(Type.String()),
              scopes: Type.Array(Type.String()),
              reason: Type.Optional(Type.Enum([...REFUSALS])),
            }),
          ),
        }),
      },
    },
    async (request) => {
      const { key: text, ...call } = request.body;
      const verdict = await anyKeyVerifier.verify(text, call);
      const { key } = verdict;
      return {
        valid: verdict.valid,
        account: key?.accountId ?? null,
        key_id: key?.id ?? null,
        scopes: key?.scopes ?? [],
        ...(verdict.valid ? {} : { reason: verdict.reason }),
      };
    },
  );
}

const isPast = (at: Date | null, nowMs: number) => at !== null && at.getTime() <= nowMs;

function present(key: ApiKey, nowMs: number) {
  return {
    id: key.id,
    account_id: key.accountId,
    label: key.label,
    scopes: key.scopes,
    prefix: key.prefix,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    enabled: key.enabled,
    networks: key.networks,
    last_refused_at: key.lastRefusedAt?.toISOString() ?? null,
    last_refusal: key.lastRefusal as Refusal | null,
    days: key.days,
    previous_until: isPast(key.previousUntil, nowMs) ? null : (key.previousUntil?.toISOString() ?? null),
  };
}
