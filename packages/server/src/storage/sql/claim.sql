-- Leases due deliveries of the endpoints that have room here, oldest first, at most `room` of each: one endpoint with a
-- million waiting costs the others nothing. Rows that another node is claiming are skipped. Inactive endpoints keep
-- theirs. The index is queue_waiting; locked rows are then found by their ctid, because a join on their key is planned by
-- what the queue looked like at some other time. Where a round of tries has begun, its first attempt says when: windows of
-- retries are counted from there.
WITH due AS MATERIALIZED (
  SELECT q.place
  FROM unnest($1::uuid[], $2::int4[]) AS asked(endpoint_id, room)
  JOIN endpoints e ON e.id = asked.endpoint_id AND e.status = 'active'
  CROSS JOIN LATERAL (
    SELECT ctid AS place
    FROM queue
    WHERE endpoint_id = asked.endpoint_id AND lease_node IS NULL AND due_at <= $4
    ORDER BY due_at, id
    LIMIT asked.room
    FOR UPDATE SKIP LOCKED
  ) q
), leased AS (
  UPDATE queue SET lease_node = $3
  WHERE ctid = ANY (ARRAY(SELECT place FROM due))
  RETURNING *
)
SELECT l.account_id, l.id, l.endpoint_id, l.event_id, l.topic, l.test, l.attempts, l.tries,
       e.external_id, e.trigger, e.by_topic, e.payload,
       (SELECT a.started_at FROM attempts a
        WHERE l.tries > 0 AND a.delivery_id = l.id AND a.number = l.attempts - l.tries + 1) AS round_at
FROM leased l
CROSS JOIN LATERAL (
  SELECT * FROM events v WHERE v.account_id = l.account_id AND v.id = l.event_id LIMIT 1
) e
ORDER BY l.due_at, l.id
