-- For the console's list of accounts ($1): what became of their deliveries since $2, when something happened last, and how
-- many of their endpoints were switched off, or fail: nothing has arrived since the last message was given up, or there
-- are failures in a row.
SELECT a.id AS account_id,
       coalesce(sum(h.succeeded) FILTER (WHERE h.at >= $2), 0)::int AS succeeded,
       coalesce(sum(h.discarded) FILTER (WHERE h.at >= $2), 0)::int AS discarded,
       max(h.last_at) AS last_at,
       (SELECT count(*)::int FROM endpoints e WHERE e.account_id = a.id) AS endpoints,
       (SELECT count(*)::int FROM endpoints e
        WHERE e.account_id = a.id AND e.inactive_reason IN ('consecutive_failures', 'gone')) AS switched_off,
       (SELECT count(*)::int FROM endpoints e LEFT JOIN endpoint_health f ON f.endpoint_id = e.id
        WHERE e.account_id = a.id AND e.status = 'active' AND (
          coalesce(f.failures, 0) > 0 OR EXISTS (
            SELECT FROM delivery_hours d WHERE d.account_id = a.id AND d.endpoint_id = e.id AND d.at >= $2
            HAVING max(d.last_at) > coalesce(max(d.last_success_at), '-infinity')))) AS failing
FROM accounts a LEFT JOIN delivery_hours h ON h.account_id = a.id
WHERE a.id = ANY($1::text[]) AND a.closed_at IS NULL
GROUP BY a.id
