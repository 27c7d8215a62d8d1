-- Keeps messages of a source ($1) that are no events. One that is there already, since it came again or was tried again, has the
-- reason of now.
INSERT INTO dead_letters (id, source, place, code, detail, headers, body, is_whole)
SELECT DISTINCT ON (place) id, $1, place, code, detail, headers::jsonb, body, is_whole
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bool[])
  AS l(id, place, code, detail, headers, body, is_whole)
ORDER BY place
ON CONFLICT (source, place) DO UPDATE
SET code = excluded.code, detail = excluded.detail, headers = excluded.headers, body = excluded.body,
    is_whole = excluded.is_whole, tried_at = now()
