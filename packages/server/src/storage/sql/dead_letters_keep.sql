-- Keeps messages of a source ($1) that are no events, unless it has as many as it may ($9): then none of them.
-- One that is there already, since it came again or was tried again, has the reason of now.
WITH room AS MATERIALIZED (
  SELECT count(*) + cardinality($2::uuid[]) <= $9 AS is_there
  FROM (SELECT FROM dead_letters WHERE source = $1 AND place <> ALL ($3::text[]) LIMIT $9) kept
), kept AS (
  INSERT INTO dead_letters (id, source, place, code, detail, headers, body, is_whole)
  SELECT DISTINCT ON (place) id, $1, place, code, detail, headers::jsonb, body, is_whole
  FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bool[])
    AS l(id, place, code, detail, headers, body, is_whole)
  WHERE (SELECT is_there FROM room)
  ORDER BY place
  ON CONFLICT (source, place) DO UPDATE
  SET code = excluded.code, detail = excluded.detail, headers = excluded.headers, body = excluded.body,
      is_whole = excluded.is_whole, tried_at = now()
)
SELECT is_there AS is_kept FROM room
