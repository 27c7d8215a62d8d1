-- Notes deliveries in the queue that this node ($12) still has in memory: those that were handed over and take longer than
-- most, or are handed back unsent, get their row; of those that have one ("stored") it is noted whether they are being sent
-- right now (sending_epoch). Fenced like settle. Answers which of the lanes ($13, $14) are lost, counted from 1.
WITH lost AS MATERIALIZED (
  SELECT kept.lane
  FROM unnest($13::uuid[], $14::int8[]) WITH ORDINALITY AS kept(endpoint_id, epoch, lane)
  WHERE NOT EXISTS (
    SELECT FROM lanes l WHERE l.endpoint_id = kept.endpoint_id AND l.epoch = kept.epoch AND l.node = $12
      AND EXISTS (SELECT FROM nodes n WHERE n.id = $12 AND n.dead_at IS NULL))
), delivery AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[],
                       $8::timestamptz[], $9::int4[], $10::int8[], $11::bool[], $15::int4[])
    AS d(account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes, sending_epoch, is_stored, lane)
  WHERE lane NOT IN (SELECT lane FROM lost)
), queued AS (
  -- Whether it was stored before is not known after an answer was lost.
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes, sending_epoch)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, due_at, payload_bytes, sending_epoch
  FROM delivery WHERE NOT is_stored
  ON CONFLICT (account_id, id) DO NOTHING
), noted AS (
  UPDATE queue SET sending_epoch = d.sending_epoch
  FROM delivery d WHERE d.is_stored AND queue.account_id = d.account_id AND queue.id = d.id
)
SELECT lane::int FROM lost
