import type { Database } from './database.ts';
import type { AccountCellStore } from './store.ts';

export function accountCellStore(database: Database): AccountCellStore {
  return {
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
