import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { isId } from '../../domain/ids.ts';
import type { Replay, ReplayFilter } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { AccountParams, closed, Nullable, named, responses, Time } from '../schemas.ts';
import { FilterFields, toFilter } from './delivery-filter.ts';

const LISTED = 50;

/** So many can be named one by one. */
const IDS_MAX = 1_000;

const ReplayRequest = named(
  'ReplayRequest',
  closed({
    ...FilterFields,
    deliveries: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        minItems: 1,
        maxItems: IDS_MAX,
        description: 'Ids, where it is about these alone',
      }),
    ),
    test: Type.Optional(
      Nullable(
        Type.Boolean({
          description:
            'Without it, tests are left out, unless they are named in `deliveries`; true: only tests; null: tests as well',
        }),
      ),
    ),
    dry_run: Type.Optional(Type.Boolean()),
  }),
);

const ReplayView = named(
  'Replay',
  Type.Object({
    id: Type.Union([Type.String(), Type.Null()], { description: 'null when it was only tried (`dry_run`)' }),
    count: Type.Integer({ description: 'Deliveries that are sent again' }),
    matched: Type.Optional(
      Type.Integer({
        description:
          'Deliveries that the filter finds (when it was only tried): more than `count` when some wait for their turn anyway, have nothing to send, or their endpoint has been deleted',
      }),
    ),
    held: Type.Optional(
      Type.Integer({ description: 'Of `count`, those whose endpoint is inactive: they are sent when it is activated' }),
    ),
    done: Type.Integer(),
    rate_per_s: Type.Integer(),
    seconds: Type.Integer({ description: 'How long that takes' }),
    status: Type.Enum(['planned', 'running', 'finished', 'cancelled']),
    endpoint: Nullable(Type.String()),
    filter_status: Nullable(Type.String()),
    trigger: Nullable(Type.String()),
    from: Time,
    to: Time,
  }),
);
const ReplayParams = Type.Object({ account: Type.String({ maxLength: 128 }), replay: Type.String({ maxLength: 64 }) });

export function replayRoutes(app: App, { replays, endpoints, store, clock }: HttpParts): void {
  app.post(
    '/accounts/:account/replay',
    {
      schema: {
        operationId: 'replay',
        summary: 'Send deliveries again: what the list shows with the same filter',
        description:
          'With `dry_run` it only answers how many, at what rate and for how long. Without it, it starts. Without `from` it goes back to the beginning of the history, and it ends with now. What is being retried or on hold begins a new round of tries at once.',
        tags: ['Deliveries'],
        params: AccountParams,
        body: ReplayRequest,
        response: responses({ 200: ReplayView, 202: ReplayView }, 409),
      },
    },
    async (request, reply) => {
      const { account } = request.params;
      const { deliveries: ids, test = ids ? null : false, dry_run, ...rest } = request.body;
      if (rest.endpoint !== undefined && !isId('ep', rest.endpoint)) throw new Problem('endpoint_not_found');
      const known = await endpoints.accountOf(account);
      const found = await toFilter(store, known, request, { ...rest, ...(test === null ? {} : { test }) });
      const times = { fromMs: found?.fromMs ?? 0, toMs: found?.toMs ?? clock.now() };
      // A filter that names what does not exist finds nothing; neither do ids that are none.
      const named = found && ids?.filter((id) => isId('dlv', id) && (found.ids?.includes(id) ?? true));
      const filter: ReplayFilter = { ...(found ?? { ids: [] }), ...times, ...(named ? { ids: named } : {}) };
      if (!dry_run) return reply.code(202).send(present(await replays.begin(account, filter)));
      const { count, matched, held, perS } = await replays.plan(account, filter);
      const planned = { id: null, accountId: account, filter, total: count, done: 0, perS, status: 'planned' as const };
      return reply.code(200).send({ ...present(planned), matched, held });
    },
  );

  app.get(
    '/accounts/:account/replays',
    {
      schema: {
        operationId: 'listReplays',
        summary: 'List the newest replays',
        tags: ['Deliveries'],
        params: AccountParams,
        response: responses({ 200: Type.Object({ data: Type.Array(ReplayView) }) }),
      },
    },
    async (request) => {
      const { id } = await endpoints.accountOf(request.params.account);
      return { data: (await replays.list(id, LISTED)).map(present) };
    },
  );

  app.get(
    '/accounts/:account/replays/:replay',
    {
      schema: {
        operationId: 'getReplay',
        summary: 'Show how far a replay is',
        tags: ['Deliveries'],
        params: ReplayParams,
        response: responses({ 200: ReplayView }),
      },
    },
    async (request) => present(await replays.find(request.params.account, request.params.replay)),
  );

  app.post(
    '/accounts/:account/replays/:replay/cancel',
    {
      schema: {
        operationId: 'cancelReplay',
        summary: 'Stop a replay; what is in the queue already is sent',
        tags: ['Deliveries'],
        params: ReplayParams,
        response: responses({ 200: ReplayView }),
      },
    },
    async (request) => present(await replays.cancel(request.params.account, request.params.replay)),
  );
}

type Shown = Omit<Replay, 'id' | 'status'> & { id: string | null; status: Replay['status'] | 'planned' };

function present({ id, total, done, perS, status, filter }: Shown) {
  return {
    id,
    count: total,
    done,
    rate_per_s: perS,
    seconds: Math.ceil(total / perS),
    status,
    endpoint: filter.endpointId ?? null,
    filter_status: filter.status ?? null,
    trigger: filter.trigger ?? null,
    from: new Date(filter.fromMs).toISOString(),
    to: new Date(filter.toMs).toISOString(),
  };
}
