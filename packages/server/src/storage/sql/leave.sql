-- A node that stops: whatever it still holds is free at once, and its row is gone.
WITH freed AS (
  UPDATE queue SET lease_node = NULL WHERE lease_node = $1
)
DELETE FROM nodes WHERE id = $1
