-- Deliveries that were planned by a clock that was ahead are due now ($1): what is in a new round of tries, and so was due at
-- once, or whose last attempt is in the future; and whatever is due after $3, which no contract allows for. Nothing is
-- looked at that is due before $2, which is soon. Their lanes are due, and so are replays. Answers how many deliveries.
WITH late AS (
  UPDATE queue q SET due_at = $1
  -- What waits in line for another is due after that one, not at a moment.
  WHERE due_at > $2 AND due_at < 'infinity' AND (due_at > $3 OR tries = 0 OR EXISTS (
    SELECT FROM attempts a WHERE a.delivery_id = q.id AND a.number = q.attempts AND a.started_at > $2))
  RETURNING endpoint_id
), due AS (
  UPDATE lanes SET next_due_at = $1
  WHERE next_due_at > $2 AND (next_due_at > $3 OR endpoint_id IN (SELECT endpoint_id FROM late))
), replays AS (
  UPDATE replays SET next_at = $1 WHERE status = 'running' AND next_at > $2
)
SELECT count(*)::int AS late FROM late
