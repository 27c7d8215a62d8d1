-- The accounts behind this one ($2), at most $3, and whether something of theirs is due by $1.
WITH RECURSIVE account(id) AS (
  (SELECT account_id FROM scheduled_events WHERE account_id > $2 ORDER BY account_id LIMIT 1)
  UNION ALL
  SELECT (SELECT s.account_id FROM scheduled_events s WHERE s.account_id > account.id ORDER BY s.account_id LIMIT 1)
  FROM account WHERE account.id IS NOT NULL
)
SELECT looked.id, first.account_id IS NOT NULL AS is_due
FROM (SELECT id FROM account WHERE id IS NOT NULL LIMIT $3) looked
LEFT JOIN LATERAL (
  SELECT s.account_id FROM scheduled_events s
  WHERE s.account_id = looked.id AND coalesce(s.next_try_at, s.due_at, 'infinity') <= $1
  LIMIT 1
) first ON true
ORDER BY looked.id
