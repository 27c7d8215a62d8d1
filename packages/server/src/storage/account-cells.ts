import { FIRST } from '../domain/first-cell.ts';
import type { Database } from './database.ts';
import type { AccountCellStore, AccountMove } from './store.ts';

interface MoveRow {
  account_id: string;
  number: string;
  from_cell: string;
  to_cell: string;
  state: AccountMove['state'];
  after: string | null;
  copied: string;
  error: string | null;
  started_at: Date;
  finished_at: Date | null;
}

const MOVE =
  'account_id, number::text, from_cell, to_cell, state, after::text, copied::text, error, started_at, finished_at';

function toMove(row: MoveRow): AccountMove {
  return {
    accountId: row.account_id,
    number: row.number,
    from: row.from_cell,
    to: row.to_cell,
    state: row.state,
    after: row.after ?? undefined,
    copied: Number(row.copied),
    error: row.error,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

/** Of what is unique over all cells. */
const SEQUENCES = ['accounts_number_seq', 'endpoints_number_seq', 'endpoint_headers_id'];

export function accountCellStore(database: Database): AccountCellStore {
  return {
    async numberOf(cell) {
      // Two at once may want the same number: whoever comes too late takes the next.
      for (;;) {
        const [row] = await database.run<{ number: number }>('SELECT number FROM cells WHERE name = $1', [cell]);
        if (row) return row.number;
        await database.run(
          'INSERT INTO cells (name, number) SELECT $1, coalesce(max(number), 0) + 1 FROM cells ON CONFLICT DO NOTHING',
          [cell],
        );
      }
    },

    async countFrom(number) {
      for (const sequence of SEQUENCES)
        await database.run(`SELECT setval('${sequence}', $1::bigint) FROM ${sequence} WHERE last_value < $1::bigint`, [
          number,
        ]);
    },

    async isHere(accountId) {
      const rows = await database.run('SELECT FROM accounts WHERE id = $1 AND closed_at IS NULL', [accountId]);
      return rows.length > 0;
    },

    async areSeveral() {
      return (await database.run('SELECT FROM cells LIMIT 1')).length > 0;
    },

    async find(accountId) {
      const [row] = await database.run<{ cell: string; moving: boolean }>(
        'SELECT cell, moving FROM account_cells WHERE account_id = $1',
        [accountId],
      );
      return row && { cell: row.cell, isMoving: row.moving };
    },

    async putFirst(accountId, cell) {
      await database.run(
        `INSERT INTO account_cells (account_id, cell) SELECT $1, $2
         WHERE NOT EXISTS (SELECT FROM accounts WHERE id = $1) AND NOT EXISTS (SELECT FROM purges WHERE account_id = $1)
         ON CONFLICT DO NOTHING`,
        [accountId, cell],
      );
      // A statement of its own: it sees what somebody else stored meanwhile. Without an entry it is here, or what it has left is.
      return (await this.find(accountId))?.cell ?? FIRST;
    },

    async setMoving(accountId, cell, isMoving) {
      await database.run(
        `INSERT INTO account_cells (account_id, cell, moving) VALUES ($1, $2, $3)
         ON CONFLICT (account_id) DO UPDATE SET moving = $3`,
        [accountId, cell, isMoving],
      );
    },

    async beginMove(accountId, number, from, to) {
      const rows = await database.run(
        `INSERT INTO account_moves AS m (account_id, from_cell, to_cell, number, state) VALUES ($1, $2, $3, $4, 'copying')
         ON CONFLICT (account_id) DO UPDATE
         SET from_cell = $2, to_cell = $3, number = $4, state = 'copying', after = NULL, copied = 0, error = NULL,
             claimed_until = '-infinity', started_at = now(), finished_at = NULL
         WHERE m.state = 'finished' RETURNING 1`,
        [accountId, from, to, number],
      );
      return rows.length > 0;
    },

    async findMove(accountId) {
      const [row] = await database.run<MoveRow>(`SELECT ${MOVE} FROM account_moves WHERE account_id = $1`, [accountId]);
      return row && toMove(row);
    },

    async claimMove(by, forS) {
      const [row] = await database.run<MoveRow>(
        `UPDATE account_moves SET claimed_by = $1, claimed_until = now() + make_interval(secs => $2)
         WHERE account_id = (
           SELECT account_id FROM account_moves
           WHERE state <> 'finished' AND claimed_until < now()
           ORDER BY claimed_until, started_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING ${MOVE}`,
        [by, forS],
      );
      return row && toMove(row);
    },

    async saveMove(accountId, by, forS, { state, after, copied, error }) {
      const rows = await database.run(
        `UPDATE account_moves
         SET state = $4, after = $5, copied = $6, error = $7, claimed_until = now() + make_interval(secs => $3),
             finished_at = CASE WHEN $4 = 'finished' THEN now() END
         WHERE account_id = $1 AND claimed_by = $2 AND claimed_until > now()
           -- A switch whose answer was lost is not taken back.
           AND NOT (account_moves.state IN ('switched', 'following', 'finished') AND $4 IN ('copying', 'held'))
         RETURNING 1`,
        [accountId, by, forS, state, after ?? null, copied, error],
      );
      return rows.length > 0;
    },

    async releaseMove(by, afterS, error) {
      await database.run(
        `UPDATE account_moves SET claimed_until = now() + make_interval(secs => $2), error = coalesce($3, error)
         WHERE claimed_by = $1 AND state <> 'finished'`,
        [by, afterS, error],
      );
    },

    switchCell(accountId, by, forS, to) {
      return database.transaction(async (run) => {
        const rows = await run(
          `UPDATE account_moves SET state = 'switched', after = NULL, claimed_until = now() + make_interval(secs => $3)
           WHERE account_id = $1 AND claimed_by = $2 AND claimed_until > now() AND state = 'held' RETURNING 1`,
          [accountId, by, forS],
        );
        if (rows.length > 0) await run('UPDATE account_cells SET cell = $2 WHERE account_id = $1', [accountId, to]);
        return rows.length > 0;
      });
    },
  };
}
