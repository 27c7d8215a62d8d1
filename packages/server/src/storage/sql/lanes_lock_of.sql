-- Locks a piece of the lanes of a node that is gone ($1): at most $2.
SELECT endpoint_id FROM lanes WHERE node = $1 ORDER BY endpoint_id LIMIT $2 FOR UPDATE
