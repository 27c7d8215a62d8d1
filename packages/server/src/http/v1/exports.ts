import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { Problem } from '../../domain/errors.ts';
import type { DeliveryFilter, Store } from '../../storage/store.ts';
import type { App, HttpParts } from '../app.ts';
import { isSessionCurrent } from '../caller.ts';
import { csvLine } from '../csv.ts';
import { AccountParams, closed, responses } from '../schemas.ts';
import { FilterFields, TestFilter, toFilter } from './delivery-filter.ts';
import { presentDelivery } from './present-delivery.ts';

/** More is what backups are for. */
const ROWS_MAX = 100_000;
/** Rows that are read with one look, and wait until they have been taken. */
const ROWS_AT_ONCE = 500;

type Row = ReturnType<typeof presentDelivery> & { url: string | null };

const COLUMNS: readonly (keyof Row)[] = [
  'id',
  'event_id',
  'trigger',
  'topic',
  'status',
  'reason',
  'last_status',
  'last_error',
  'attempt_count',
  'endpoint_id',
  'url',
  'test',
  'created_at',
  'finished_at',
  'next_attempt_at',
];

const FORMATS = {
  csv: { type: 'text/csv; charset=utf-8', head: csvLine(COLUMNS), line: toCsv },
  ndjson: { type: 'application/x-ndjson; charset=utf-8', head: '', line: (row: Row) => `${JSON.stringify(row)}\n` },
} as const;

/** How rows become lines, and whether whoever reads them still may. */
interface Lines {
  line: (row: Row) => string;
  urlOf: (endpoint: string) => string | null;
  goesOn: () => Promise<boolean>;
}

/** What a list of deliveries shows, as a file. */
export function exportRoutes(app: App, parts: HttpParts): void {
  const { store, directory, clock } = parts;
  app.get(
    '/accounts/:account/deliveries/export',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'getDeliveryExport',
        summary: 'Download deliveries as CSV or as lines of JSON, newest first',
        description: `At most ${ROWS_MAX.toLocaleString('en')}: narrow it down with the filters of the list.`,
        tags: ['Deliveries'],
        params: AccountParams,
        querystring: closed({
          format: Type.Enum(Object.keys(FORMATS) as (keyof typeof FORMATS)[]),
          ...FilterFields,
          ...TestFilter,
        }),
        response: responses({
          200: {
            description: 'The file',
            content: Object.fromEntries(
              Object.values(FORMATS).map(({ type }) => [type.split(';')[0], { schema: Type.String() }]),
            ),
          } as never,
        }),
      },
    },
    async (request, reply) => {
      const account = await directory.get(request.params.account);
      if (!account) throw new Problem('account_not_found');
      const { format, ...wanted } = request.query;
      const filter = await toFilter(store, account, request, wanted);
      const { type, head, line } = FORMATS[format];
      const urlOf = (endpoint: string) => account.endpoints.get(endpoint)?.url ?? null;
      const day = new Date(clock.now()).toISOString().slice(0, 10);
      const lines = linesOf(store, account.id, filter, { line, urlOf, goesOn: () => isSessionCurrent(request, parts) });
      // A look that fails is told by a status, and not by a file that ends early.
      const first = await lines.next();
      return reply
        .header('content-type', type)
        .header('content-disposition', `attachment; filename="messages-${day}.${format}"`)
        .send(Readable.from(withHead(head + (first.value ?? ''), lines)));
    },
  );
}

async function* withHead(head: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield head;
  yield* rest;
}

/** Read piece by piece, as they are taken. */
async function* linesOf(
  store: Store,
  account: string,
  filter: DeliveryFilter | undefined,
  { line, urlOf, goesOn }: Lines,
): AsyncGenerator<string, undefined> {
  if (!filter) return;
  let before: string | undefined;
  for (let rows = 0; rows < ROWS_MAX; ) {
    // Somebody who reads slowly may do so for longer than their session.
    if (rows > 0 && !(await goesOn())) throw new Problem('unauthorized', 'The session has ended.');
    const limit = Math.min(ROWS_AT_ONCE, ROWS_MAX - rows);
    const page = await store.deliveries.list(account, { limit, ...(before === undefined ? {} : { before }) }, filter);
    if (page.length > 0) {
      yield page.map((one) => line({ ...presentDelivery(one), url: urlOf(one.endpointId) })).join('');
    }
    rows += page.length;
    before = page.at(-1)?.id;
    if (page.length < limit) return;
  }
}

function toCsv(row: Row): string {
  return csvLine(COLUMNS.map((name) => row[name]));
}
