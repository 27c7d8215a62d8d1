-- Deliveries that are being retried, and those that are held for an inactive endpoint, by the time of their ids; 100,000
-- of them at most.
SELECT floor(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / $5::float8)::bigint * $5::bigint AS at,
       count(*) FILTER (WHERE status = 'active') AS retrying, count(*) FILTER (WHERE status = 'inactive') AS held
FROM (
  SELECT q.id, e.status FROM queue q JOIN endpoints e ON e.id = q.endpoint_id
  WHERE (q.attempts > 0 OR e.status = 'inactive')
    AND ($1::text IS NULL OR q.account_id = $1) AND ($2::uuid IS NULL OR q.endpoint_id = $2)
    AND q.id >= $3 AND q.id < $4 AND NOT q.test
  LIMIT 100000
) waiting
GROUP BY 1
