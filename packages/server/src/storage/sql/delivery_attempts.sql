-- The attempts of one delivery in order.
SELECT number, started_at, url, request_headers, error, error_detail, response_status, response_headers, response_body,
       response_truncated, dns_us, connect_us, tls_us, first_byte_us, total_us
FROM attempts WHERE delivery_id = $1 ORDER BY number
