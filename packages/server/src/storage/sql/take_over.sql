-- Declares nodes dead whose heartbeat is older than $2 seconds, or all others ($1: this node) when $3, and frees what
-- they held. A node that comes back finds its row missing and starts over under a new id.
WITH dead AS (
  DELETE FROM nodes
  WHERE id <> $1 AND ($3 OR heartbeat_at < now() - make_interval(secs => $2))
  RETURNING id
), freed AS (
  UPDATE queue SET lease_node = NULL
  WHERE lease_node IN (SELECT id FROM dead)
  RETURNING 1
)
SELECT (SELECT count(*) FROM dead)::int AS nodes, (SELECT count(*) FROM freed)::int AS deliveries
