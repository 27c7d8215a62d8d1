-- Puts deliveries into the queue that a node handed over and that nobody sends any more: it died, or never learned that they
-- were stored. Those whose event was not stored are left out, and those of which there is a row already. Their lanes are due
-- ($9: now), and their owners are told.
WITH missing AS MATERIALIZED (
  SELECT d.* FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[], $8::int4[])
    AS d(account_id, id, endpoint_id, event_id, topic, trigger, test, payload_bytes)
  WHERE EXISTS (SELECT FROM events v WHERE v.account_id = d.account_id AND v.id = d.event_id)
    AND NOT EXISTS (SELECT FROM queue q WHERE q.account_id = d.account_id AND q.id = d.id)
    AND NOT EXISTS (SELECT FROM deliveries f WHERE f.account_id = d.account_id AND f.id = d.id)
), queued AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, $9, payload_bytes FROM missing
  ON CONFLICT (account_id, id) DO NOTHING
  RETURNING account_id, endpoint_id
), due AS (
  INSERT INTO lanes AS l (endpoint_id, account_id, next_due_at)
  SELECT DISTINCT endpoint_id, account_id, $9::timestamptz FROM queued ORDER BY endpoint_id
  ON CONFLICT (endpoint_id) DO UPDATE SET next_due_at = least(l.next_due_at, excluded.next_due_at)
  RETURNING l.endpoint_id, l.node
), told AS (
  -- A notification holds 8,000 bytes at most.
  SELECT pg_notify('posthorn_lanes', node || ' ' || string_agg(endpoint_id::text, ' '))
  FROM (SELECT node, endpoint_id, row_number() OVER (PARTITION BY node ORDER BY endpoint_id) / 200 AS part
        FROM due WHERE node IS NOT NULL) t
  GROUP BY node, part
)
SELECT (SELECT count(*) FROM queued)::int AS queued, (SELECT count(*) FROM told)::int AS told
