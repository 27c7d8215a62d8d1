import { bools, byteas, texts, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import type { DeadLetter, SourceReport, SourceState, SourceStore } from './page-store.ts';
import { fromUuidText, toUuid, toUuidText } from './rows.ts';
import { statement } from './statement.ts';

const KEEP = statement('dead_letters_keep').text;
const REPORT = statement('source_report').text;

interface Row {
  id: string;
  place: string;
  code: string;
  detail: string;
  headers: Record<string, string>;
  body: Buffer;
  is_whole: boolean;
  created_at: Date;
  tried_at: Date;
}

interface StateRow {
  source: string;
  node: number;
  type: string;
  state: SourceState;
  error: string | null;
  accepted: number;
  dead: number;
  last_at: Date | null;
  behind: number | null;
}

const COLUMNS = 'id, place, code, detail, headers, body, is_whole, created_at, tried_at';
const LARGEST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** How much of a message a list shows. */
const SHOWN_BYTES = 1_000;
/** What one statement takes away. */
const DROPPED_AT_ONCE = 10_000;

function toDeadLetter({ is_whole, created_at, tried_at, ...row }: Row): DeadLetter {
  return {
    ...row,
    id: fromUuidText('ddl', row.id),
    isWhole: is_whole,
    createdAtMs: created_at.getTime(),
    triedAtMs: tried_at.getTime(),
  };
}

export function sourceStore(database: Database): SourceStore {
  return {
    async keep(source, letters) {
      await database.run(KEEP, [
        source,
        uuids(letters.map(({ uuid }) => uuid)),
        texts(letters.map(({ place }) => place)),
        texts(letters.map(({ code }) => code)),
        texts(letters.map(({ detail }) => detail)),
        texts(letters.map(({ headers }) => JSON.stringify(headers))),
        byteas(letters.map(({ body }) => body)),
        bools(letters.map(({ isWhole }) => isWhole)),
      ]);
    },

    async isFull(source, max) {
      const rows = await database.run<{ count: number }>(
        'SELECT count(*)::int AS count FROM (SELECT FROM dead_letters WHERE source = $1 LIMIT $2) kept',
        [source, max],
      );
      return (rows[0]?.count ?? 0) >= max;
    },

    async list(source, { limit, before }) {
      const rows = await database.run<Row>(
        `SELECT ${COLUMNS.replace('body', 'substr(body, 1, $4) AS body')} FROM dead_letters
         WHERE source = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
        [source, before === undefined ? LARGEST_UUID : toUuidText('ddl', before), limit, SHOWN_BYTES],
      );
      return rows.map(toDeadLetter);
    },

    async oldest(source, { limit, bytes, after, ids }) {
      const rows = await database.run<Row>(
        `SELECT ${COLUMNS} FROM (
           SELECT *, sum(octet_length(body)) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
           FROM (SELECT * FROM dead_letters
                 WHERE source = $1 AND is_whole AND id > $2 AND ($5::uuid[] IS NULL OR id = ANY ($5))
                 ORDER BY id LIMIT $3) page) counted
         WHERE coalesce(before, 0) <= $4 ORDER BY id`,
        [
          source,
          after === undefined ? '00000000-0000-0000-0000-000000000000' : toUuidText('ddl', after),
          limit,
          bytes,
          ids ? uuids(ids.map((id) => toUuid('ddl', id))) : null,
        ],
      );
      return rows.map(toDeadLetter);
    },

    async find(source, id) {
      const [row] = await database.run<Row>(`SELECT ${COLUMNS} FROM dead_letters WHERE source = $1 AND id = $2`, [
        source,
        toUuidText('ddl', id),
      ]);
      return row && toDeadLetter(row);
    },

    async remove(source, ids) {
      const rows = await database.run(
        'DELETE FROM dead_letters WHERE source = $1 AND id = ANY ($2::uuid[]) RETURNING id',
        [source, uuids(ids.map((id) => toUuid('ddl', id)))],
      );
      return rows.length;
    },

    async dropBefore(ms) {
      for (;;) {
        const rows = await database.maintain(
          `DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE created_at < $1 LIMIT ${DROPPED_AT_ONCE})
           RETURNING id`,
          [new Date(ms)],
        );
        if (rows.length < DROPPED_AT_ONCE) return;
      }
    },

    async counts() {
      const rows = await database.run<{ source: string; count: number }>(
        'SELECT source, count(*)::int AS count FROM dead_letters GROUP BY source',
      );
      return new Map(rows.map(({ source, count }) => [source, count]));
    },

    async report(node, states) {
      await database.run(REPORT, [node, JSON.stringify(states)]);
    },

    async forget(node) {
      await database.run('DELETE FROM source_states WHERE node = $1', [node]);
    },

    async states() {
      const rows = await database.run<StateRow>(
        `SELECT s.source, s.node, s.type, s.state, s.error, s.accepted::float8, s.dead::float8, s.last_at, s.behind::float8
         FROM source_states s JOIN nodes n ON n.id = s.node AND n.dead_at IS NULL
         WHERE s.reported_at > now() - interval '15 seconds'
         ORDER BY s.source, s.node`,
      );
      return rows.map(({ source, last_at, ...row }): SourceReport & { node: number } => ({
        ...row,
        name: source,
        lastAtMs: last_at?.getTime() ?? null,
      }));
    },
  };
}
