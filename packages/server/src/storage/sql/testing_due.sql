-- Endpoints in testing mode whose next sample is due, each taken by one node only. $1: now; $2: how many.
UPDATE testing_rounds t SET next_at = $1::timestamptz + make_interval(secs => t.interval_s)
FROM (
  SELECT r.endpoint_id, e.account_id FROM testing_rounds r JOIN endpoints e ON e.id = r.endpoint_id
  WHERE r.next_at <= $1 AND e.testing_until > $1
  ORDER BY r.next_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED
) due
WHERE t.endpoint_id = due.endpoint_id
RETURNING t.endpoint_id, due.account_id
