import { isUtf8 } from 'node:buffer';
import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import { isId } from '../../domain/ids.ts';
import { SOURCE_TYPES } from '../../sources/source-config.ts';
import type { DeadLetter } from '../../storage/page-store.ts';
import type { App, HttpParts } from '../app.ts';
import { answerPage, toPage } from '../cursor.ts';
import { closed, Nullable, named, PageQuery, pageOf, responses, Time } from '../schemas.ts';

/** What one request publishes again at most. */
const REDRIVEN_MAX = { count: 500, bytes: 8 * 1024 * 1024 };

const SourceView = named(
  'Source',
  Type.Object({
    name: Type.String(),
    type: Type.Enum(SOURCE_TYPES),
    dead_letters: Type.Integer({ description: 'Messages that could not become events' }),
    behind: Type.Union([Type.Integer(), Type.Null()], {
      description: 'Messages that wait at the source; of a table up to 100,000 are counted; null: not known',
    }),
    nodes: Type.Array(
      Type.Object({
        node: Type.Integer(),
        state: Type.Enum(['starting', 'running', 'standby', 'failing', 'held'], {
          description: 'standby: another node reads it. held: it has as many dead letters as are kept',
        }),
        error: Nullable(Type.String()),
        accepted: Type.Integer({ description: 'Messages that became events since the node has started' }),
        dead: Type.Integer({ description: 'Messages that became dead letters since the node has started' }),
        last_message_at: Nullable(Time),
      }),
    ),
  }),
);
const DeadLetterView = named(
  'DeadLetter',
  Type.Object({
    id: Type.String(),
    place: Type.String({ description: 'Where it stands in the source, as `topic/partition/offset`' }),
    error: Type.Object({ code: Type.String(), detail: Type.String() }),
    headers: Type.Record(Type.String(), Type.String(), {
      description: 'Those with a colon in front are the source’s own',
    }),
    body: Type.String({ description: 'As text, or in base64; in lists its beginning' }),
    encoding: Type.Enum(['utf8', 'base64']),
    is_whole: Type.Boolean({ description: 'false: it was too large to be kept, and cannot be published again' }),
    created_at: Time,
    tried_at: Time,
  }),
);
const Redriven = named(
  'Redriven',
  Type.Object({
    published: Type.Integer({ description: 'Those that are events now' }),
    failed: Type.Integer({ description: 'Those that are none still' }),
    next_after: Nullable(Type.String({ description: 'null: that was all' })),
  }),
);
const SourceParams = Type.Object({ source: Type.String({ maxLength: 64 }) });
const LetterParams = Type.Object({
  source: Type.String({ maxLength: 64 }),
  dead_letter: Type.String({ maxLength: 64 }),
});

/** Where events come from besides the API, and what of it could not become one. */
export function sourceRoutes(app: App, { store, sources }: HttpParts): void {
  const configOf = (name: string) => {
    const config = sources.find(name);
    if (!config) throw new Problem('source_not_found');
    return config;
  };
  const tags = ['Sources'];

  app.get(
    '/sources',
    {
      schema: {
        operationId: 'listSources',
        summary: 'List the sources that are configured, and how they do on each node',
        tags,
        response: responses({ 200: Type.Object({ data: Type.Array(SourceView) }) }),
      },
    },
    async () => {
      const [counts, states] = await Promise.all([store.sources.counts(), store.sources.states()]);
      return {
        data: sources.configs.map(({ name, type }) => ({
          name,
          type,
          dead_letters: counts.get(name) ?? 0,
          behind: behindOf(states.filter((one) => one.name === name)),
          nodes: states
            .filter((one) => one.name === name)
            .map(({ node, state, error, accepted, dead, lastAtMs }) => ({
              node,
              state,
              error,
              accepted,
              dead,
              last_message_at: lastAtMs === null ? null : new Date(lastAtMs).toISOString(),
            })),
        })),
      };
    },
  );

  app.get(
    '/sources/:source/dead-letters',
    {
      schema: {
        operationId: 'listDeadLetters',
        summary: 'List messages of a source that could not become events, the newest first',
        tags,
        params: SourceParams,
        querystring: closed(PageQuery),
        response: responses({ 200: pageOf(DeadLetterView) }),
      },
    },
    async (request) => {
      const { name } = configOf(request.params.source);
      return await answerPage(
        toPage(request.query, (id) => isId('ddl', id)),
        (page) => store.sources.list(name, page),
        ({ id }) => id,
        present,
      );
    },
  );

  app.get(
    '/sources/:source/dead-letters/:dead_letter',
    {
      schema: {
        operationId: 'getDeadLetter',
        summary: 'Show a dead letter with its whole body',
        tags,
        params: LetterParams,
        response: responses({ 200: DeadLetterView }),
      },
    },
    async (request) => {
      const { source, dead_letter: id } = request.params;
      const letter = isId('ddl', id) ? await store.sources.find(configOf(source).name, id) : undefined;
      if (!letter) throw new Problem('dead_letter_not_found');
      return present(letter);
    },
  );

  app.delete(
    '/sources/:source/dead-letters/:dead_letter',
    {
      schema: {
        operationId: 'deleteDeadLetter',
        summary: 'Delete a dead letter',
        tags,
        params: LetterParams,
        response: responses({ 204: Type.Null() }),
      },
    },
    async (request, reply) => {
      const { source, dead_letter: id } = request.params;
      const isGone = isId('ddl', id) && (await store.sources.remove(configOf(source).name, [id])) > 0;
      if (!isGone) throw new Problem('dead_letter_not_found');
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/sources/:source/redrive',
    {
      schema: {
        operationId: 'redriveDeadLetters',
        summary: 'Publish dead letters again, the oldest first',
        description: `They are read as the source's mapping and the contracts are by now. Those that are events then are dead letters no more; the others have the reason of now. One request takes at most ${REDRIVEN_MAX.count}: go on with \`next_after\`.`,
        tags,
        params: SourceParams,
        body: closed({
          ids: Type.Optional(
            Type.Array(Type.String({ maxLength: 64 }), { maxItems: REDRIVEN_MAX.count, description: 'Only these' }),
          ),
          after: Type.Optional(Type.String({ maxLength: 64, description: '`next_after` of the request before' })),
        }),
        response: responses({
          200: Redriven,
        }),
      },
    },
    async (request) => {
      const config = configOf(request.params.source);
      const { ids, after } = request.body;
      for (const id of [...(ids ?? []), ...(after === undefined ? [] : [after])])
        if (!isId('ddl', id)) throw new Problem('dead_letter_not_found', `"${id}" is no id of a dead letter.`);
      const letters = await store.sources.oldest(config.name, {
        limit: REDRIVEN_MAX.count,
        bytes: REDRIVEN_MAX.bytes,
        after,
        ids,
      });
      const published = await sources.redrive(config, letters);
      return {
        published,
        failed: letters.length - published,
        next_after: letters.at(-1)?.id ?? null,
      };
    },
  );
}

function present({ id, place, code, detail, headers, body, isWhole, createdAtMs, triedAtMs }: DeadLetter) {
  const encoding: 'utf8' | 'base64' = isUtf8(body) && !body.includes(0) ? 'utf8' : 'base64';
  return {
    id,
    place,
    error: { code, detail },
    headers: { ...headers },
    body: body.toString(encoding),
    encoding,
    is_whole: isWhole,
    created_at: new Date(createdAtMs).toISOString(),
    tried_at: new Date(triedAtMs).toISOString(),
  };
}

/** Each node knows the whole, at slightly different times. */
function behindOf(states: readonly { behind: number | null }[]): number | null {
  const known = states.flatMap(({ behind }) => behind ?? []);
  return known.length === 0 ? null : Math.max(...known);
}
