import { bools, int4s, texts, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import { fromUuidText, toUuid, toUuidText } from './rows.ts';
import { statement } from './statement.ts';
import type { HealthStore } from './store.ts';

const HEALTH = statement('health');

interface CountedRow {
  endpoint_id: string;
  before: number;
  after: number;
  peak: number;
  status_at: string | null;
}

export function healthStore(database: Database): HealthStore {
  return {
    async count(seen) {
      const rows = await database.hot<CountedRow>(HEALTH, [
        uuids(seen.map((s) => toUuid('ep', s.endpointId))),
        int4s(seen.map((s) => s.leading)),
        bools(seen.map((s) => s.hadSuccess)),
        int4s(seen.map((s) => s.trailing)),
        int4s(seen.map((s) => s.longest)),
        int4s(seen.map((s) => s.limit)),
        texts(seen.map((s) => s.about)),
      ]);
      return rows.map(({ endpoint_id, status_at, ...counts }) => ({
        endpointId: fromUuidText('ep', endpoint_id),
        statusAt: status_at,
        ...counts,
      }));
    },

    async switchOff({ accountId, endpointId, reason, nowMs, notice, statusAt }) {
      const rows = await database.run(
        `WITH changed AS (
           UPDATE endpoints SET status = 'inactive', inactive_reason = $4, status_at = $3, updated_at = now()
           WHERE account_id = $1 AND id = $2 AND status = 'active' AND (testing_until IS NULL OR testing_until <= $3)
             AND ($7 OR extract(epoch FROM status_at)::text IS NOT DISTINCT FROM $8)
           RETURNING id
         ), told AS (
           INSERT INTO notices (trigger, payload) SELECT $5, $6 FROM changed WHERE $5::text IS NOT NULL
         )
         SELECT id FROM changed`,
        [
          accountId,
          toUuidText('ep', endpointId),
          new Date(nowMs),
          reason,
          notice?.trigger ?? null,
          notice?.payload ?? null,
          statusAt === undefined,
          statusAt ?? null,
        ],
      );
      return rows.length > 0;
    },
  };
}
