-- Leases due deliveries of the endpoints that have room here, oldest first, at most `room` of each and payloads of $5 bytes
-- in all (the first one always): one endpoint with a million waiting costs the others nothing, and the endpoints take
-- turns for the bytes. Rows that another node is claiming are skipped. Inactive endpoints keep theirs. The index is
-- queue_waiting; locked rows are then found by their ctid, because a join on their key is planned by what the queue
-- looked like at some other time. `is_cut`: more would be due, and did not fit into the bytes. Where a
-- round of tries has begun, its first attempt says when: windows of retries are counted from there.
WITH due AS MATERIALIZED (
  SELECT q.place, q.due_at, q.id, q.bytes, asked.endpoint_id
  FROM unnest($1::uuid[], $2::int4[]) AS asked(endpoint_id, room)
  JOIN endpoints e ON e.id = asked.endpoint_id AND e.status = 'active'
  CROSS JOIN LATERAL (
    -- What was stored before sizes were kept is taken for 64 KiB.
    SELECT ctid AS place, due_at, id, CASE payload_bytes WHEN 0 THEN 65536 ELSE payload_bytes END AS bytes
    FROM queue
    WHERE endpoint_id = asked.endpoint_id AND lease_node IS NULL AND due_at <= $4
    ORDER BY due_at, id
    LIMIT asked.room
    FOR UPDATE SKIP LOCKED
  ) q
), turns AS (
  SELECT place, bytes, endpoint_id, row_number() OVER (PARTITION BY endpoint_id ORDER BY due_at, id) AS turn FROM due
), filled AS MATERIALIZED (
  SELECT place, bytes, sum(bytes) OVER (ORDER BY turn, endpoint_id) AS total FROM turns
), leased AS (
  UPDATE queue SET lease_node = $3
  WHERE ctid = ANY (ARRAY(SELECT place FROM filled WHERE total <= $5 OR total = bytes))
  RETURNING *
)
SELECT l.account_id, l.id, l.endpoint_id, l.event_id, l.topic, l.test, l.attempts, l.tries,
       e.external_id, e.trigger, e.by_topic, e.payload,
       (SELECT a.started_at FROM attempts a
        WHERE l.tries > 0 AND a.delivery_id = l.id AND a.number = l.attempts - l.tries + 1) AS round_at,
       (SELECT max(total) > $5 FROM filled) AS is_cut
FROM leased l
CROSS JOIN LATERAL (
  SELECT * FROM events v WHERE v.account_id = l.account_id AND v.id = l.event_id LIMIT 1
) e
ORDER BY l.due_at, l.id
