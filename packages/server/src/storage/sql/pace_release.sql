-- Lets go of endpoints with a rate limit; others may send to them when the last second's window has passed.
UPDATE paces SET node = NULL, wanted = false, free_at = now() + make_interval(secs => given.window_s)
FROM unnest($1::uuid[], $3::float8[]) AS given(id, window_s)
WHERE paces.endpoint_id = given.id AND paces.node = $2
