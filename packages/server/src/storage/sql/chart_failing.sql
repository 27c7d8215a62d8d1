-- Endpoints of all accounts that fail now, were switched off for it, or whose last message since $2 was given up: those
-- with the most failures in a row first, then those with the most retries, of which 100,000 are counted at most.
WITH retrying AS (
  SELECT endpoint_id, count(*)::int AS n
  FROM (SELECT endpoint_id FROM queue WHERE attempts > 0 LIMIT 100000) q
  GROUP BY 1
), given_up AS (
  SELECT endpoint_id FROM delivery_hours WHERE at >= $2
  GROUP BY 1 HAVING max(last_at) > coalesce(max(last_success_at), '-infinity')
)
SELECT e.account_id, a.name AS account_name, e.id, e.url, e.status, e.inactive_reason,
       coalesce(h.failures, 0) AS failures, coalesce(r.n, 0) AS retrying
FROM endpoints e
JOIN accounts a ON a.id = e.account_id
LEFT JOIN endpoint_health h ON h.endpoint_id = e.id
LEFT JOIN retrying r ON r.endpoint_id = e.id
WHERE h.failures > 0 OR r.n > 0 OR e.inactive_reason IN ('consecutive_failures', 'gone')
   OR (e.status = 'active' AND e.id IN (SELECT endpoint_id FROM given_up))
ORDER BY coalesce(h.failures, 0) DESC, coalesce(r.n, 0) DESC, e.id DESC
LIMIT $1
