-- Deletes a piece of the idempotency keys whose events are older than $1.
WITH gone AS (
  DELETE FROM idempotency
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency WHERE event_id < $1 ORDER BY event_id LIMIT $2 FOR UPDATE SKIP LOCKED))
  RETURNING 1
)
SELECT count(*)::int AS gone FROM gone
