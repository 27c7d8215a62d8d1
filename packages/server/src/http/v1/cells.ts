import { Type } from 'typebox';
import type { AccountMove } from '../../storage/store.ts';
import type { App, HttpParts } from '../app.ts';
import { AccountParams, closed, Nullable, named, responses, Time } from '../schemas.ts';

const CellView = named(
  'Cell',
  Type.Object({
    name: Type.String({ description: '`first` is the one of DATABASE_URL; the others are those of POSTHORN_CELLS' }),
    state: Type.Enum(['up', 'away'], { description: 'away: this node cannot use its database right now' }),
    takes_new_accounts: Type.Boolean(),
    accounts: Nullable(Type.Integer()),
    waiting: Type.Union([Type.Integer(), Type.Null()], {
      description: 'Unfinished deliveries; an estimate above 100,000',
    }),
    finished_per_s: Nullable(Type.Number()),
    size_bytes: Nullable(Type.Integer()),
  }),
);

const MoveView = named(
  'AccountMove',
  Type.Object({
    account_id: Type.String(),
    from: Type.String(),
    to: Type.String(),
    state: Type.Enum(['copying', 'held', 'switched', 'following', 'finished'], {
      description:
        'copying: it goes on where it is; held, switched: requests for it are answered 503, for a moment; following: it lives in the other cell, and its history comes after it',
    }),
    copied: Type.Integer({ description: 'Events and deliveries so far' }),
    error: Type.Union([Type.String(), Type.Null()], { description: 'Why it waits: it is tried again' }),
    started_at: Time,
    finished_at: Nullable(Time),
  }),
);

const present = ({ accountId, startedAt, finishedAt, after: _after, number: _number, ...move }: AccountMove) => ({
  ...move,
  account_id: accountId,
  started_at: startedAt.toISOString(),
  finished_at: finishedAt?.toISOString() ?? null,
});

/** The databases that accounts live in, and accounts on their way from one to another. */
export function cellRoutes(app: App, { cells, moves }: HttpParts): void {
  app.post(
    '/accounts/:account/move',
    {
      schema: {
        operationId: 'moveAccount',
        summary: 'Move an account to another cell, while it is published to and delivered for',
        description:
          'Answers at once; GET says how far it is. What is under way when it is handed over may be delivered twice.',
        tags: ['Operation'],
        params: AccountParams,
        body: closed({ cell: Type.String({ maxLength: 64, description: 'One of GET /v1/cells' }) }),
        response: responses({ 202: MoveView }, 404, 409),
      },
    },
    async (request, reply) =>
      reply.code(202).send(present(await moves.begin(request.params.account, request.body.cell))),
  );

  app.get(
    '/accounts/:account/move',
    {
      schema: {
        operationId: 'getAccountMove',
        summary: 'Show how far the last move of an account is',
        tags: ['Operation'],
        params: AccountParams,
        response: responses({ 200: MoveView }, 404),
      },
    },
    async (request) => present(await moves.find(request.params.account)),
  );

  app.get(
    '/cells',
    {
      schema: {
        operationId: 'listCells',
        summary: 'List the databases that accounts live in, with how each is doing',
        description: 'Of one that is away nothing else is known: its accounts wait, the others do not.',
        tags: ['Operation'],
        response: responses({ 200: Type.Object({ data: Type.Array(CellView) }) }),
      },
    },
    async () => ({
      data: (await cells()).map(({ isUp, takesNewAccounts, facts, ...cell }) => ({
        ...cell,
        state: isUp ? ('up' as const) : ('away' as const),
        takes_new_accounts: takesNewAccounts,
        accounts: facts?.accounts ?? null,
        waiting: facts?.waiting ?? null,
        finished_per_s: facts?.finishedPerS ?? null,
        size_bytes: facts?.sizeBytes ?? null,
      })),
    }),
  );
}
