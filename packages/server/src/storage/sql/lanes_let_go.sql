-- Lets go of lanes that are locked ($1): one with nothing in the queue is gone, any other says when its next delivery is due.
WITH looked AS MATERIALIZED (
  SELECT l.endpoint_id, e.status, (
    SELECT q.due_at FROM queue q WHERE q.endpoint_id = l.endpoint_id ORDER BY q.due_at LIMIT 1) AS due_at
  FROM lanes l LEFT JOIN endpoints e ON e.id = l.endpoint_id
  WHERE l.endpoint_id = ANY ($1::uuid[])
), gone AS (
  DELETE FROM lanes WHERE endpoint_id = ANY (ARRAY(SELECT endpoint_id FROM looked WHERE due_at IS NULL))
)
UPDATE lanes l
SET node = NULL, next_due_at = CASE WHEN looked.status = 'inactive' AND looked.due_at > 'epoch' THEN NULL ELSE looked.due_at END
FROM looked WHERE looked.endpoint_id = l.endpoint_id AND looked.due_at IS NOT NULL
