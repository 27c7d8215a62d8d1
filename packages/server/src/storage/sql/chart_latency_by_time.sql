-- Percentiles of how long attempts took, bucket by bucket: $3 holds their starts, $4 and $5 the ids between which they
-- lie. Each is made of its newest $6 deliveries, so that a busy day costs no more than a quiet one.
SELECT b.at, p.p
FROM unnest($3::bigint[], $4::uuid[], $5::uuid[]) AS b(at, first_id, end_id)
CROSS JOIN LATERAL (
  SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY a.total_us / 1000.0) AS p
  FROM (
    SELECT id FROM deliveries
    WHERE account_id = $1 AND ($2::uuid IS NULL OR endpoint_id = $2) AND id >= b.first_id AND id < b.end_id
      AND status <> 'skipped' AND NOT test
    ORDER BY id DESC LIMIT $6
  ) d
  JOIN attempts a ON a.delivery_id = d.id
) p
WHERE p.p IS NOT NULL
ORDER BY b.at
