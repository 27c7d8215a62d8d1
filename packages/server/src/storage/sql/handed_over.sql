-- What a dead node ($1) may have had in memory only: its deliveries of events since its watermark ($2), of the accounts whose
-- lanes it owns. A page of $5, after $3 and $4.
SELECT a.account_id, v.id, v.trigger, v.test, octet_length(v.payload) AS payload_bytes, v.handed_over
FROM (SELECT DISTINCT account_id FROM lanes WHERE node = $1 AND account_id >= $3) a
CROSS JOIN LATERAL (
  SELECT id, trigger, test, payload, handed_over FROM events e
  WHERE e.account_id = a.account_id AND e.id >= $2 AND (a.account_id > $3 OR e.id > $4)
    AND e.node = $1 AND e.handed_over IS NOT NULL
  ORDER BY e.id LIMIT $5
) v
ORDER BY 1, 2
LIMIT $5
