-- Ends a piece of the deliveries of a lane ($1, owned by $3 in the epoch $2) whose endpoint has been deleted; what the node
-- has in memory ($4) ends by itself. Answers how many.
WITH piece AS MATERIALIZED (
  SELECT q.ctid AS place, q.endpoint_id, q.ordering_key FROM queue q
  WHERE q.endpoint_id = $1 AND q.id NOT IN (SELECT held.id FROM unnest($4::uuid[]) AS held(id))
    AND EXISTS (SELECT FROM lanes l WHERE l.endpoint_id = $1 AND l.epoch = $2 AND l.node = $3)
    AND NOT EXISTS (SELECT FROM endpoints e WHERE e.id = $1)
  LIMIT $5
  FOR UPDATE
), lines AS MATERIALIZED (
  -- In one order everywhere, as where outcomes are stored.
  SELECT FROM ordering_keys k
  WHERE k.endpoint_id = $1 AND k.key IN (SELECT ordering_key FROM piece WHERE ordering_key IS NOT NULL)
  ORDER BY k.endpoint_id, k.key FOR UPDATE
), ended AS (
  DELETE FROM queue WHERE ctid = ANY (ARRAY(SELECT place FROM piece)) AND (SELECT count(*) FROM lines) >= 0
  RETURNING account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, last_status, last_error
), kept AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
                          finished_at, last_status, last_error)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, 'discarded', 'endpoint_deleted', attempts,
         now(), last_status, last_error
  FROM ended
), hours AS (
  INSERT INTO delivery_counts_new (account_id, at, endpoint_id, succeeded, discarded, skipped, last_at)
  SELECT account_id, hour_of(id), endpoint_id, 0, count(*) FILTER (WHERE NOT test), 0, now()
  FROM ended GROUP BY 1, 2, 3
)
SELECT count(*)::int AS ended FROM ended
