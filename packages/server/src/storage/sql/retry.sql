-- A retry by hand: leases one delivery to this node, whether it waits in the queue or has ended, and begins a new round
-- of tries. No row: it does not exist, is being sent right now, or what it would take to send it is gone.
WITH waiting AS (
  UPDATE queue SET lease_node = $3, tries = 0, due_at = $4
  WHERE account_id = $1 AND id = $2 AND lease_node IS NULL
    AND EXISTS (SELECT FROM events v WHERE v.account_id = $1 AND v.id = queue.event_id)
  RETURNING account_id, id, endpoint_id, event_id, topic, test, attempts
), ended AS (
  DELETE FROM deliveries
  WHERE account_id = $1 AND id = $2 AND reason IS DISTINCT FROM 'no_payload'
    AND EXISTS (SELECT FROM endpoints e WHERE e.id = deliveries.endpoint_id)
    AND EXISTS (SELECT FROM events v WHERE v.account_id = $1 AND v.id = deliveries.event_id)
  RETURNING account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, last_status, last_error
), revived AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, tries, due_at, lease_node,
                     last_status, last_error, payload_bytes)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, 0, $4, $3, last_status, last_error,
         (SELECT octet_length(v.payload) FROM events v WHERE v.account_id = $1 AND v.id = ended.event_id)
  FROM ended
  RETURNING account_id, id, endpoint_id, event_id, topic, test, attempts
)
SELECT d.*, 0 AS tries, e.external_id, e.trigger, e.by_topic, e.payload
FROM (SELECT * FROM waiting UNION ALL SELECT * FROM revived) d
JOIN events e ON e.account_id = d.account_id AND e.id = d.event_id
