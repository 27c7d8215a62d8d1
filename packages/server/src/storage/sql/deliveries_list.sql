-- One page of an account's deliveries, newest first: unfinished ones from the queue and finished ones from history.
-- $3..$8 and $10..$15 are filters, NULL when absent; $6 and $7 bound the ids, which begin with the time.
SELECT * FROM (
  (SELECT q.id, q.account_id, q.endpoint_id, q.event_id, q.topic, q.trigger, q.test, q.attempts,
          CASE WHEN q.lease_node IS NOT NULL THEN 'delivering'
               WHEN e.status = 'inactive' THEN 'held'
               WHEN q.attempts > 0 THEN 'failed'
               ELSE 'pending' END AS status,
          NULL AS reason, NULL::timestamptz AS finished_at,
          CASE WHEN q.lease_node IS NULL AND e.status = 'active' THEN q.due_at END AS next_attempt_at,
          q.last_status, q.last_error, q.tries
   FROM queue q JOIN endpoints e ON e.id = q.endpoint_id
   WHERE q.account_id = $1 AND q.id < $2
     AND ($3::uuid IS NULL OR q.endpoint_id = $3)
     AND ($4::text IS NULL OR $4 = CASE WHEN q.lease_node IS NOT NULL THEN 'delivering'
                                        WHEN e.status = 'inactive' THEN 'held'
                                        WHEN q.attempts > 0 THEN 'failed'
                                        ELSE 'pending' END)
     AND ($5::text IS NULL OR q.trigger = $5)
     AND ($6::uuid IS NULL OR q.id >= $6) AND ($7::uuid IS NULL OR q.id < $7)
     AND ($8::uuid IS NULL OR q.event_id = $8)
     AND ($10::text IS NULL OR q.topic = $10)
     AND ($11::bytea IS NULL OR EXISTS (
       SELECT FROM events v WHERE v.account_id = $1 AND v.id = q.event_id AND position($11 IN v.payload) > 0))
     AND ($12::uuid IS NULL OR q.id = $12)
     AND ($13::int IS NULL OR q.last_status = $13) AND ($14::text IS NULL OR q.last_error = $14)
     AND ($15::bool IS NULL OR q.test = $15)
   ORDER BY q.id DESC LIMIT $9)
  UNION ALL
  (SELECT d.id, d.account_id, d.endpoint_id, d.event_id, d.topic, d.trigger, d.test, d.attempts, d.status, d.reason,
          d.finished_at, NULL, d.last_status, d.last_error, NULL::int
   FROM deliveries d
   WHERE d.account_id = $1 AND d.id < $2
     AND ($3::uuid IS NULL OR d.endpoint_id = $3)
     AND ($4::text IS NULL OR d.status = $4)
     AND ($5::text IS NULL OR d.trigger = $5)
     AND ($6::uuid IS NULL OR d.id >= $6) AND ($7::uuid IS NULL OR d.id < $7)
     AND ($8::uuid IS NULL OR d.event_id = $8)
     AND ($10::text IS NULL OR d.topic = $10)
     AND ($11::bytea IS NULL OR EXISTS (
       SELECT FROM events v WHERE v.account_id = $1 AND v.id = d.event_id AND position($11 IN v.payload) > 0))
     AND ($12::uuid IS NULL OR d.id = $12)
     AND ($13::int IS NULL OR d.last_status = $13) AND ($14::text IS NULL OR d.last_error = $14)
     AND ($15::bool IS NULL OR d.test = $15)
   ORDER BY d.id DESC LIMIT $9)
) page
ORDER BY id DESC LIMIT $9
