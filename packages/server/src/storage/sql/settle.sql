-- Writes a batch of attempts with what follows from each. Fenced: an outcome counts only while this node still holds
-- the lease of exactly this attempt. Answers the ids that did not count: normally none.
-- status: 'succeeded' or 'discarded' ends the delivery, NULL means a retry at due_at. $25 to $27: what the operator is told
-- of outcomes that count, by delivery.
WITH outcome AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::text[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::int4[], $14::text[], $15::bytea[], $16::bool[],
    $17::int4[], $18::int4[], $19::int4[], $20::int4[], $21::int4[], $24::int8[]
  ) AS o(for_account, for_delivery, number, tries, status, reason, due_at, started_at,
         url, request_headers, error, error_detail, response_status, response_headers, response_body, truncated,
         dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id)
), held AS MATERIALIZED (
  -- One probe of the primary key each, whatever the planner thinks of the queue's size.
  SELECT q.place, q.endpoint_id, q.event_id, q.topic, q.trigger, q.test, o.*
  FROM outcome o
  CROSS JOIN LATERAL (
    SELECT ctid AS place, endpoint_id, event_id, topic, trigger, test
    FROM queue
    WHERE account_id = o.for_account AND id = o.for_delivery AND lease_node = $22 AND attempts = o.number - 1
    LIMIT 1
    FOR UPDATE
  ) q
), ended AS (
  DELETE FROM queue
  WHERE ctid = ANY (ARRAY(SELECT place FROM held WHERE status IS NOT NULL))
), rescheduled AS (
  UPDATE queue
  SET attempts = h.number, tries = h.tries, due_at = h.due_at, lease_node = NULL,
      last_status = h.response_status, last_error = h.error
  FROM held h
  WHERE h.status IS NULL AND queue.ctid = h.place
), history AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
                          finished_at, last_status, last_error)
  SELECT for_account, for_delivery, endpoint_id, event_id, topic, trigger, test, status, reason, number,
         $23, response_status, error
  FROM held WHERE status IS NOT NULL
), tried AS (
  INSERT INTO attempts (delivery_id, number, started_at, url, request_headers, error, error_detail, response_status,
                        response_headers, response_body, response_truncated,
                        dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id)
  SELECT for_delivery, number, started_at, url, request_headers, error, error_detail, response_status,
         response_headers, response_body, truncated, dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id
  FROM held
), told AS (
  INSERT INTO notices (trigger, payload)
  SELECT n.trigger, n.payload FROM unnest($25::uuid[], $26::text[], $27::text[]) AS n(for_delivery, trigger, payload)
  WHERE n.for_delivery IN (SELECT for_delivery FROM held)
)
SELECT for_delivery AS id FROM outcome
EXCEPT ALL
SELECT for_delivery FROM held
