-- Stores a batch of events whose deliveries all are handed over in lanes that the node ($11) owns, without idempotency keys, of
-- accounts without a feed.
-- Like accept.sql, without what these do not need, in half of its time. If one of the accounts ($1, $2) is stale, or one of the
-- lanes ($12, $13) is lost, nothing is stored, and that is answered.
WITH lost AS MATERIALIZED (
  SELECT known.endpoint_id
  FROM unnest($12::uuid[], $13::int8[]) AS known(endpoint_id, epoch)
  WHERE NOT EXISTS (
    SELECT FROM lanes l WHERE l.endpoint_id = known.endpoint_id AND l.node = $11 AND l.epoch = known.epoch
      AND EXISTS (SELECT FROM nodes n WHERE n.id = $11 AND n.dead_at IS NULL))
), stale AS MATERIALIZED (
  SELECT copy.id
  FROM unnest($1::text[], $2::int8[]) AS copy(id, version)
  WHERE NOT EXISTS (
    SELECT FROM accounts a
    WHERE a.id = copy.id AND a.closed_at IS NULL AND (copy.version IS NULL OR a.version = copy.version))
), kept_events AS (
  INSERT INTO events (account_id, id, external_id, trigger, by_topic, test, payload, node, handed_over)
  SELECT account_id, id, external_id, trigger, by_topic, test, payload, $11, handed_over
  FROM unnest($3::text[], $4::uuid[], $5::text[], $6::text[], $7::bool[], $8::bool[], $9::bytea[], $10::bytea[])
    AS e(account_id, id, external_id, trigger, by_topic, test, payload, handed_over)
  WHERE NOT EXISTS (SELECT FROM lost) AND NOT EXISTS (SELECT FROM stale)
)
SELECT id AS stale, NULL::uuid AS lost FROM stale
UNION ALL
SELECT NULL, endpoint_id FROM lost
