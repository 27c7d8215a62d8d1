-- What was noted of keys since the last time: when they were last used ($2) and refused ($3, why: $4), and on which days
-- ($6, of the keys $5) they were let through ($7) and refused ($8). Locked in one order everywhere: two nodes that note
-- the same keys wait for each other in turn, not crosswise.
WITH given AS (
  SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[]) AS g(key_id, used_at, refused_at, refusal)
), locked AS MATERIALIZED (
  SELECT k.id, g.used_at, g.refused_at, g.refusal
  FROM api_keys k JOIN given g ON g.key_id = k.id ORDER BY k.id FOR NO KEY UPDATE OF k
), noted AS (
  UPDATE api_keys k
  SET last_used_at = greatest(k.last_used_at, l.used_at),
      last_refusal = CASE WHEN l.refused_at > coalesce(k.last_refused_at, '-infinity') THEN l.refusal ELSE k.last_refusal END,
      last_refused_at = greatest(k.last_refused_at, l.refused_at)
  FROM locked l WHERE k.id = l.id
)
INSERT INTO api_key_days (key_id, day, calls, refusals)
SELECT d.key_id, d.day, d.calls, d.refusals
FROM unnest($5::uuid[], $6::date[], $7::bigint[], $8::bigint[]) AS d(key_id, day, calls, refusals)
JOIN locked l ON l.id = d.key_id
ORDER BY 1, 2
ON CONFLICT (key_id, day) DO UPDATE
SET calls = api_key_days.calls + excluded.calls, refusals = api_key_days.refusals + excluded.refusals
