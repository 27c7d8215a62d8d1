-- Deliveries that are being retried, and those that are held for an inactive endpoint, by the time of their ids; 100,000
-- of each at most. Two statements in one: each has an index, and neither reads what merely waits for its turn.
SELECT floor(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / $5::float8)::bigint * $5::bigint AS at,
       count(*) FILTER (WHERE NOT is_held) AS retrying, count(*) FILTER (WHERE is_held) AS held
FROM (
  (SELECT q.id, false AS is_held
   FROM queue q JOIN endpoints e ON e.id = q.endpoint_id
   WHERE q.attempts > 0 AND e.status = 'active'
     AND ($1::text IS NULL OR q.account_id = $1) AND ($2::uuid IS NULL OR q.endpoint_id = $2)
     AND q.id >= $3 AND q.id < $4 AND NOT q.test
   LIMIT 100000)
  UNION ALL
  (SELECT h.id, true
   FROM endpoints e CROSS JOIN LATERAL (
     SELECT q.id FROM queue q
     WHERE q.endpoint_id = e.id AND q.id >= $3 AND q.id < $4 AND NOT q.test
     LIMIT 100000) h
   WHERE e.status = 'inactive' AND ($1::text IS NULL OR e.account_id = $1) AND ($2::uuid IS NULL OR e.id = $2)
   LIMIT 100000)
) waiting
GROUP BY 1
