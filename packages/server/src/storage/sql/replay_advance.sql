-- Puts one piece of a running replay ($2) back into the queue, on one node only, due at once ($1: now): deliveries that
-- were finished ($3) and that waited ($4), which stand after $5, where the replay was, and up to $6, where it is then.
-- $7: it was the last piece. Finished ones leave the history while they wait again, as with a retry by hand; those that
-- wait already begin a new round of tries. What has ended since it was looked at stays as it ended.
WITH due AS MATERIALIZED (
  SELECT * FROM replays
  WHERE id = $2 AND status = 'running' AND next_at <= $1 AND after = $5
    AND NOT EXISTS (SELECT FROM accounts a WHERE a.id = replays.account_id AND a.moved_to IS NOT NULL)
  FOR UPDATE SKIP LOCKED
), taken AS (
  DELETE FROM deliveries d USING due r
  WHERE d.account_id = r.account_id AND d.id = ANY($3::uuid[])
    AND EXISTS (SELECT FROM endpoints e WHERE e.id = d.endpoint_id)
    AND EXISTS (SELECT FROM events v WHERE v.account_id = d.account_id AND v.id = d.event_id)
  RETURNING d.*
), revived AS (
  INSERT INTO queue (account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, tries, due_at,
                     last_status, last_error, payload_bytes)
  SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, attempts, 0, $1, last_status, last_error,
         coalesce((SELECT octet_length(v.payload) FROM events v WHERE v.account_id = taken.account_id AND v.id = taken.event_id), 0)
  FROM taken
), hurried AS (
  UPDATE queue q SET due_at = $1, tries = 0 FROM due r
  -- What waits in line for another of its ordering key follows that one.
  WHERE q.account_id = r.account_id AND q.id = ANY($4::uuid[]) AND q.due_at < 'infinity'
  RETURNING q.account_id, q.endpoint_id
), sent AS (
  SELECT account_id, endpoint_id FROM taken UNION ALL SELECT account_id, endpoint_id FROM hurried
), due_lanes AS (
  INSERT INTO lanes AS l (endpoint_id, account_id, next_due_at)
  SELECT DISTINCT endpoint_id, account_id, $1::timestamptz FROM sent ORDER BY endpoint_id
  ON CONFLICT (endpoint_id) DO UPDATE SET next_due_at = least(l.next_due_at, excluded.next_due_at)
  RETURNING endpoint_id, node
), moved AS (
  UPDATE replays r
  SET done = r.done + (SELECT count(*) FROM sent)::int,
      after = $6,
      next_at = $1 + interval '1 second',
      status = CASE WHEN $7 THEN 'finished' ELSE 'running' END
  FROM due WHERE r.id = due.id
)
SELECT pg_notify('posthorn_lanes', node || ' ' || string_agg(endpoint_id::text, ' ')) FROM due_lanes WHERE node IS NOT NULL
GROUP BY node
