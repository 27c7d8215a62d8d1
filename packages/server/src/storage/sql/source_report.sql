-- Stores how a node ($1) does with its sources ($2, JSON), and forgets what nodes have said that are gone.
WITH said AS (
  SELECT * FROM jsonb_to_recordset($2::jsonb) AS s(
    name text, type text, state text, error text, accepted bigint, dead bigint, "lastAtMs" float8, behind bigint)
), gone AS (
  DELETE FROM source_states s
  WHERE node <> $1 AND NOT EXISTS (SELECT FROM nodes n WHERE n.id = s.node AND n.dead_at IS NULL)
)
INSERT INTO source_states (node, source, type, state, error, accepted, dead, last_at, behind)
SELECT $1, name, type, state, error, accepted, dead, to_timestamp("lastAtMs" / 1000), behind FROM said
ON CONFLICT (node, source) DO UPDATE
SET type = excluded.type, state = excluded.state, error = excluded.error, accepted = excluded.accepted,
    dead = excluded.dead, last_at = excluded.last_at, behind = excluded.behind, reported_at = now()
