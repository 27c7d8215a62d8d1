-- Removes a piece of what a closed account ($1) has: at most $2 rows of each kind. Answers how many rows went.
WITH gone_queue AS (
  DELETE FROM queue WHERE account_id = $1 AND id IN (SELECT id FROM queue WHERE account_id = $1 LIMIT $2)
  RETURNING id
), gone_keys AS (
  DELETE FROM idempotency WHERE account_id = $1 AND key IN (SELECT key FROM idempotency WHERE account_id = $1 LIMIT $2)
  RETURNING 1
), gone_events AS (
  DELETE FROM events WHERE account_id = $1 AND id IN (SELECT id FROM events WHERE account_id = $1 LIMIT $2)
  RETURNING 1
), gone_deliveries AS (
  DELETE FROM deliveries WHERE account_id = $1 AND id IN (SELECT id FROM deliveries WHERE account_id = $1 LIMIT $2)
  RETURNING id
), gone_attempts AS (
  DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM gone_deliveries UNION ALL SELECT id FROM gone_queue)
), gone_headers AS (
  DELETE FROM endpoint_headers WHERE id IN (SELECT id FROM endpoint_headers WHERE account_id = $1 LIMIT $2)
  RETURNING 1
), gone_feed AS (
  DELETE FROM feed
  WHERE account_id = $1 AND event_id IN (SELECT event_id FROM feed WHERE account_id = $1 LIMIT $2)
  RETURNING 1
), gone_scheduled AS (
  DELETE FROM scheduled_events
  WHERE account_id = $1 AND id IN (SELECT id FROM scheduled_events WHERE account_id = $1 LIMIT $2)
  RETURNING 1
), gone_feeds AS (
  DELETE FROM feeds WHERE account_id = $1
), gone_counts AS (
  DELETE FROM delivery_counts
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM delivery_counts WHERE account_id = $1 LIMIT $2))
  RETURNING 1
), gone_new_counts AS (
  -- Each piece of deliveries that goes is counted off here: what the piece before has left.
  DELETE FROM delivery_counts_new
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM delivery_counts_new WHERE account_id = $1 LIMIT $2))
  RETURNING 1
)
SELECT ((SELECT count(*) FROM gone_queue) + (SELECT count(*) FROM gone_keys) + (SELECT count(*) FROM gone_events)
        + (SELECT count(*) FROM gone_deliveries) + (SELECT count(*) FROM gone_headers) + (SELECT count(*) FROM gone_feed)
        + (SELECT count(*) FROM gone_scheduled)
        + (SELECT count(*) FROM gone_counts) + (SELECT count(*) FROM gone_new_counts))::int AS gone
