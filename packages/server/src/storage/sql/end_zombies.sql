-- Deliveries that were accepted while their endpoint was being deleted: they could neither be sent nor seen.
WITH lost AS (
  DELETE FROM queue
  WHERE lease_node IS NULL AND NOT EXISTS (SELECT FROM endpoints e WHERE e.id = queue.endpoint_id)
  RETURNING *
), kept AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
                          finished_at, last_status, last_error)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, 'discarded', 'endpoint_deleted', attempts,
         now(), last_status, last_error
  FROM lost
)
SELECT count(*)::int AS ended FROM lost
