-- Stores a batch of publications: events with their deliveries and idempotency keys. The group commit behind every 202.
-- Refuses, and answers, publications of accounts whose copy in the node's memory is outdated (a version of NULL: that are
-- closed), and those whose key stands for an earlier event; all others are stored. Two statements that store the same
-- key at the same moment end in unique_violation for one of them, which stores nothing.
WITH stale AS MATERIALIZED (
  SELECT copy.id
  FROM unnest($1::text[], $2::int8[]) AS copy(id, version)
  WHERE NOT EXISTS (
    SELECT FROM accounts a
    WHERE a.id = copy.id AND a.closed_at IS NULL AND (copy.version IS NULL OR a.version = copy.version))
), refused AS MATERIALIZED (
  SELECT p.publication FROM unnest($3::text[]) WITH ORDINALITY AS p(account_id, publication)
  WHERE p.account_id IN (SELECT id FROM stale)
  UNION ALL
  SELECT k.publication FROM unnest($4::int4[], $5::text[], $6::text[]) AS k(publication, account_id, key)
  WHERE EXISTS (SELECT FROM idempotency i WHERE i.account_id = k.account_id AND i.key = k.key)
), kept_keys AS (
  INSERT INTO idempotency (account_id, key, event_id, digest, deliveries)
  SELECT account_id, key, event_id, digest, deliveries
  FROM unnest($4::int4[], $5::text[], $6::text[], $7::uuid[], $8::bytea[], $9::int4[])
    AS k(publication, account_id, key, event_id, digest, deliveries)
  WHERE publication <> ALL (ARRAY(SELECT publication FROM refused))
), kept_events AS (
  INSERT INTO events (account_id, id, external_id, trigger, by_topic, test, payload)
  SELECT account_id, id, external_id, trigger, by_topic, test, payload
  FROM unnest($10::int4[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::bool[], $16::bool[], $17::bytea[])
    AS e(publication, account_id, id, external_id, trigger, by_topic, test, payload)
  WHERE publication <> ALL (ARRAY(SELECT publication FROM refused))
), queued AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, lease_node, payload_bytes)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, lease_node, payload_bytes
  FROM unnest($18::int4[], $19::text[], $20::uuid[], $21::uuid[], $22::uuid[], $23::text[], $24::text[], $25::bool[],
              $26::timestamptz[], $27::int4[], $28::int4[])
    AS q(publication, account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, lease_node, payload_bytes)
  WHERE publication <> ALL (ARRAY(SELECT publication FROM refused))
), skipped AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts, finished_at)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, 'skipped', reason, 0, $38
  FROM unnest($29::int4[], $30::text[], $31::uuid[], $32::uuid[], $33::uuid[], $34::text[], $35::text[], $36::bool[], $37::text[])
    AS s(publication, account_id, id, endpoint_id, event_id, topic, trigger, test, reason)
  WHERE publication <> ALL (ARRAY(SELECT publication FROM refused))
)
SELECT publication::int, NULL::text AS stale FROM refused
UNION ALL
SELECT NULL, id FROM stale
