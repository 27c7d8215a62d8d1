import { bools, int4s, uuids } from './arrays.ts';
import { type Database, statement } from './database.ts';
import { fromUuidText, toUuid, toUuidText } from './rows.ts';
import type { HealthStore } from './store.ts';

const HEALTH = statement('health');

export function healthStore(database: Database): HealthStore {
  return {
    async count(seen) {
      const rows = await database.hot<{ endpoint_id: string; before: number; after: number; peak: number }>(HEALTH, [
        uuids(seen.map((s) => toUuid('ep', s.endpointId))),
        int4s(seen.map((s) => s.leading)),
        bools(seen.map((s) => s.hadSuccess)),
        int4s(seen.map((s) => s.trailing)),
        int4s(seen.map((s) => s.longest)),
      ]);
      return rows.map(({ endpoint_id, ...counts }) => ({ endpointId: fromUuidText('ep', endpoint_id), ...counts }));
    },

    async switchOff(accountId, endpointId, reason, nowMs) {
      const rows = await database.run(
        `UPDATE endpoints SET status = 'inactive', inactive_reason = $4, updated_at = now()
         WHERE account_id = $1 AND id = $2 AND status = 'active' AND (testing_until IS NULL OR testing_until <= $3)
         RETURNING id`,
        [accountId, toUuidText('ep', endpointId), new Date(nowMs), reason],
      );
      return rows.length > 0;
    },
  };
}
