import { Type } from 'typebox';
import { isId } from '../../domain/ids.ts';
import { OPERATOR_ROLES, type OperatorKey } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { noteDetail } from '../audit.ts';
import { answerPage, toPage } from '../cursor.ts';
import { closed, Nullable, named, PageQuery, pageOf, responses, Time } from '../schemas.ts';

const OVERLAP_MAX_S = 30 * 86_400;

const tags = ['Operator keys'];
const Params = Type.Object({ operator_key: Type.String({ maxLength: 64 }) });

const OperatorKeyView = named(
  'OperatorKey',
  Type.Object({
    id: Type.String(),
    name: Type.String({ description: 'Who has it: stands in the audit log' }),
    role: Type.Enum([...OPERATOR_ROLES]),
    prefix: Type.String({ description: 'The first characters, to recognise it by' }),
    previous_until: Type.Union([Time, Type.Null()], {
      description: 'Until when the text from before the last rotation is valid, too',
    }),
    created_at: Time,
    expires_at: Nullable(Time),
    last_used_at: Type.Union([Time, Type.Null()], { description: 'Exact to a minute' }),
  }),
);
const OperatorKeyWithText = named(
  'OperatorKeyWithText',
  Type.Object({
    ...OperatorKeyView.properties,
    key: Type.String({ description: 'Shown only here and after a rotation' }),
  }),
);

/** Keys with names and roles for those who operate the server. */
export function operatorKeyRoutes(app: App, { operatorKeys }: HttpParts): void {
  app.post(
    '/operator-keys',
    {
      schema: {
        operationId: 'createOperatorKey',
        summary: 'Create an operator key',
        description:
          '`viewer` reads, but no secrets. `support` may besides do with webhooks what an account may. `product` is for the product’s own server: publishing, accounts, page sessions, checking API keys. `admin` may do everything. The answer holds the key; only its digest is stored, so it is shown once.',
        tags,
        body: closed({
          name: Type.String({ minLength: 1, maxLength: 200 }),
          role: Type.Enum([...OPERATOR_ROLES]),
          expires_at: Type.Optional(Nullable(Time)),
        }),
        response: responses({ 201: OperatorKeyWithText }, 409),
      },
    },
    async (request, reply) => {
      const { name, role, expires_at } = request.body;
      const { key, text } = await operatorKeys.create(name, role, expires_at ? new Date(expires_at) : null);
      return reply.code(201).send({ ...present(key), key: text });
    },
  );

  app.get(
    '/operator-keys',
    {
      schema: {
        operationId: 'listOperatorKeys',
        summary: 'List operator keys, newest first',
        description: 'Those with names. The one of the settings is not among them.',
        tags,
        querystring: closed(PageQuery),
        response: responses({ 200: pageOf(OperatorKeyView) }),
      },
    },
    async (request) =>
      answerPage(
        toPage(request.query, (cursor) => isId('opk', cursor)),
        (page) => operatorKeys.list(page),
        ({ id }) => id,
        present,
      ),
  );

  app.get(
    '/operator-keys/:operator_key',
    {
      schema: {
        operationId: 'getOperatorKey',
        summary: 'Show an operator key, without its text',
        tags,
        params: Params,
        response: responses({ 200: OperatorKeyView }),
      },
    },
    async (request) => present(await operatorKeys.find(request.params.operator_key)),
  );

  app.post(
    '/operator-keys/:operator_key/rotate',
    {
      schema: {
        operationId: 'rotateOperatorKey',
        summary: 'Give an operator key another text',
        tags,
        params: Params,
        body: Type.Optional(
          Nullable(
            closed({
              overlap_seconds: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  maximum: OVERLAP_MAX_S,
                  default: 0,
                  description: 'For so long the text before is valid, too',
                }),
              ),
            }),
          ),
        ),
        response: responses({ 200: OperatorKeyWithText }),
      },
    },
    async (request) => {
      const { key, text } = await operatorKeys.rotate(
        request.params.operator_key,
        (request.body?.overlap_seconds ?? 0) * 1_000,
      );
      return { ...present(key), key: text };
    },
  );

  app.delete(
    '/operator-keys/:operator_key',
    {
      schema: {
        operationId: 'deleteOperatorKey',
        summary: 'Delete an operator key, and end the sessions that were opened with it',
        description: 'Other nodes may take five seconds to notice.',
        tags,
        params: Params,
        response: responses({ 204: Type.Null() }),
      },
    },
    async (request, reply) => {
      const { name, role } = await operatorKeys.find(request.params.operator_key);
      noteDetail(request, { name, role });
      await operatorKeys.remove(request.params.operator_key);
      return reply.code(204).send(null);
    },
  );
}

function present(key: OperatorKey) {
  return {
    id: key.id,
    name: key.name,
    role: key.role,
    prefix: key.prefix,
    previous_until: key.previousUntil?.toISOString() ?? null,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}
