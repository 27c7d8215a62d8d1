-- Writes a batch of deliveries that ended with their first attempt and have no row in the queue: what happens to almost
-- all of them. Like settle.sql, without what these do not need, in a third of its time. If the node ($3) does not own one
-- of the lanes ($1) in the epoch given ($2) any more, nothing is stored, and the lanes that are lost are answered.
WITH lost AS MATERIALIZED (
  SELECT sent.lane FROM unnest($1::uuid[], $2::int8[]) WITH ORDINALITY AS sent(endpoint_id, epoch, lane)
  WHERE NOT EXISTS (
    SELECT FROM lanes l WHERE l.endpoint_id = sent.endpoint_id AND l.epoch = sent.epoch AND l.node = $3
      AND EXISTS (SELECT FROM nodes n WHERE n.id = $3 AND n.dead_at IS NULL))
), outcome AS MATERIALIZED (
  SELECT * FROM unnest(
    $5::text[], $6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::bool[], $12::text[], $13::text[],
    $14::timestamptz[], $15::text[], $16::text[], $17::text[], $18::text[], $19::int4[], $20::text[], $21::bytea[],
    $22::bool[], $23::int4[], $24::int4[], $25::int4[], $26::int4[], $27::int4[], $28::int8[], $29::text[], $30::bytea[]
  ) AS o(account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason,
         started_at, url, request_headers, error, error_detail, response_status, response_headers, response_body,
         truncated, dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id, request_method, request_body)
  WHERE NOT EXISTS (SELECT FROM lost)
), history AS (
  INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, attempts,
                          finished_at, last_status, last_error)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, status, reason, 1, $4, response_status, error
  FROM outcome
), hours AS (
  INSERT INTO delivery_counts_new
  SELECT account_id, hour_of(id), endpoint_id,
         count(*) FILTER (WHERE status = 'succeeded' AND NOT test),
         count(*) FILTER (WHERE status = 'discarded' AND NOT test),
         0, $4, CASE WHEN bool_or(status = 'succeeded') THEN $4::timestamptz END
  FROM outcome GROUP BY 1, 2, 3
), tried AS (
  INSERT INTO attempts (delivery_id, number, started_at, url, request_headers, error, error_detail, response_status,
                        response_headers, response_body, response_truncated,
                        dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id, request_method, request_body)
  SELECT id, 1, started_at, url, request_headers, error, error_detail, response_status, response_headers,
         response_body, truncated, dns_us, connect_us, tls_us, first_byte_us, total_us, headers_id, request_method,
         request_body
  FROM outcome
)
SELECT lane FROM lost
