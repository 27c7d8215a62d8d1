-- Which endpoints have waiting deliveries, and since (or until) when the oldest is due. Jumps from endpoint to endpoint
-- in queue_waiting (a loose index scan), so its cost follows the number of endpoints, not of deliveries.
WITH RECURSIVE walk AS (
  (SELECT endpoint_id, account_id, due_at FROM queue
   WHERE lease_node IS NULL AND endpoint_id > $1
   ORDER BY endpoint_id, due_at LIMIT 1)
  UNION ALL
  SELECT next.* FROM walk
  CROSS JOIN LATERAL (
    SELECT endpoint_id, account_id, due_at FROM queue
    WHERE lease_node IS NULL AND endpoint_id > walk.endpoint_id
    ORDER BY endpoint_id, due_at LIMIT 1
  ) next
)
SELECT w.endpoint_id, w.account_id, w.due_at, e.status IS NOT DISTINCT FROM 'active' AS active
FROM (SELECT * FROM walk LIMIT $2) w
LEFT JOIN endpoints e ON e.id = w.endpoint_id
