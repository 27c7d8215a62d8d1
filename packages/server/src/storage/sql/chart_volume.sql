-- Deliveries by time and outcome: finished ones, and those that are being retried (100,000 of them at most). The time
-- is that of the id, which the partitions are ranges of.
WITH found AS (
  SELECT id, status, count(*) AS n FROM (
    SELECT floor(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / $5::float8)::bigint AS id, status
    FROM deliveries
    WHERE ($1::text IS NULL OR account_id = $1) AND ($2::uuid IS NULL OR endpoint_id = $2)
      AND id >= $3 AND id < $4 AND NOT test
  ) finished GROUP BY 1, 2
  UNION ALL
  SELECT floor(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / $5::float8)::bigint, 'retrying', count(*)
  FROM (
    SELECT id FROM queue
    WHERE attempts > 0 AND ($1::text IS NULL OR account_id = $1) AND ($2::uuid IS NULL OR endpoint_id = $2)
      AND id >= $3 AND id < $4 AND NOT test
    LIMIT 100000
  ) waiting GROUP BY 1
)
SELECT id * $5::bigint AS at, status, n::int AS n FROM found
