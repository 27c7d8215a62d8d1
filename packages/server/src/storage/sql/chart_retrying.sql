-- Deliveries that are being retried, by the time of their ids; 100,000 of them at most.
SELECT floor(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / $5::float8)::bigint * $5::bigint AS at,
       count(*) AS retrying
FROM (
  SELECT id FROM queue
  WHERE attempts > 0 AND ($1::text IS NULL OR account_id = $1) AND ($2::uuid IS NULL OR endpoint_id = $2)
    AND id >= $3 AND id < $4 AND NOT test
  LIMIT 100000
) waiting
GROUP BY 1
