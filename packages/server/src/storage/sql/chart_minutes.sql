-- Finished deliveries by time and outcome, in buckets below an hour, out of the history itself: $3 holds their starts, $4
-- and $5 the ids between which they lie. By ranges of ids: to take the time out of each id costs more than to read it.
SELECT b.at, sum(n) FILTER (WHERE status = 'succeeded') AS succeeded, sum(n) FILTER (WHERE status = 'discarded') AS discarded,
       sum(n) FILTER (WHERE status = 'skipped') AS skipped
FROM unnest($3::bigint[], $4::uuid[], $5::uuid[]) AS b(at, first_id, end_id)
CROSS JOIN LATERAL (
  SELECT status, count(*)::int AS n FROM deliveries
  WHERE account_id = $1 AND ($2::uuid IS NULL OR endpoint_id = $2) AND id >= b.first_id AND id < b.end_id AND NOT test
  GROUP BY 1
) counted
GROUP BY 1
