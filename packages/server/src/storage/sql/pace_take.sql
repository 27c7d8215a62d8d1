-- Which of these endpoints with a rate limit ($1) this node ($2) may send to: those it holds, those that nobody holds,
-- and those of dead nodes. $3: of these, somebody waits for an answer, and the node that holds them is asked to let go.
-- `wanted` in the answer: another node has asked.
WITH asked AS MATERIALIZED (
  SELECT a.endpoint_id, a.urgent FROM unnest($1::uuid[], $3::bool[]) AS a(endpoint_id, urgent)
  -- An endpoint that is being deleted is left out, instead of failing everybody's.
  JOIN endpoints e ON e.id = a.endpoint_id
  ORDER BY a.endpoint_id
  FOR KEY SHARE OF e
), taken AS (
  INSERT INTO paces AS p (endpoint_id, node, free_at)
  SELECT endpoint_id, $2, now() FROM asked
  ON CONFLICT (endpoint_id) DO UPDATE
  SET node = CASE WHEN p.node = $2 THEN p.node
                  WHEN p.node IS NULL AND p.free_at <= now() THEN $2
                  WHEN p.node IS NOT NULL AND NOT EXISTS (SELECT FROM nodes n WHERE n.id = p.node) THEN $2
                  ELSE p.node END,
      wanted = CASE WHEN p.node = $2 THEN p.wanted
                    WHEN p.node IS NULL OR NOT EXISTS (SELECT FROM nodes n WHERE n.id = p.node) THEN false
                    ELSE p.wanted OR (SELECT urgent FROM asked WHERE asked.endpoint_id = p.endpoint_id) END
  RETURNING endpoint_id, node, wanted
)
SELECT endpoint_id, wanted FROM taken WHERE node = $2
