-- Frees leases of nodes that no longer have a row at all: what is left when a take-over and a last claim overlap.
WITH freed AS (
  UPDATE queue SET lease_node = NULL
  WHERE lease_node IS NOT NULL AND NOT EXISTS (SELECT FROM nodes n WHERE n.id = queue.lease_node)
  RETURNING 1
)
SELECT count(*)::int AS freed FROM freed
