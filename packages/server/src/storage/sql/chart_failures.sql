-- What deliveries of a time ($3, $4: its first ids) failed with, or are being retried for, by endpoint; of each kind the
-- newest $5 are counted.
SELECT endpoint_id, last_status, last_error, count(*)::int AS n, min(id::text) AS first, max(id::text) AS last
FROM (
  (SELECT id, endpoint_id, last_status, last_error FROM deliveries
   WHERE account_id = $1 AND ($2::uuid IS NULL OR endpoint_id = $2) AND id >= $3 AND id < $4
     AND status = 'discarded' AND NOT test
   ORDER BY id DESC LIMIT $5)
  UNION ALL
  (SELECT q.id, q.endpoint_id, q.last_status, q.last_error FROM queue q
   WHERE q.account_id = $1 AND ($2::uuid IS NULL OR q.endpoint_id = $2) AND q.id >= $3 AND q.id < $4
     AND q.attempts > 0 AND NOT q.test
   ORDER BY q.id DESC LIMIT $5)
) failed
GROUP BY 1, 2, 3
ORDER BY 4 DESC
LIMIT 12
