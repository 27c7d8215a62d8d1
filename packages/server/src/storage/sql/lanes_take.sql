-- Takes lanes that nobody owns and whose next delivery is due ($2: now), those first that have waited longest; another node
-- that takes some at this moment gets others. Reads what is due, however many lanes there are.
WITH due AS (
  SELECT endpoint_id FROM lanes
  WHERE node IS NULL AND next_due_at <= $2 AND EXISTS (SELECT FROM nodes n WHERE n.id = $1 AND n.dead_at IS NULL)
  ORDER BY next_due_at LIMIT $3
  FOR UPDATE SKIP LOCKED
)
UPDATE lanes l SET node = $1, epoch = nextval('lane_epochs')
FROM due WHERE l.endpoint_id = due.endpoint_id
RETURNING l.endpoint_id, l.account_id, l.epoch::text
