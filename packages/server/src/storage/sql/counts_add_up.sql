-- Adds up to $1 rows of what was counted lately to the hours that they belong to. Answers how many there were. In the
-- order of the key, so that two nodes that do it at once cannot wait for each other in a circle.
WITH taken AS (
  DELETE FROM delivery_counts_new
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM delivery_counts_new LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING *
), summed AS (
  INSERT INTO delivery_counts AS c
  SELECT account_id, at, endpoint_id, sum(succeeded), sum(discarded), sum(skipped), max(last_at), max(last_success_at)
  FROM taken GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (account_id, at, endpoint_id) DO UPDATE
  SET succeeded = c.succeeded + excluded.succeeded,
      discarded = c.discarded + excluded.discarded,
      skipped = c.skipped + excluded.skipped,
      last_at = greatest(c.last_at, excluded.last_at),
      last_success_at = greatest(c.last_success_at, excluded.last_success_at)
)
SELECT count(*)::int AS n FROM taken
