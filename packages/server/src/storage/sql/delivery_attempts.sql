-- The newest $2 attempts of a delivery in order; the newest $3 of them with the bodies that were sent (where they are kept)
-- and answered, the others without: a delivery can have been sent a thousand times. $4 asks for one attempt alone.
SELECT number, started_at, url, request_method, CASE WHEN newest <= $3 THEN request_body END AS request_body,
       request_headers, headers_id::text, error, error_detail, response_status, response_headers,
       CASE WHEN newest <= $3 THEN response_body END AS response_body, newest > $3 AS bodies_omitted,
       response_truncated, dns_us, connect_us, tls_us, first_byte_us, total_us
FROM (
  SELECT *, row_number() OVER (ORDER BY number DESC) AS newest
  FROM attempts WHERE delivery_id = $1 AND ($4::int IS NULL OR number = $4)
  ORDER BY number DESC LIMIT $2
) a
ORDER BY number
