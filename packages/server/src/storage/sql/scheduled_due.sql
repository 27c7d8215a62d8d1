-- Locks events whose time has come by $1, at most $2, those first that wait longest.
SELECT account_id, id, octet_length(input) AS bytes
FROM scheduled_events
WHERE coalesce(next_try_at, due_at) <= $1
  AND NOT EXISTS (SELECT FROM accounts a WHERE a.id = scheduled_events.account_id AND a.moved_to IS NOT NULL)
ORDER BY coalesce(next_try_at, due_at), seq
LIMIT $2
FOR UPDATE SKIP LOCKED
