-- Reads due deliveries of lanes that this node ($4) owns, oldest first, at most `room` of each and payloads of $7 bytes in
-- all (the first one always): one endpoint with a million waiting costs the others nothing, and the endpoints take turns
-- for the bytes. Nothing is written: the lane is owned, and what the node has in memory already ($5) is left out. Of an inactive
-- endpoint only what somebody asked to send again is due, which is what is due at the epoch. `is_cut`: more would be
-- due, and did not fit into the bytes. Where a round of tries has begun, its first attempt says when: windows of retries
-- are counted from there. `lanes`, in a row of its own: of each lane whether it is owned, and when its next delivery is due
-- that is not due yet.
WITH asked AS MATERIALIZED (
  SELECT a.endpoint_id, a.room, e.id IS NULL AS is_gone,
         CASE WHEN e.status = 'inactive' THEN 'epoch'::timestamptz ELSE $6::timestamptz END AS due_until
  FROM unnest($1::uuid[], $2::int8[], $3::int4[]) AS a(endpoint_id, epoch, room)
  JOIN lanes l ON l.endpoint_id = a.endpoint_id AND l.epoch = a.epoch AND l.node = $4
  LEFT JOIN endpoints e ON e.id = a.endpoint_id
  WHERE NOT EXISTS (SELECT FROM accounts moving WHERE moving.id = l.account_id AND moving.moved_to IS NOT NULL)
), due AS MATERIALIZED (
  SELECT q.*, asked.endpoint_id, row_number() OVER (PARTITION BY asked.endpoint_id ORDER BY q.due_at, q.id) AS turn
  FROM asked
  CROSS JOIN LATERAL (
    -- What was stored before sizes were kept is taken for 64 KiB.
    SELECT account_id, id, event_id, topic, test, attempts, tries, due_at, ordering_key,
           CASE payload_bytes WHEN 0 THEN 65536 ELSE payload_bytes END AS bytes
    FROM queue
    WHERE endpoint_id = asked.endpoint_id AND due_at <= asked.due_until AND NOT asked.is_gone
      AND id NOT IN (SELECT held.id FROM unnest($5::uuid[]) AS held(id))
    ORDER BY due_at, id
    LIMIT asked.room
  ) q
), filled AS MATERIALIZED (
  SELECT *, sum(bytes) OVER (ORDER BY turn, endpoint_id) AS total FROM due
)
SELECT d.account_id, d.id, d.endpoint_id, d.event_id, d.topic, d.test, d.attempts, d.tries, d.due_at,
       e.external_id, e.trigger, e.by_topic, e.payload,
       (SELECT a.started_at FROM attempts a
        WHERE d.tries > 0 AND a.delivery_id = d.id AND a.number = d.attempts - d.tries + 1) AS round_at,
       d.ordering_key, NULL::json AS lanes, NULL::bool AS is_cut
FROM filled d
CROSS JOIN LATERAL (
  SELECT v.external_id, v.trigger, v.by_topic, v.payload FROM events v
  WHERE v.account_id = d.account_id AND v.id = d.event_id LIMIT 1
) e
WHERE d.total <= $7 OR d.total = d.bytes
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       (SELECT json_agg(json_build_object('endpoint_id', endpoint_id, 'is_gone', is_gone, 'next_due_at', (
          SELECT due_at FROM queue q
          WHERE q.endpoint_id = asked.endpoint_id AND due_at > $6 AND due_at < 'infinity' ORDER BY due_at LIMIT 1)))
        FROM asked),
       (SELECT max(total) > $7 FROM filled)
ORDER BY due_at NULLS FIRST, id
