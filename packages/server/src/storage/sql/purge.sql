-- Removes a piece of an account's history that is older than $2, the first id that is kept. What is not finished stays, with its
-- event and its attempts. Answers how many rows went; 0 means that nothing is left of it.
WITH gone_events AS (
  DELETE FROM events WHERE account_id = $1 AND id IN (
    SELECT id FROM events
    WHERE account_id = $1 AND id < $2
      AND NOT EXISTS (SELECT FROM queue WHERE queue.account_id = $1 AND queue.event_id = events.id)
    LIMIT $3)
  RETURNING id
), gone_feed AS (
  DELETE FROM feed WHERE account_id = $1 AND event_id IN (SELECT id FROM gone_events)
), gone_deliveries AS (
  DELETE FROM deliveries WHERE account_id = $1 AND id IN (
    SELECT id FROM deliveries WHERE account_id = $1 AND id < $2 LIMIT $3)
  RETURNING id
), gone_attempts AS (
  DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM gone_deliveries)
  RETURNING 1
)
SELECT ((SELECT count(*) FROM gone_events) + (SELECT count(*) FROM gone_deliveries) + (SELECT count(*) FROM gone_attempts))::int AS gone
