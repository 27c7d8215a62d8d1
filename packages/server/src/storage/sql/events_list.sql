-- One page of an account's events, newest first. Payloads count: after $7 bytes the page ends with a placeholder row
-- (no payload), which tells that there is more and is never shown.
SELECT account_id, id, external_id, trigger, by_topic, test,
       CASE WHEN before <= $7 THEN payload ELSE NULL END AS payload
FROM (
  SELECT *, coalesce(sum(octet_length(payload)) OVER (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
  FROM (
    SELECT * FROM events
    WHERE account_id = $1 AND id < $2 AND ($3::text IS NULL OR trigger = $3)
      AND ($4::uuid IS NULL OR id >= $4) AND ($5::uuid IS NULL OR id < $5)
    ORDER BY id DESC LIMIT $6
  ) page
) counted
ORDER BY id DESC
