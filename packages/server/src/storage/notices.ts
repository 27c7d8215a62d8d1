import type { Database } from './database.ts';
import type { NoticeStore } from './store.ts';

export function noticeStore(database: Database): NoticeStore {
  return {
    list: (limit) => database.run('SELECT id, trigger, payload FROM notices ORDER BY created_at, id LIMIT $1', [limit]),

    async remove(ids) {
      if (ids.length > 0) await database.run('DELETE FROM notices WHERE id = ANY ($1)', [`{${ids.join(',')}}`]);
    },

    async dropBefore(ms) {
      await database.run('DELETE FROM notices WHERE created_at < $1', [new Date(ms)]);
    },
  };
}
