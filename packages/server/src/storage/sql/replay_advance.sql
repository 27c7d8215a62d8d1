-- Puts the next piece of a running replay ($2) that is due ($1: now) back into the queue, oldest deliveries first, on one
-- node only. Finished deliveries leave the history while they wait again, as with a retry by hand. At most $3 deliveries
-- are looked at: a filter that takes hardly any may not read a million of them at once.
WITH due AS MATERIALIZED (
  SELECT * FROM replays WHERE id = $2 AND status = 'running' AND next_at <= $1 FOR UPDATE SKIP LOCKED
), scanned AS MATERIALIZED (
  SELECT d.account_id, d.id, r.per_s,
         (r.filter->>'endpoint' IS NULL OR d.endpoint_id = (r.filter->>'endpoint')::uuid)
         AND (r.filter->>'status' IS NULL OR d.status = r.filter->>'status')
         AND (r.filter->>'trigger' IS NULL OR d.trigger = r.filter->>'trigger')
         AND NOT d.test AND d.reason IS DISTINCT FROM 'no_payload'
         AND EXISTS (SELECT FROM endpoints e WHERE e.id = d.endpoint_id)
         AND EXISTS (SELECT FROM events v WHERE v.account_id = d.account_id AND v.id = d.event_id) AS fits
  FROM due r
  CROSS JOIN LATERAL (
    SELECT * FROM deliveries d
    WHERE d.account_id = r.account_id AND d.id > r.after AND d.id < (r.filter->>'below')::uuid
    ORDER BY d.id LIMIT $3
  ) d
), piece AS MATERIALIZED (
  SELECT account_id, id FROM scanned WHERE fits ORDER BY id LIMIT (SELECT per_s FROM due)
), taken AS (
  DELETE FROM deliveries d USING piece p WHERE d.account_id = p.account_id AND d.id = p.id
  RETURNING d.*
), revived AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, tries, due_at, lease_node,
                     last_status, last_error, payload_bytes)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, 0, $1, NULL, last_status, last_error,
         coalesce((SELECT octet_length(v.payload) FROM events v WHERE v.account_id = taken.account_id AND v.id = taken.event_id), 0)
  FROM taken
), moved AS (
  UPDATE replays r
  SET done = r.done + p.n,
      -- A full piece may end before what was looked at; otherwise all of that is done with.
      after = coalesce(CASE WHEN p.n = r.per_s THEN p.last ELSE p.looked_at END, r.after),
      next_at = $1 + interval '1 second',
      status = CASE WHEN p.n < r.per_s AND p.scanned < $3 THEN 'finished' ELSE 'running' END
  FROM (
    SELECT (SELECT count(*) FROM piece)::int AS n, (SELECT max(id::text)::uuid FROM piece) AS last,
           (SELECT count(*) FROM scanned)::int AS scanned, (SELECT max(id::text)::uuid FROM scanned) AS looked_at
  ) p
  WHERE r.id = (SELECT id FROM due)
)
SELECT DISTINCT endpoint_id, account_id FROM taken
