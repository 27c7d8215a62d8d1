-- Writes a batch of attempts with what follows from each. Fenced: an outcome counts only while this node still holds
-- the lease of exactly this attempt. Answers the ids that did not count: normally none.
-- status: 'succeeded' or 'discarded' ends the delivery, NULL means a retry at due_at.
WITH outcome AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::text[], $2::uuid[], $3::int4[], $4::int4[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::int4[], $14::text[], $15::bytea[], $16::bool[],
    $17::int4[], $18::int4[], $19::int4[], $20::int4[], $21::int4[]
  ) AS o(for_account, for_delivery, number, tries, status, reason, due_at, started_at,
         url, request_headers, error, error_detail, response_status, response_headers, response_body, truncated,
         dns_us, connect_us, tls_us, first_byte_us, total_us)
), ended AS (
  DELETE FROM queue q USING outcome o
  WHERE o.status IS NOT NULL AND q.account_id = o.for_account AND q.id = o.for_delivery
    AND q.lease_node = $22 AND q.attempts = o.number - 1
  RETURNING q.endpoint_id, q.event_id, q.topic, q.trigger, q.test, o.*
), rescheduled AS (
  UPDATE queue q
  SET attempts = o.number, tries = o.tries, due_at = o.due_at, lease_node = NULL,
      last_status = o.response_status, last_error = o.error
  FROM outcome o
  WHERE o.status IS NULL AND q.account_id = o.for_account AND q.id = o.for_delivery
    AND q.lease_node = $22 AND q.attempts = o.number - 1
  RETURNING q.endpoint_id, q.event_id, q.topic, q.trigger, q.test, o.*
), history AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
                          finished_at, last_status, last_error)
  SELECT for_account, for_delivery, endpoint_id, event_id, topic, trigger, test, status, reason, number,
         $23, response_status, error
  FROM ended
), tried AS (
  INSERT INTO attempts (delivery_id, number, started_at, url, request_headers, error, error_detail, response_status,
                        response_headers, response_body, response_truncated,
                        dns_us, connect_us, tls_us, first_byte_us, total_us)
  SELECT for_delivery, number, started_at, url, request_headers, error, error_detail, response_status,
         response_headers, response_body, truncated, dns_us, connect_us, tls_us, first_byte_us, total_us
  FROM (SELECT * FROM ended UNION ALL SELECT * FROM rescheduled) counted
)
SELECT for_delivery AS id FROM outcome
EXCEPT ALL
(SELECT for_delivery FROM ended UNION ALL SELECT for_delivery FROM rescheduled)
