import { bools, uuids } from './arrays.ts';
import { type Database, statement } from './database.ts';
import { fromUuidText, toUuid } from './rows.ts';
import type { PaceStore } from './store.ts';

const TAKE = statement('pace_take');
const RELEASE = statement('pace_release');

export function paceStore(database: Database): PaceStore {
  return {
    async take(asked, node) {
      const rows = await database.hot<{ endpoint_id: string; wanted: boolean }>(TAKE, [
        uuids(asked.map((a) => toUuid('ep', a.endpointId))),
        node,
        bools(asked.map((a) => a.urgent)),
      ]);
      return new Map(rows.map((row) => [fromUuidText('ep', row.endpoint_id), { wanted: row.wanted }]));
    },

    async release(held, node) {
      const seconds = `{${held.map((h) => Math.max(0, h.windowMs) / 1000).join(',')}}`;
      await database.hot(RELEASE, [uuids(held.map((h) => toUuid('ep', h.endpointId))), node, seconds]);
    },
  };
}
