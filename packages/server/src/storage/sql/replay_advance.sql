-- Puts the next piece of every running replay that is due ($1: now) back into the queue, oldest deliveries first, each
-- replay on one node only. Finished deliveries leave the history while they wait again, as with a retry by hand.
WITH due AS MATERIALIZED (
  SELECT * FROM replays WHERE status = 'running' AND next_at <= $1
  ORDER BY next_at LIMIT 20 FOR UPDATE SKIP LOCKED
), piece AS MATERIALIZED (
  SELECT r.id AS replay_id, d.account_id, d.id
  FROM due r
  CROSS JOIN LATERAL (
    SELECT d.account_id, d.id FROM deliveries d
    WHERE d.account_id = r.account_id AND d.id > r.after
      AND d.id < (r.filter->>'below')::uuid
      AND (r.filter->>'endpoint' IS NULL OR d.endpoint_id = (r.filter->>'endpoint')::uuid)
      AND (r.filter->>'status' IS NULL OR d.status = r.filter->>'status')
      AND (r.filter->>'trigger' IS NULL OR d.trigger = r.filter->>'trigger')
      AND NOT d.test AND d.reason IS DISTINCT FROM 'no_payload'
      AND EXISTS (SELECT FROM endpoints e WHERE e.id = d.endpoint_id)
      AND EXISTS (SELECT FROM events v WHERE v.account_id = d.account_id AND v.id = d.event_id)
    ORDER BY d.id LIMIT r.per_s
  ) d
), taken AS (
  DELETE FROM deliveries d USING piece p WHERE d.account_id = p.account_id AND d.id = p.id
  RETURNING d.*
), revived AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, tries, due_at, lease_node,
                     last_status, last_error)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, 0, $1, NULL, last_status, last_error
  FROM taken
), moved AS (
  UPDATE replays r
  SET done = r.done + p.n,
      after = coalesce(p.last, r.after),
      next_at = $1 + interval '1 second',
      status = CASE WHEN p.n < r.per_s THEN 'finished' ELSE 'running' END
  FROM (SELECT due.id AS replay_id, count(piece.id)::int AS n, max(piece.id::text)::uuid AS last
        FROM due LEFT JOIN piece ON piece.replay_id = due.id GROUP BY due.id) p
  WHERE r.id = p.replay_id
)
SELECT DISTINCT endpoint_id, account_id FROM taken
