-- Frees a piece of the lanes of a node that is gone ($1): at most $2. They are due ($3: now): whoever takes one finds out
-- what is left in it.
WITH piece AS (
  SELECT endpoint_id FROM lanes WHERE node = $1 ORDER BY endpoint_id LIMIT $2 FOR UPDATE
)
UPDATE lanes l SET node = NULL, epoch = nextval('lane_epochs'), next_due_at = $3
FROM piece WHERE l.endpoint_id = piece.endpoint_id
RETURNING 1
