-- Writes a batch of attempts with what follows from each. Fenced: an outcome counts only while this node ($25) owns the
-- lane of its endpoint in the epoch in which it was sent ($27, $28), which is looked up once per lane; `lane` says which of
-- them. Of deliveries that have a row in the queue ("stored"), that row has to be of exactly this attempt; those that were
-- handed over from memory have none, and get one only if they are to be tried again. $29: some of the batch may have been
-- stored before (an answer was lost): that is left out, and not answered; and a delivery that the history has already,
-- which should not be, leaves the queue, or it would be sent for ever. status: 'succeeded' or 'discarded' ends the
-- delivery, NULL means a retry at due_at. $30 to $32: what the operator is told of outcomes that count, by delivery.
-- Answers the deliveries whose outcome did not count, and whether it was for a lost lane: normally none.
WITH outcome AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::text[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::int4[], $14::text[], $15::bytea[], $16::bool[],
    $17::int4[], $18::int4[], $19::int4[], $20::int4[], $21::int4[], $22::int8[], $23::text[], $24::bytea[],
    $33::uuid[], $34::uuid[], $35::text[], $36::text[], $37::bool[], $38::int4[], $39::bool[], $40::int4[]
  ) AS o(for_account, for_delivery, number, tries, status, reason, due_at, started_at,
         url, request_headers, error, error_detail, response_status, response_headers, response_body, truncated,
         dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id, request_method, request_body,
         endpoint_id, event_id, topic, trigger, test, payload_bytes, is_stored, lane)
), lost AS MATERIALIZED (
  SELECT sent.lane FROM unnest($27::uuid[], $28::int8[]) WITH ORDINALITY AS sent(endpoint_id, epoch, lane)
  WHERE NOT EXISTS (
    SELECT FROM lanes l WHERE l.endpoint_id = sent.endpoint_id AND l.epoch = sent.epoch AND l.node = $25
      AND EXISTS (SELECT FROM nodes n WHERE n.id = $25 AND n.dead_at IS NULL))
), stored AS MATERIALIZED (
  SELECT o.for_account, o.for_delivery FROM outcome o
  WHERE $29 AND o.lane NOT IN (SELECT lane FROM lost)
    AND (EXISTS (SELECT FROM attempts a WHERE a.delivery_id = o.for_delivery AND a.number = o.number)
      OR EXISTS (SELECT FROM deliveries d WHERE d.account_id = o.for_account AND d.id = o.for_delivery))
), left_over AS (
  DELETE FROM queue q USING stored s
  WHERE q.account_id = s.for_account AND q.id = s.for_delivery
    AND EXISTS (SELECT FROM deliveries d WHERE d.account_id = q.account_id AND d.id = q.id)
), counted AS MATERIALIZED (
  -- One probe of the primary key each, whatever the planner thinks of the queue's size.
  SELECT q.place, q.ordering_key, o.*
  FROM outcome o
  LEFT JOIN LATERAL (
    SELECT ctid AS place, ordering_key FROM queue
    WHERE o.is_stored AND account_id = o.for_account AND id = o.for_delivery AND attempts = o.number - 1
    LIMIT 1
    FOR UPDATE
  ) q ON true
  WHERE o.lane NOT IN (SELECT lane FROM lost)
    AND (q.place IS NOT NULL OR NOT o.is_stored)
    AND o.for_delivery NOT IN (SELECT for_delivery FROM stored)
), lines AS MATERIALIZED (
  -- The lines that their first leaves are locked in one order everywhere; what follows is done by triggers.
  SELECT FROM (
    SELECT DISTINCT endpoint_id, ordering_key FROM counted WHERE status IS NOT NULL AND ordering_key IS NOT NULL
    ORDER BY endpoint_id, ordering_key
  ) c
  CROSS JOIN LATERAL (
    SELECT FROM ordering_keys k WHERE k.endpoint_id = c.endpoint_id AND k.key = c.ordering_key LIMIT 1 FOR UPDATE
  ) k
), ended AS (
  -- By the key, not by the place: a retry by hand or a replay may have changed the row in between.
  DELETE FROM queue q USING counted c
  WHERE c.status IS NOT NULL AND c.is_stored AND q.account_id = c.for_account AND q.id = c.for_delivery
    AND (SELECT count(*) FROM lines) >= 0
), rescheduled AS (
  UPDATE queue q
  SET attempts = c.number, tries = c.tries, due_at = c.due_at, sending_epoch = NULL,
      last_status = c.response_status, last_error = c.error
  FROM counted c
  WHERE c.status IS NULL AND c.is_stored AND q.account_id = c.for_account AND q.id = c.for_delivery
), queued AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, tries, due_at, last_status,
                     last_error, payload_bytes)
  SELECT for_account, for_delivery, endpoint_id, event_id, topic, trigger, test, number, tries, due_at, response_status,
         error, payload_bytes
  FROM counted WHERE status IS NULL AND NOT is_stored
), history AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
                          finished_at, last_status, last_error)
  SELECT for_account, for_delivery, endpoint_id, event_id, topic, trigger, test, status, reason, number,
         $26, response_status, error
  FROM counted WHERE status IS NOT NULL
), hours AS (
  INSERT INTO delivery_counts_new
  SELECT for_account, hour_of(for_delivery), endpoint_id,
         count(*) FILTER (WHERE status = 'succeeded' AND NOT test),
         count(*) FILTER (WHERE status = 'discarded' AND NOT test),
         0, $26, CASE WHEN bool_or(status = 'succeeded') THEN $26::timestamptz END
  FROM counted WHERE status IS NOT NULL GROUP BY 1, 2, 3
), tried AS (
  INSERT INTO attempts (delivery_id, number, started_at, url, request_headers, error, error_detail, response_status,
                        response_headers, response_body, response_truncated,
                        dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id, request_method, request_body)
  SELECT for_delivery, number, started_at, url, request_headers, error, error_detail, response_status,
         response_headers, response_body, truncated, dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id,
         request_method, request_body
  FROM counted
), told AS (
  INSERT INTO notices (trigger, payload)
  SELECT n.trigger, n.payload FROM unnest($30::uuid[], $31::text[], $32::text[]) AS n(for_delivery, trigger, payload)
  WHERE n.for_delivery IN (SELECT for_delivery FROM counted)
)
SELECT o.for_delivery AS id, o.lane IN (SELECT lane FROM lost) AS is_lane_lost
FROM outcome o
WHERE o.for_delivery NOT IN (SELECT for_delivery FROM counted UNION ALL SELECT for_delivery FROM stored)
