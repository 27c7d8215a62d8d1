-- Locks events of these accounts ($3) whose time has come by $1, at most $2 of each; the first of every account come first.
SELECT due.account_id, due.id, octet_length(due.input) AS bytes
FROM unnest($3::text[]) AS account(id)
CROSS JOIN LATERAL (
  SELECT s.*, coalesce(s.next_try_at, s.due_at, 'infinity') AS at
  FROM scheduled_events s
  WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.id = account.id AND a.moved_to IS NOT NULL)
    AND s.account_id = account.id AND coalesce(s.next_try_at, s.due_at, 'infinity') <= $1
  ORDER BY coalesce(s.next_try_at, s.due_at, 'infinity'), s.seq
  LIMIT $2
  FOR UPDATE SKIP LOCKED
) due
ORDER BY row_number() OVER (PARTITION BY due.account_id ORDER BY due.at, due.seq), due.account_id
