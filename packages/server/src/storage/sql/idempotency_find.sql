-- The events that already stand behind a batch's idempotency keys.
SELECT i.account_id, i.key, i.event_id, i.digest, i.deliveries
FROM unnest($1::text[], $2::text[]) AS asked(account_id, key)
JOIN idempotency i USING (account_id, key)
