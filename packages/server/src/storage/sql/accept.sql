-- Stores a batch of publications: events with their deliveries and idempotency keys. The group commit behind every 202.
-- Refuses, and answers, publications of accounts whose copy in the node's memory is outdated (a version of NULL: that are
-- closed), and those whose key stands for an earlier event; all others are stored. Two statements that store the same
-- key at the same moment end in unique_violation for one of them, which stores nothing.
--
-- $41 to $43 are the lanes of the batch. With an epoch: the node relies on owning it, and hands deliveries over from memory
-- that get no row in the queue; if one of these is lost, everything is refused. Without: the lane is taken if nobody
-- owns it, otherwise its owner is told, and all deliveries of it get their rows. The answer has a row for each of these.
-- Events of accounts that have a feed get their place in it. Deliveries with an ordering key ($45; NULL: none has one) come in the
-- order of endpoints and keys, so that two statements wait for each other's lines in turn, not crosswise.
WITH alive AS MATERIALIZED (
  SELECT FROM nodes n WHERE n.id = $40 AND n.dead_at IS NULL
), lost AS MATERIALIZED (
  SELECT known.endpoint_id
  FROM unnest($41::uuid[], $43::int8[]) AS known(endpoint_id, epoch)
  WHERE known.epoch IS NOT NULL AND NOT EXISTS (
    SELECT FROM lanes l WHERE l.endpoint_id = known.endpoint_id AND l.node = $40 AND l.epoch = known.epoch
      AND EXISTS (SELECT FROM alive))
), stale AS MATERIALIZED (
  SELECT copy.id
  FROM unnest($1::text[], $2::int8[]) AS copy(id, version)
  WHERE NOT EXISTS (
    SELECT FROM accounts a
    WHERE a.id = copy.id AND a.closed_at IS NULL AND (copy.version IS NULL OR a.version = copy.version))
), refused AS MATERIALIZED (
  SELECT p.publication FROM unnest($3::text[]) WITH ORDINALITY AS p(account_id, publication)
  WHERE p.account_id IN (SELECT id FROM stale) OR EXISTS (SELECT FROM lost)
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
  INSERT INTO events (account_id, id, external_id, trigger, by_topic, test, payload, node, handed_over)
  SELECT account_id, id, external_id, trigger, by_topic, test, payload, $40, handed_over
  FROM unnest($10::int4[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::bool[], $16::bool[], $17::bytea[],
              $18::bytea[])
    AS e(publication, account_id, id, external_id, trigger, by_topic, test, payload, handed_over)
  WHERE publication <> ALL (ARRAY(SELECT publication FROM refused))
), taken AS (
  INSERT INTO lanes AS l (endpoint_id, account_id, node, next_due_at)
  SELECT endpoint_id, account_id, CASE WHEN $44 AND EXISTS (SELECT FROM alive) THEN $40 END, $39
  FROM unnest($41::uuid[], $42::text[], $43::int8[]) AS wanted(endpoint_id, account_id, epoch)
  WHERE epoch IS NULL AND account_id NOT IN (SELECT id FROM stale) AND NOT EXISTS (SELECT FROM lost)
  -- In one order everywhere, so that two nodes wait for each other in turn, not crosswise.
  ORDER BY endpoint_id
  ON CONFLICT (endpoint_id) DO UPDATE
  SET node = coalesce(l.node, excluded.node),
      epoch = CASE WHEN l.node IS NULL THEN excluded.epoch ELSE l.epoch END,
      next_due_at = least(l.next_due_at, excluded.next_due_at)
  -- What belongs to this node although it has been declared dead is being taken over.
  RETURNING endpoint_id, CASE WHEN node <> $40 OR EXISTS (SELECT FROM alive) THEN node END AS node, epoch, xmax = 0 AS is_new
), elsewhere AS MATERIALIZED (
  SELECT endpoint_id FROM taken WHERE node IS DISTINCT FROM $40
), queued AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes, ordering_key)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes, ordering_key
  FROM unnest($19::int4[], $20::text[], $21::uuid[], $22::uuid[], $23::uuid[], $24::text[], $25::text[], $26::bool[],
              $27::timestamptz[], $28::int4[], $29::bool[], $45::text[])
    AS q(publication, account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes, handed_over,
         ordering_key)
  WHERE publication <> ALL (ARRAY(SELECT publication FROM refused))
    AND (NOT handed_over OR endpoint_id = ANY (ARRAY(SELECT endpoint_id FROM elsewhere)))
), skipped AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts, finished_at)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, 'skipped', reason, 0, $39
  FROM unnest($30::int4[], $31::text[], $32::uuid[], $33::uuid[], $34::uuid[], $35::text[], $36::text[], $37::bool[], $38::text[])
    AS s(publication, account_id, id, endpoint_id, event_id, topic, trigger, test, reason)
  WHERE publication <> ALL (ARRAY(SELECT publication FROM refused))
  RETURNING account_id, id, endpoint_id, test
), hours AS (
  -- While nodes of the version before run, a trigger counts.
  INSERT INTO delivery_counts_new (account_id, at, endpoint_id, succeeded, discarded, skipped)
  SELECT account_id, hour_of(id), endpoint_id, 0, 0, count(*) FILTER (WHERE NOT test)
  FROM skipped
  WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'deliveries'::regclass AND tgname = 'count_ended')
  GROUP BY 1, 2, 3
), feeds_on AS (
  -- Behind the events: tables are locked in the order in which they stand here, and partitions come and go in that order.
  -- Held until the end: whoever numbers events of the account next waits until these are committed. In one order everywhere.
  INSERT INTO feeds AS f (account_id, position)
  SELECT account_id, count(*)
  FROM unnest($10::int4[], $11::text[], $16::bool[]) AS e(publication, account_id, test)
  WHERE NOT test AND publication <> ALL (ARRAY(SELECT publication FROM refused))
    AND account_id IN (SELECT account_id FROM feeds)
  GROUP BY account_id
  ORDER BY account_id
  ON CONFLICT (account_id) DO UPDATE SET position = f.position + excluded.position
  RETURNING account_id, position
), fed AS (
  INSERT INTO feed (account_id, position, event_id)
  SELECT account_id, f.position + 1 - row_number() OVER (PARTITION BY account_id ORDER BY e.id DESC), e.id
  FROM unnest($10::int4[], $11::text[], $12::uuid[], $16::bool[]) AS e(publication, account_id, id, test)
    JOIN feeds_on f USING (account_id)
  WHERE NOT test AND publication <> ALL (ARRAY(SELECT publication FROM refused))
), told AS (
  -- A notification holds 8,000 bytes at most.
  SELECT pg_notify('posthorn_lanes', node || ' ' || string_agg(endpoint_id::text, ' ')) AS done
  FROM (SELECT node, endpoint_id, row_number() OVER (PARTITION BY node ORDER BY endpoint_id) / 200 AS part
        FROM taken WHERE node <> $40) t
  GROUP BY node, part
)
SELECT publication::int, NULL::text AS stale, NULL::uuid AS endpoint_id, NULL::int AS node, NULL::text AS epoch, NULL::bool AS is_new
FROM refused
UNION ALL
SELECT NULL, id, NULL, NULL, NULL, NULL FROM stale
UNION ALL
SELECT NULL, NULL, endpoint_id, node, epoch::text, is_new FROM taken
UNION ALL
SELECT NULL, NULL, endpoint_id, NULL, NULL, NULL FROM lost
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL FROM told
