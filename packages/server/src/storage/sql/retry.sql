-- A retry by hand: one delivery is due at the epoch, before all others and whatever the status of its endpoint, whether it waits
-- in the queue or has ended; a new round of tries begins. Its lane is taken by this node ($3) if nobody owns it, otherwise
-- the owner is told. No row: it does not exist, waits in line for another of its ordering key, or what it would take to send
-- it is gone.
WITH waiting AS (
  UPDATE queue SET tries = 0, due_at = 'epoch'
  WHERE account_id = $1 AND id = $2 AND due_at < 'infinity'
    AND NOT EXISTS (SELECT FROM accounts a WHERE a.id = $1 AND a.moved_to IS NOT NULL)
    AND EXISTS (SELECT FROM events v WHERE v.account_id = $1 AND v.id = queue.event_id)
  RETURNING account_id, endpoint_id
), ended AS (
  DELETE FROM deliveries
  WHERE account_id = $1 AND id = $2 AND reason IS DISTINCT FROM 'no_payload'
    AND NOT EXISTS (SELECT FROM accounts a WHERE a.id = $1 AND a.moved_to IS NOT NULL)
    AND EXISTS (SELECT FROM endpoints e WHERE e.id = deliveries.endpoint_id)
    AND EXISTS (SELECT FROM events v WHERE v.account_id = $1 AND v.id = deliveries.event_id)
  RETURNING account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, last_status, last_error
), revived AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, tries, due_at,
                     last_status, last_error, payload_bytes)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, 0, 'epoch', last_status, last_error,
         (SELECT octet_length(v.payload) FROM events v WHERE v.account_id = $1 AND v.id = ended.event_id)
  FROM ended
  RETURNING account_id, endpoint_id
), taken AS (
  INSERT INTO lanes AS l (endpoint_id, account_id, node, next_due_at)
  SELECT endpoint_id, account_id,
         CASE WHEN $4 AND EXISTS (SELECT FROM nodes n WHERE n.id = $3 AND n.dead_at IS NULL) THEN $3 END, 'epoch'
  FROM (SELECT * FROM waiting UNION ALL SELECT * FROM revived) d
  ON CONFLICT (endpoint_id) DO UPDATE
  SET node = coalesce(l.node, excluded.node),
      epoch = CASE WHEN l.node IS NULL THEN excluded.epoch ELSE l.epoch END,
      next_due_at = 'epoch'
  RETURNING endpoint_id, account_id, node, epoch
)
SELECT endpoint_id, account_id, node, epoch::text,
       CASE WHEN node <> $3 THEN pg_notify('posthorn_lanes', node || ' ' || endpoint_id) IS NULL END AS told
FROM taken
