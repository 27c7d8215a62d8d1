-- One page of what was stored before an account's feed ($1) began: events behind this one ($2) up to the last that has no number
-- ($3), at most $4. Payloads count: after $5 bytes the page ends with a placeholder row (no payload), which tells that there is
-- more and is never shown.
SELECT account_id, id, external_id, trigger, by_topic, test, 0::float8 AS position,
       CASE WHEN before <= $5 THEN payload ELSE NULL END AS payload
FROM (
  SELECT *, coalesce(sum(octet_length(payload)) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
  FROM (
    SELECT * FROM events e
    WHERE account_id = $1 AND id > $2 AND id <= $3 AND NOT test
      AND NOT EXISTS (SELECT FROM feed f WHERE f.account_id = $1 AND f.event_id = e.id)
    ORDER BY id LIMIT $4
  ) page
) counted
ORDER BY id
