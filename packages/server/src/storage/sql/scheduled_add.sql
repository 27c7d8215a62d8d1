-- Puts events of an account ($1) down for later; at most $2 of an account wait. The others are given as arrays, in the order of the
-- request. Answers those that are new, and whether the account is open.
WITH account AS (
  SELECT id FROM accounts WHERE id = $1 AND closed_at IS NULL FOR KEY SHARE
), waiting AS (
  -- Those that an application published with SQL are not counted: nobody could refuse them.
  SELECT count(*) AS n
  FROM (SELECT FROM scheduled_events WHERE account_id = $1 AND digest IS NOT NULL AND error IS NULL LIMIT $2) s
), added AS (
  INSERT INTO scheduled_events (account_id, id, external_id, idempotency_key, trigger, input, digest, due_at)
  SELECT account.id, e.id, e.external_id, e.idempotency_key, e.trigger, e.input, e.digest, e.due_at
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::timestamptz[]) WITH ORDINALITY
         AS e(id, external_id, idempotency_key, trigger, input, digest, due_at, place)
  CROSS JOIN account CROSS JOIN waiting
  WHERE waiting.n + e.place <= $2
  ORDER BY e.place
  ON CONFLICT DO NOTHING
  RETURNING id
)
SELECT id, EXISTS (SELECT FROM account) AS is_open FROM (SELECT 1) one LEFT JOIN added ON true
