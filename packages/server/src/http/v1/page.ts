import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { isId } from '../../domain/ids.ts';
import { OPERATOR_ROLES, PERMISSIONS } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { callerOf } from '../caller.ts';
import { answerPage, toPage } from '../cursor.ts';
import { PERMISSIONS_OF } from '../roles.ts';
import { AccountParams, closed, Nullable, named, PageQuery, pageOf, responses, Time } from '../schemas.ts';

const EXPIRES_DEFAULT_S = 3_600;
const EXPIRES_MAX_S = 7 * 86_400;

const Theme = named(
  'Theme',
  closed({
    accent: Type.Optional(Type.String({ pattern: '^#[0-9a-fA-F]{6}$', description: 'As `#3451d1`' })),
    mode: Type.Optional(Type.Enum(['light', 'dark', 'auto'])),
    background: Type.Optional(Type.String({ pattern: '^#[0-9a-fA-F]{6}$', description: 'Of the page around it' })),
    font: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9 ,"\'-]+$',
        maxLength: 200,
        description: 'Families as CSS names them, as `Inter, sans-serif`: those that the browser has',
      }),
    ),
    radius: Type.Optional(Type.Integer({ minimum: 0, maximum: 24, description: 'Of corners, in pixels' })),
    logo: Type.Optional(Type.String({ pattern: '^https://', maxLength: 2048, description: 'An image, over HTTPS' })),
    language: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$',
        maxLength: 35,
        description: "As `de` or `pt-BR`; the browser's by default, and English where the page has no such texts",
      }),
    ),
  }),
);

/** @throws Problem `invalid_request` */
function checkLanguage(tag: string | undefined): void {
  try {
    Intl.getCanonicalLocales(tag);
  } catch {
    const detail = `"${tag}" is not a language tag`;
    throw new Problem('invalid_request', `#/theme/language: ${detail}`, [{ pointer: '#/theme/language', detail }]);
  }
}

const AuditView = named(
  'AuditEntry',
  Type.Object({
    id: Type.String(),
    account_id: Nullable(Type.String()),
    actor: Type.String({ description: '`operator`, `page`, or `key` and its id' }),
    user_name: Nullable(Type.String()),
    action: Type.String({ description: 'The name of the operation in this API' }),
    target: Nullable(Type.String()),
    detail: Type.Record(Type.String(), Type.Unknown()),
    at: Time,
  }),
);

/** What the Developers page needs besides the resources: its session, and the audit log. */
export function pageRoutes(app: App, parts: HttpParts): void {
  const { store, sessions, directory, limits, clock, pageOrigin, egressFacts } = parts;
  const egress = { addresses: [...egressFacts.addresses], own_authorities: egressFacts.ownAuthorities };
  app.post(
    '/accounts/:account/page-sessions',
    {
      schema: {
        operationId: 'createPageSession',
        summary: "Make a link to an account's Developers page",
        description:
          'Show `url` to the signed-in customer, as a link or in an iframe; it is for this account only, and for a short time. The token stands behind `#`, where no server or log sees it.',
        tags: ['Developers page'],
        params: AccountParams,
        body: Type.Optional(
          Nullable(
            closed({
              expires_in: Type.Optional(
                Type.Integer({
                  minimum: 60,
                  maximum: EXPIRES_MAX_S,
                  default: EXPIRES_DEFAULT_S,
                  description: 'Seconds',
                }),
              ),
              permissions: Type.Optional(
                Type.Array(Type.Enum([...PERMISSIONS]), {
                  description: '`read` alone, or with `webhooks` and `keys`: what may be changed. All by default.',
                }),
              ),
              user_name: Type.Optional(
                Type.String({
                  minLength: 1,
                  maxLength: 200,
                  description: 'Who opens it, as `jane@example.com`: stands in the audit log beside what they change',
                }),
              ),
              theme: Type.Optional(Theme),
              path: Type.Optional(
                Type.String({
                  pattern: '^/([^/#\\\\\\s][^#\\\\\\s]*)?$',
                  maxLength: 2048,
                  description: 'Where it opens, as `/messages?status=discarded`',
                }),
              ),
            }),
          ),
        ),
        response: responses({
          201: named('PageSession', Type.Object({ url: Type.String(), token: Type.String(), expires_at: Time })),
        }),
      },
    },
    async (request, reply) => {
      const { account } = request.params;
      if (!(await directory.get(account))) throw new Problem('account_not_found');
      limits.take(account, 'pageSessions');
      checkLanguage(request.body?.theme?.language);
      const {
        expires_in = EXPIRES_DEFAULT_S,
        permissions = [...PERMISSIONS],
        theme = {},
        user_name: userName = null,
        path = '/',
      } = request.body ?? {};
      const expiresAtMs = clock.now() + expires_in * 1000;
      const all = [...new Set(['read' as const, ...permissions])];
      const token = await sessions.create({
        accountId: account,
        operator: null,
        permissions: all,
        theme,
        userName,
        expiresAtMs,
        binId: null,
      });
      const url = `${pageOrigin()}/page${path}#token=${token}`;
      return reply.code(201).send({ url, token, expires_at: new Date(expiresAtMs).toISOString() });
    },
  );

  app.delete(
    '/accounts/:account/page-sessions',
    {
      schema: {
        operationId: 'endPageSessions',
        summary: "End the sessions of an account's Developers page",
        description: 'All of them, or those of one person: when somebody leaves, or a link got into wrong hands.',
        tags: ['Developers page'],
        params: AccountParams,
        querystring: closed({ user_name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })) }),
        response: responses({ 204: Type.Null() }),
      },
    },
    async (request, reply) => {
      const { account } = request.params;
      if (!(await directory.get(account))) throw new Problem('account_not_found');
      await sessions.endOf(account, request.query.user_name ?? null);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/page',
    {
      schema: {
        operationId: 'getPage',
        summary: 'Say who is signed in, and what they may do',
        tags: ['Developers page'],
        response: responses(
          {
            200: named(
              'PageInfo',
              Type.Object({
                role: Type.Enum(['operator', 'account']),
                operator: Nullable(
                  Type.Object(
                    { name: Type.String(), role: Type.Enum([...OPERATOR_ROLES]) },
                    { description: 'Whose operator key it is; null: the one of the settings' },
                  ),
                ),
                account: Nullable(Type.Object({ id: Type.String(), name: Type.String(), contract: Type.String() })),
                permissions: Type.Array(Type.Enum([...PERMISSIONS])),
                theme: Theme,
                expires_at: Nullable(Time),
                expires_in: Type.Union([Type.Number(), Type.Null()], { description: 'Seconds left, by this server' }),
                bin: Type.Union([Type.String(), Type.Null()], {
                  description: 'The session shows this bin, and nothing else',
                }),
                egress: Type.Object({
                  addresses: Type.Array(Type.String(), {
                    description: 'Addresses and networks that requests come from, where the server knows them',
                  }),
                  own_authorities: Type.Boolean({
                    description: 'Whether endpoints may have `tls.certificate_authority`',
                  }),
                }),
              }),
            ),
          },
          404,
        ),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const expiresAtMs = caller.session?.expiresAtMs;
      const expires =
        expiresAtMs === undefined
          ? { expires_at: null, expires_in: null }
          : { expires_at: new Date(expiresAtMs).toISOString(), expires_in: (expiresAtMs - clock.now()) / 1_000 };
      if (caller.kind !== 'account') {
        const operator = caller.kind === 'operator' ? caller.operator : undefined;
        return {
          role: 'operator' as const,
          account: null,
          operator: operator ? { name: operator.name, role: operator.role } : null,
          permissions: [...(operator ? PERMISSIONS_OF[operator.role] : PERMISSIONS)],
          theme: {},
          ...expires,
          bin: null,
          egress,
        };
      }
      const account = await store.accounts.find(caller.accountId);
      if (!account) throw new Problem('account_not_found');
      const { id, name, contract } = account;
      const { permissions, theme, binId: bin } = caller.session;
      return {
        role: 'account' as const,
        operator: null,
        account: { id, name, contract },
        permissions,
        theme,
        ...expires,
        bin,
        egress,
      };
    },
  );

  for (const [path, operationId, summary] of [
    ['/accounts/:account/audit', 'listAudit', 'List who changed what in an account, newest first'],
    ['/audit', 'listAllAudit', 'List who changed what in all accounts, newest first'],
  ] as const) {
    app.get(
      path,
      {
        schema: {
          operationId,
          summary,
          tags: ['Developers page'],
          ...(path === '/audit' ? {} : { params: AccountParams }),
          querystring: closed(PageQuery),
          response: responses({ 200: pageOf(AuditView) }),
        },
      },
      async (request) => {
        const { account = null } = request.params as { account?: string };
        const page = toPage(request.query, (id) => isId('aud', id));
        const found = account === null ? undefined : await store.accounts.find(account);
        if (account !== null && !found) throw new Problem('account_not_found');
        return answerPage(
          page,
          // Of an account that had the same id before, only the operator's own log tells.
          (p) => store.audit.list(account, p, found?.createdAt.getTime()),
          (entry) => entry.id,
          ({ accountId, userName, atMs, ...entry }) => ({
            ...entry,
            account_id: accountId,
            user_name: userName,
            at: new Date(atMs).toISOString(),
          }),
        );
      },
    );
  }
}
