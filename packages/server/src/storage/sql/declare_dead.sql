-- Declares nodes dead whose heartbeat is older than $2 seconds, or all others ($1: this node) when $3. From this moment on
-- nothing that they store counts, whichever lanes they own. Answers those, and those that were declared dead before and
-- are not taken over yet.
UPDATE nodes SET dead_at = coalesce(dead_at, now())
WHERE id <> $1 AND ($3 OR dead_at IS NOT NULL OR heartbeat_at < now() - make_interval(secs => $2))
RETURNING id, name, watermark
