-- One page of an account's feed ($1) behind the event with this number ($2), at most $3 events. Payloads count: after $4 bytes
-- the page ends with a placeholder row (no payload), which tells that there is more and is never shown.
SELECT account_id, id, external_id, trigger, by_topic, test, position::float8,
       CASE WHEN before <= $4 THEN payload ELSE NULL END AS payload
FROM (
  SELECT *, coalesce(sum(octet_length(payload)) OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
  FROM (
    SELECT e.*, f.position
    FROM events e JOIN feed f ON f.account_id = e.account_id AND f.event_id = e.id
    WHERE f.account_id = $1 AND f.position > $2
    ORDER BY f.position LIMIT $3
  ) page
) counted
ORDER BY position
