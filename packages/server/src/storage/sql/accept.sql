-- Stores a batch of events with their deliveries, all or nothing: the group commit behind every 202.
-- Answers the accounts whose copy in the node's memory is outdated; then nothing has been stored, and the node fans
-- out again. A repeated idempotency key raises unique_violation, which also stores nothing.
WITH stale AS MATERIALIZED (
  SELECT copy.id
  FROM unnest($1::text[], $2::int8[]) AS copy(id, version)
  WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.id = copy.id AND a.version = copy.version)
), kept_keys AS (
  INSERT INTO idempotency (account_id, key, event_id, digest, deliveries)
  SELECT * FROM unnest($3::text[], $4::text[], $5::uuid[], $6::bytea[], $7::int4[])
  WHERE NOT EXISTS (SELECT FROM stale)
), kept_events AS (
  INSERT INTO events (account_id, id, external_id, trigger, by_topic, test, payload)
  SELECT * FROM unnest($8::text[], $9::uuid[], $10::text[], $11::text[], $12::bool[], $13::bool[], $14::bytea[])
  WHERE NOT EXISTS (SELECT FROM stale)
), queued AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, lease_node)
  SELECT * FROM unnest($15::text[], $16::uuid[], $17::uuid[], $18::uuid[], $19::text[], $20::text[], $21::bool[],
                       $22::timestamptz[], $23::int4[])
  WHERE NOT EXISTS (SELECT FROM stale)
), skipped AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts, finished_at)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, 'skipped', reason, 0, $32
  FROM unnest($24::text[], $25::uuid[], $26::uuid[], $27::uuid[], $28::text[], $29::text[], $30::bool[], $31::text[])
    AS s(account_id, id, endpoint_id, event_id, topic, trigger, test, reason)
  WHERE NOT EXISTS (SELECT FROM stale)
)
SELECT id FROM stale
