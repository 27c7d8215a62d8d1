import { Type } from 'typebox';
import type { Replay, ReplayFilter } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { AccountParams, closed, Nullable, responses, Time } from '../schemas.ts';

const LISTED = 50;

const Filter = {
  endpoint: Type.Optional(Type.String({ maxLength: 64 })),
  status: Type.Optional(Type.Enum(['succeeded', 'discarded', 'skipped'])),
  trigger: Type.Optional(Type.String({ maxLength: 256 })),
  from: Time,
  to: Time,
};

const ReplayView = Type.Object({
  id: Type.Union([Type.String(), Type.Null()], { description: 'null when it was only tried (`dry_run`)' }),
  count: Type.Integer({ description: 'Deliveries that are sent again' }),
  done: Type.Integer(),
  rate_per_s: Type.Integer(),
  seconds: Type.Integer({ description: 'How long that takes' }),
  status: Type.Enum(['planned', 'running', 'finished', 'cancelled']),
  endpoint: Nullable(Type.String()),
  filter_status: Nullable(Type.String()),
  trigger: Nullable(Type.String()),
  from: Time,
  to: Time,
});
const ReplayParams = Type.Object({ account: Type.String({ maxLength: 128 }), replay: Type.String({ maxLength: 64 }) });

export function replayRoutes(app: App, { replays, endpoints }: HttpParts): void {
  app.post(
    '/accounts/:account/replay',
    {
      schema: {
        operationId: 'replay',
        summary: 'Send finished deliveries of a time again',
        description:
          'With `dry_run` it only answers how many, at what rate and for how long. Without it, it starts. Tests, and pairs without a payload, are left out.',
        tags: ['Deliveries'],
        params: AccountParams,
        body: closed({ ...Filter, dry_run: Type.Optional(Type.Boolean()) }),
        response: responses({ 200: ReplayView, 202: ReplayView }, 409),
      },
    },
    async (request, reply) => {
      const { account } = request.params;
      const { endpoint, from, to, dry_run, ...rest } = request.body;
      const filter: ReplayFilter = {
        ...rest,
        ...(endpoint === undefined ? {} : { endpointId: endpoint }),
        fromMs: Date.parse(from),
        toMs: Date.parse(to),
      };
      if (!dry_run) return reply.code(202).send(present(await replays.begin(account, filter)));
      const { count, perS } = await replays.plan(account, filter);
      const planned = { id: null, accountId: account, filter, total: count, done: 0, perS, status: 'planned' as const };
      return reply.code(200).send(present(planned));
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
