-- What became of an endpoint's deliveries since $3 (the first UUIDv7 of that time), and what waits now.
SELECT
  (SELECT count(*) FROM deliveries WHERE endpoint_id = $2 AND account_id = $1 AND id >= $3 AND status = 'succeeded')::int AS succeeded,
  (SELECT count(*) FROM deliveries WHERE endpoint_id = $2 AND account_id = $1 AND id >= $3 AND status = 'discarded')::int AS discarded,
  (SELECT count(*) FROM deliveries WHERE endpoint_id = $2 AND account_id = $1 AND id >= $3 AND status = 'skipped')::int AS skipped,
  (SELECT count(*) FROM queue WHERE endpoint_id = $2 AND lease_node IS NULL)::int AS waiting,
  (SELECT min(due_at) FROM queue WHERE endpoint_id = $2 AND lease_node IS NULL) AS oldest_due_at,
  (SELECT max(finished_at) FROM deliveries WHERE endpoint_id = $2 AND account_id = $1 AND id >= $3 AND status = 'succeeded') AS last_success_at
