-- For the list of webhooks: what became of each endpoint's deliveries since $2, hour by hour, and the last one.
SELECT e.id AS endpoint_id, coalesce(h.failures, 0) AS failures, last.finished_at AS last_at,
  coalesce((
    SELECT json_agg(json_build_object('at', b.at, 'status', b.status, 'n', b.n))
    FROM (
      SELECT floor(('x' || substr(replace(d.id::text, '-', ''), 1, 12))::bit(48)::bigint / 3600000.0)::bigint * 3600000 AS at,
             d.status, count(*)::int AS n
      FROM deliveries d
      WHERE d.endpoint_id = e.id AND d.account_id = $1 AND d.id >= $2 AND NOT d.test
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
WHERE e.account_id = $1
