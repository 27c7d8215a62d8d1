-- The events that already stand behind a batch's idempotency keys.
SELECT asked.account_id, asked.key, i.event_id, i.digest, i.deliveries, e.external_id
FROM unnest($1::text[], $2::text[]) AS asked(account_id, key)
CROSS JOIN LATERAL (
  SELECT * FROM idempotency k WHERE k.account_id = asked.account_id AND k.key = asked.key LIMIT 1
) i
LEFT JOIN events e ON e.account_id = asked.account_id AND e.id = i.event_id
