-- The events for later that an account ($1) has under these ids and keys already, with the place of who asks.
SELECT asked.place::int4, s.id, s.due_at, s.digest
FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS asked(external_id, idempotency_key, place)
CROSS JOIN LATERAL (
  SELECT * FROM scheduled_events
  WHERE account_id = $1 AND digest IS NOT NULL
    AND (external_id = asked.external_id OR idempotency_key = asked.idempotency_key)
  LIMIT 1
) s
