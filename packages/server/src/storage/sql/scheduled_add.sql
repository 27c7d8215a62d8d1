-- Puts events of an account ($1) down for later; at most $2 of an account wait. The others are given as arrays, in the order of the
-- request. Answers those that are new, and whether the account is open.
WITH account AS (
  SELECT id FROM accounts WHERE id = $1 AND closed_at IS NULL FOR KEY SHARE
), waiting AS (
  -- Those that an application published with SQL are not counted: nobody could refuse them.
  SELECT count(*) AS n
  FROM (SELECT FROM scheduled_events WHERE account_id = $1 AND digest IS NOT NULL AND error IS NULL LIMIT $2) s
), new AS (
  -- What is there already takes no place.
  SELECT e.*, row_number() OVER (ORDER BY place) AS number
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::timestamptz[]) WITH ORDINALITY
         AS e(id, external_id, idempotency_key, trigger, input, digest, due_at, place)
  WHERE NOT EXISTS (SELECT FROM scheduled_events s WHERE s.account_id = $1 AND s.digest IS NOT NULL AND s.external_id = e.external_id)
    AND NOT EXISTS (SELECT FROM scheduled_events s WHERE s.account_id = $1 AND s.idempotency_key = e.idempotency_key)
), added AS (
  INSERT INTO scheduled_events (account_id, id, external_id, idempotency_key, trigger, input, digest, due_at)
  SELECT account.id, new.id, external_id, idempotency_key, trigger, input, digest, due_at
  FROM new CROSS JOIN account CROSS JOIN waiting
  WHERE waiting.n + number <= $2
  ORDER BY number
  ON CONFLICT DO NOTHING
  RETURNING id
)
SELECT id, EXISTS (SELECT FROM account) AS is_open FROM (SELECT 1) one LEFT JOIN added ON true
