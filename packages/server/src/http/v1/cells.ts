import { Type } from 'typebox';
import type { App, HttpParts } from '../app.ts';
import { Nullable, named, responses } from '../schemas.ts';

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

/** The databases that accounts live in. */
export function cellRoutes(app: App, { cells }: HttpParts): void {
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
