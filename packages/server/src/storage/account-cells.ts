import type { Database } from './database.ts';
import type { AccountCellStore } from './store.ts';

/** Of what is unique over all cells. */
const SEQUENCES = ['accounts_number_seq', 'endpoints_number_seq', 'endpoint_headers_id'];

export function accountCellStore(database: Database): AccountCellStore {
  return {
    async numberOf(cell) {
      await database.run(
        'INSERT INTO cells (name, number) SELECT $1, coalesce(max(number), 0) + 1 FROM cells ON CONFLICT (name) DO NOTHING',
        [cell],
      );
      const [row] = await database.run<{ number: number }>('SELECT number FROM cells WHERE name = $1', [cell]);
      if (!row) throw new Error(`the cell ${cell} has no number`);
      return row.number;
    },

    async countFrom(number) {
      for (const sequence of SEQUENCES)
        await database.run(`SELECT setval('${sequence}', greatest($1::bigint, (SELECT last_value FROM ${sequence})))`, [
          number,
        ]);
    },

    async find(accountId) {
      const [row] = await database.run<{ cell: string }>('SELECT cell FROM account_cells WHERE account_id = $1', [
        accountId,
      ]);
      return row?.cell;
    },

    async putFirst(accountId, cell) {
      await database.run('INSERT INTO account_cells (account_id, cell) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
        accountId,
        cell,
      ]);
      // A statement of its own: it sees what somebody else stored meanwhile.
      return (await this.find(accountId)) ?? cell;
    },
  };
}
