-- For the console's list of accounts ($1): what became of their deliveries since $2, when something happened last, and how
-- many of their endpoints were switched off, or fail: nothing has arrived since the last message was given up, or there
-- are failures in a row. Counts are read once, and further back only of accounts where nothing has happened since $2.
WITH counted AS MATERIALIZED (
  SELECT account_id, endpoint_id, sum(succeeded) AS succeeded, sum(discarded) AS discarded,
         max(last_at) AS last_at, max(last_success_at) AS last_success_at
  FROM delivery_hours
  WHERE account_id = ANY($1::text[]) AND at >= $2
  GROUP BY account_id, endpoint_id
), volumes AS MATERIALIZED (
  SELECT account_id, sum(succeeded)::int AS succeeded, sum(discarded)::int AS discarded, max(last_at) AS last_at
  FROM counted GROUP BY account_id
), standing AS MATERIALIZED (
  SELECT e.account_id, count(*)::int AS endpoints,
         count(*) FILTER (WHERE e.inactive_reason IN ('consecutive_failures', 'gone'))::int AS switched_off,
         count(*) FILTER (WHERE e.status = 'active' AND (
           f.failures > 0 OR c.last_at > coalesce(c.last_success_at, '-infinity')))::int AS failing
  FROM endpoints e
  LEFT JOIN endpoint_health f ON f.endpoint_id = e.id
  LEFT JOIN counted c ON c.account_id = e.account_id AND c.endpoint_id = e.id
  WHERE e.account_id = ANY($1::text[])
  GROUP BY e.account_id
)
SELECT a.id AS account_id,
       coalesce(v.succeeded, 0) AS succeeded, coalesce(v.discarded, 0) AS discarded,
       coalesce(v.last_at, (
         SELECT max(d.last_at) FROM delivery_counts d
         WHERE d.account_id = a.id AND d.at = (SELECT max(l.at) FROM delivery_counts l WHERE l.account_id = a.id))) AS last_at,
       coalesce(s.endpoints, 0) AS endpoints, coalesce(s.switched_off, 0) AS switched_off,
       coalesce(s.failing, 0) AS failing
FROM accounts a
LEFT JOIN volumes v ON v.account_id = a.id
LEFT JOIN standing s ON s.account_id = a.id
WHERE a.id = ANY($1::text[]) AND a.closed_at IS NULL
