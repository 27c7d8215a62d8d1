import { type Database, statement } from './database.ts';
import type { NodeStore, SettingStore } from './store.ts';

const TAKE_OVER = statement('take_over').text;
const FREE_ORPHANS = statement('free_orphans').text;

export function nodeStore(database: Database): NodeStore {
  return {
    async register(host, pid) {
      const [row] = await database.run<{ id: number }>('INSERT INTO nodes (host, pid) VALUES ($1, $2) RETURNING id', [
        host,
        pid,
      ]);
      if (!row) throw new Error('INSERT answered no row');
      return row.id;
    },
    async beat(node) {
      const rows = await database.run('UPDATE nodes SET heartbeat_at = now() WHERE id = $1 RETURNING id', [node]);
      return rows.length > 0;
    },
    async takeOver(node, deadAfterS, everybodyElse) {
      const [row] = await database.run<{ nodes: number; deliveries: number }>(TAKE_OVER, [node, deadAfterS, everybodyElse]);
      return row ?? { nodes: 0, deliveries: 0 };
    },
    async freeOrphans() {
      return (await database.run(`${FREE_ORPHANS} RETURNING 1`)).length;
    },
    async leave(node) {
      await database.run('DELETE FROM nodes WHERE id = $1', [node]);
    },
  };
}

export function settingStore(database: Database): SettingStore {
  return {
    async get(name) {
      const [row] = await database.run<{ value: string }>('SELECT value FROM settings WHERE name = $1', [name]);
      return row?.value;
    },
    async putFirst(name, value) {
      await database.run('INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING', [name, value]);
      const [row] = await database.run<{ value: string }>('SELECT value FROM settings WHERE name = $1', [name]);
      return row?.value ?? value;
    },
    async put(name, value) {
      await database.run(
        'INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
        [name, value],
      );
    },
  };
}
