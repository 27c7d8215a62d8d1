-- For the list of webhooks: what became of each endpoint's deliveries since $2, hour by hour, the last one of all that
-- are kept, and what is being retried now. $3 is the first id of that time.
WITH counted AS MATERIALIZED (
  SELECT endpoint_id, at, sum(succeeded) AS succeeded, sum(discarded) AS discarded, sum(skipped) AS skipped,
         max(last_at) AS last_at, max(last_success_at) AS last_success_at
  FROM delivery_hours WHERE account_id = $1
  GROUP BY 1, 2
), hours AS (
  SELECT endpoint_id, max(last_at) AS last_at, max(last_success_at) AS last_success_at, json_agg(json_build_object(
           'at', extract(epoch FROM at)::bigint * 1000, 'succeeded', succeeded, 'discarded', discarded, 'skipped', skipped
         )) FILTER (WHERE at >= $2) AS finished
  FROM counted GROUP BY 1
)
SELECT e.id AS endpoint_id, coalesce(h.failures, 0) AS failures, coalesce(hours.finished, '[]') AS finished,
  greatest(hours.last_at, to_timestamp(('x' || substr(replace(newest.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0)) AS last_at,
  coalesce((
    SELECT json_agg(json_build_object('at', extract(epoch FROM r.at)::bigint * 1000, 'retrying', r.n))
    FROM (
      SELECT hour_of(q.id) AS at, count(*) AS n
      FROM (
        SELECT id FROM queue q
        WHERE e.status = 'active' AND q.account_id = $1 AND q.endpoint_id = e.id AND q.attempts > 0 AND q.id >= $3
          AND NOT q.test LIMIT 10000
      ) q GROUP BY 1
    ) r
  ), '[]') AS retried,
  CASE WHEN e.status = 'active' THEN (SELECT count(*)::int FROM (
    SELECT FROM queue q WHERE q.account_id = $1 AND q.endpoint_id = e.id AND q.attempts > 0 LIMIT 1000
  ) waiting) ELSE 0 END AS retrying,
  CASE WHEN e.status = 'inactive' THEN (SELECT count(*)::int FROM (
    SELECT FROM queue q WHERE q.endpoint_id = e.id LIMIT 10000
  ) waiting) ELSE 0 END AS held,
  coalesce(newest.is_newest, false) OR given_up.id IS NOT NULL AS is_failing,
  CASE WHEN newest.is_newest THEN newest.last_status ELSE given_up.last_status END AS last_status,
  CASE WHEN newest.is_newest THEN newest.last_error ELSE given_up.last_error END AS last_error
FROM endpoints e
LEFT JOIN endpoint_health h ON h.endpoint_id = e.id
LEFT JOIN hours ON hours.endpoint_id = e.id
-- The newest of those that are retried: the endpoint fails while nothing has arrived since that one happened. An old one
-- that is still retried says nothing about what the endpoint answers now.
LEFT JOIN LATERAL (
  SELECT q.id, q.last_status, q.last_error,
         to_timestamp(('x' || substr(replace(q.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0)
           > coalesce(hours.last_success_at, '-infinity') AS is_newest
  FROM queue q
  WHERE q.account_id = $1 AND q.endpoint_id = e.id AND q.attempts > 0
  ORDER BY q.id DESC LIMIT 1
) newest ON true
-- Of an endpoint whose last message was given up: nothing has arrived since.
LEFT JOIN LATERAL (
  SELECT d.id, d.last_status, d.last_error FROM deliveries d
  WHERE newest.is_newest IS NOT TRUE
    AND hours.last_at > coalesce(hours.last_success_at, '-infinity')
    AND d.endpoint_id = e.id AND d.account_id = $1 AND d.status = 'discarded'
  ORDER BY d.id DESC LIMIT 1
) given_up ON true
WHERE e.account_id = $1
