-- Removes a piece of an account's history: all of it when the account was deleted, what is older than its contract keeps
-- otherwise. Answers how many rows went; 0 means that nothing is left of it.
WITH gone_waiting AS (
  -- Without its event it could not be sent any more.
  DELETE FROM queue WHERE account_id = $1 AND event_id < $2 AND lease_node IS NULL
), gone_events AS (
  DELETE FROM events WHERE account_id = $1 AND id IN (
    SELECT id FROM events WHERE account_id = $1 AND id < $2 LIMIT $3)
  RETURNING 1
), gone_deliveries AS (
  DELETE FROM deliveries WHERE account_id = $1 AND id IN (
    SELECT id FROM deliveries WHERE account_id = $1 AND id < $2 LIMIT $3)
  RETURNING id
), gone_attempts AS (
  DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM gone_deliveries)
  RETURNING 1
)
SELECT ((SELECT count(*) FROM gone_events) + (SELECT count(*) FROM gone_deliveries) + (SELECT count(*) FROM gone_attempts))::int AS gone
