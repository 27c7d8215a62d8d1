-- Counts failures in a row, a batch at a time and over all nodes. Of each endpoint ($1) the batch saw failures
-- before its first success ($2), whether it saw a success ($3), failures after the last one ($4), and the
-- longest run in between ($5). Rows without a failure only reset what is there. Answers the count before and after, and
-- since when the endpoint has its status. The
-- operator is told, by notices that begin with $7, when an endpoint crosses half of the failures that switch it off ($6).
WITH seen AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::int4[], $3::bool[], $4::int4[], $5::int4[], $6::int4[], $7::text[])
    AS s(endpoint_id, first_run, reset, last_run, longest, failures_max, about)
  WHERE EXISTS (SELECT FROM endpoints e WHERE e.id = s.endpoint_id)
  ORDER BY endpoint_id
), before AS MATERIALIZED (
  SELECT h.endpoint_id, h.failures FROM endpoint_health h JOIN seen USING (endpoint_id)
  ORDER BY h.endpoint_id
  FOR UPDATE OF h
), counted AS (
  -- The join makes sure that `before` is read before anything is written.
  INSERT INTO endpoint_health AS h (endpoint_id, failures)
  SELECT endpoint_id, CASE WHEN reset THEN last_run ELSE first_run END
  FROM seen LEFT JOIN before USING (endpoint_id)
  WHERE first_run + last_run > 0 OR before.failures > 0
  ON CONFLICT (endpoint_id) DO UPDATE
  SET failures = CASE WHEN (SELECT reset FROM seen WHERE seen.endpoint_id = h.endpoint_id) THEN excluded.failures
                      ELSE h.failures + excluded.failures END
  RETURNING endpoint_id, failures
), result AS MATERIALIZED (
  SELECT c.endpoint_id, coalesce(b.failures, 0) AS before, c.failures AS after, s.failures_max, s.about,
         greatest(coalesce(b.failures, 0) + s.first_run, s.longest, s.last_run, c.failures) AS peak
  FROM counted c JOIN seen s USING (endpoint_id) LEFT JOIN before b USING (endpoint_id)
), told AS (
  INSERT INTO notices (trigger, payload)
  SELECT CASE WHEN after >= half THEN 'endpoint.failing' ELSE 'endpoint.recovered' END,
         CASE WHEN after >= half THEN (about::jsonb || jsonb_build_object('failures', after, 'limit', failures_max))::text
              ELSE about END
  FROM (SELECT *, (failures_max + 1) / 2 AS half FROM result) r
  -- Of one that is switched off at once, that alone is told.
  WHERE about IS NOT NULL AND peak < failures_max AND (before >= half) <> (after >= half)
)
SELECT endpoint_id, before, after, peak,
       (SELECT extract(epoch FROM status_at)::text FROM endpoints e WHERE e.id = endpoint_id) AS status_at
FROM result
