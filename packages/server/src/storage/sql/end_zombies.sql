-- Deliveries whose endpoint is gone, at most $1: accepted while it was being deleted, or too many to go with it. They
-- could neither be sent nor seen.
WITH lost AS (
  DELETE FROM queue WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM queue q
    WHERE lease_node IS NULL AND NOT EXISTS (SELECT FROM endpoints e WHERE e.id = q.endpoint_id)
    LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING *
), kept AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
                          finished_at, last_status, last_error)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, 'discarded', 'endpoint_deleted', attempts,
         now(), last_status, last_error
  FROM lost
)
SELECT count(*)::int AS ended FROM lost
