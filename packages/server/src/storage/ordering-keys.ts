import { encodeId } from '../domain/ids.ts';
import type { AttemptError } from '../domain/outcome.ts';
import type { Database } from './database.ts';
import type { OrderingKeyStore } from './page-store.ts';
import { bytesOfUuid, fromUuidText, toUuidText } from './rows.ts';

const SMALLEST_UUID = '00000000-0000-0000-0000-000000000000';

/** A parked key: its first delivery, and how many are in line with that one. */
interface ParkedRow {
  ordering_key: string;
  id: string;
  event_id: string;
  trigger: string;
  attempts: number;
  due_at: Date;
  last_status: number | null;
  last_error: AttemptError | null;
  in_line: number;
}

export function orderingKeyStore(database: Database): OrderingKeyStore {
  return {
    async parked(accountId, endpointId, { limit, before: after }) {
      const rows = await database.run<ParkedRow>(
        `SELECT q.ordering_key, q.id, q.event_id, q.trigger, q.attempts, q.due_at, q.last_status, q.last_error,
                (SELECT k.waiting FROM ordering_keys k WHERE k.endpoint_id = q.endpoint_id AND k.key = q.ordering_key) AS in_line
         FROM queue q
         WHERE q.account_id = $1 AND q.endpoint_id = $2 AND q.ordering_key IS NOT NULL AND q.attempts > 0 AND q.id > $3
         ORDER BY q.id LIMIT $4`,
        [
          accountId,
          toUuidText('ep', endpointId),
          after === undefined ? SMALLEST_UUID : toUuidText('dlv', after),
          limit,
        ],
      );
      return rows.map((row) => ({
        key: row.ordering_key,
        deliveryId: encodeId('dlv', bytesOfUuid(row.id)),
        eventId: fromUuidText('evt', row.event_id),
        trigger: row.trigger,
        attempts: row.attempts,
        nextAttemptAt: row.due_at,
        lastStatus: row.last_status,
        lastError: row.last_error,
        behind: row.in_line - 1,
      }));
    },

    release(accountId, endpointId, key, deliveryId) {
      const endpoint = toUuidText('ep', endpointId);
      // One after the other: each sees what was committed while the one before it waited for its lock. The delivery, its lane,
      // its line: in this order everywhere.
      return database.transaction(async (run) => {
        const [first] = await run<{ id: string }>(
          `SELECT id FROM queue q
           WHERE account_id = $1 AND endpoint_id = $2 AND ordering_key = $3 AND due_at < 'infinity' AND attempts > 0
             AND ($4::uuid IS NULL OR id = $4) AND NOT EXISTS (
               SELECT FROM lanes l WHERE l.endpoint_id = q.endpoint_id AND l.epoch = q.sending_epoch AND l.node IS NOT NULL)
           ORDER BY turn LIMIT 1 FOR UPDATE`,
          [accountId, endpoint, key, deliveryId === undefined ? null : toUuidText('dlv', deliveryId)],
        );
        if (!first) return undefined;
        // By every clock: lanes that nobody owns are compared with those of the nodes.
        const [lane] = await run<{ node: number | null }>(
          "UPDATE lanes SET next_due_at = 'epoch' WHERE endpoint_id = $1 RETURNING node",
          [endpoint],
        );
        await run('UPDATE queue SET ordering_key = NULL, turn = NULL WHERE account_id = $1 AND id = $2', [
          accountId,
          first.id,
        ]);
        await run('SELECT leave_line($1, $2, true)', [endpoint, key]);
        const node = lane?.node ?? null;
        if (node !== null) await run("SELECT pg_notify('posthorn_lanes', $1 || ' ' || $2)", [String(node), endpoint]);
        return encodeId('dlv', bytesOfUuid(first.id));
      });
    },
  };
}
