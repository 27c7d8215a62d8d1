-- Percentiles of how long attempts took, over the newest $5 deliveries.
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY a.total_us / 1000.0) AS p, count(*)::int AS n
FROM (
  SELECT id FROM deliveries
  WHERE account_id = $1 AND ($2::uuid IS NULL OR endpoint_id = $2) AND id >= $3 AND id < $4
    AND status <> 'skipped' AND NOT test
  ORDER BY id DESC LIMIT $5
) d
JOIN attempts a ON a.delivery_id = d.id
