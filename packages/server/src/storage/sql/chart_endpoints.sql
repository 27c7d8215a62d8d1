-- For the list of webhooks: what became of each endpoint's deliveries since $2, hour by hour, the last one, and what is
-- being retried now.
SELECT e.id AS endpoint_id, coalesce(h.failures, 0) AS failures,
  greatest(last.finished_at, to_timestamp(('x' || substr(replace(retry.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0)) AS last_at,
  (SELECT count(*)::int FROM (
     SELECT FROM queue q WHERE q.account_id = $1 AND q.endpoint_id = e.id AND q.attempts > 0 LIMIT 1000
   ) waiting) AS retrying,
  retry.last_status, retry.last_error,
  coalesce((
    SELECT json_agg(json_build_object('at', b.at, 'status', b.status, 'n', b.n))
    FROM (
      SELECT floor(('x' || substr(replace(one.id::text, '-', ''), 1, 12))::bit(48)::bigint / 3600000.0)::bigint * 3600000 AS at,
             one.status, count(*)::int AS n
      FROM (
        SELECT d.id, d.status FROM deliveries d
        WHERE d.endpoint_id = e.id AND d.account_id = $1 AND d.id >= $2 AND NOT d.test
        UNION ALL
        (SELECT q.id, 'retrying' FROM queue q
         WHERE q.account_id = $1 AND q.endpoint_id = e.id AND q.attempts > 0 AND q.id >= $2 AND NOT q.test LIMIT 10000)
      ) one
      GROUP BY 1, 2
    ) b
  ), '[]') AS hours
FROM endpoints e
LEFT JOIN endpoint_health h ON h.endpoint_id = e.id
LEFT JOIN LATERAL (
  SELECT d.finished_at FROM deliveries d
  WHERE d.endpoint_id = e.id AND d.account_id = $1 AND d.status <> 'skipped'
  ORDER BY d.id DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
  SELECT q.id, q.last_status, q.last_error FROM queue q
  WHERE q.account_id = $1 AND q.endpoint_id = e.id AND q.attempts > 0
  ORDER BY q.id DESC LIMIT 1
) retry ON true
WHERE e.account_id = $1
