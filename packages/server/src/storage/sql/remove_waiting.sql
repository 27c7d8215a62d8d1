-- A deleted endpoint's waiting deliveries end in history as discarded; those being sent right now settle by themselves.
-- The first $3 of them: with millions, the others follow in pieces (end_zombies.sql).
WITH removed AS (
  DELETE FROM queue WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM queue WHERE account_id = $1 AND endpoint_id = $2 AND lease_node IS NULL LIMIT $3 FOR UPDATE))
  RETURNING *
)
INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
                        finished_at, last_status, last_error)
SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, 'discarded', 'endpoint_deleted', attempts,
       now(), last_status, last_error
FROM removed
