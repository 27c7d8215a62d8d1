-- Finished deliveries by time and outcome. The time is that of the id, which the partitions are ranges of.
SELECT floor(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / $5::float8)::bigint * $5::bigint AS at,
       status, count(*)::int AS n
FROM deliveries
WHERE ($1::text IS NULL OR account_id = $1) AND ($2::uuid IS NULL OR endpoint_id = $2)
  AND id >= $3 AND id < $4 AND NOT test
GROUP BY 1, 2
