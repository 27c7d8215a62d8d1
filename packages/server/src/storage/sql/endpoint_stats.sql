-- What became of an endpoint's deliveries since the hour $3, as it was counted, and what waits now.
SELECT
  coalesce(sum(succeeded), 0)::int AS succeeded, coalesce(sum(discarded), 0)::int AS discarded,
  coalesce(sum(skipped), 0)::int AS skipped, max(last_success_at) AS last_success_at,
  (SELECT count(*) FROM queue WHERE endpoint_id = $2)::int AS waiting,
  (SELECT min(q.due_at) FROM queue q JOIN endpoints e ON e.id = q.endpoint_id AND e.status = 'active'
   WHERE q.endpoint_id = $2 AND q.due_at > 'epoch' AND q.due_at < 'infinity') AS oldest_due_at
FROM delivery_hours WHERE account_id = $1 AND endpoint_id = $2 AND at >= $3
