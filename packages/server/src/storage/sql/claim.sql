-- Leases due deliveries of the endpoints that have room here, oldest first, at most `room` of each: one endpoint with a
-- million waiting costs the others nothing. Rows that another node is claiming are skipped. Inactive endpoints keep
-- theirs. The index is queue_waiting.
WITH due AS (
  SELECT q.account_id, q.id
  FROM unnest($1::uuid[], $2::int4[]) AS asked(endpoint_id, room)
  JOIN endpoints e ON e.id = asked.endpoint_id AND e.status = 'active'
  CROSS JOIN LATERAL (
    SELECT account_id, id
    FROM queue
    WHERE endpoint_id = asked.endpoint_id AND lease_node IS NULL AND due_at <= $4
    ORDER BY due_at, id
    LIMIT asked.room
    FOR UPDATE SKIP LOCKED
  ) q
), leased AS (
  UPDATE queue q SET lease_node = $3
  FROM due
  WHERE q.account_id = due.account_id AND q.id = due.id AND q.lease_node IS NULL
  RETURNING q.*
)
SELECT l.account_id, l.id, l.endpoint_id, l.event_id, l.topic, l.test, l.attempts, l.tries,
       e.external_id, e.trigger, e.by_topic, e.payload
FROM leased l
JOIN events e ON e.account_id = l.account_id AND e.id = l.event_id
ORDER BY l.due_at, l.id
