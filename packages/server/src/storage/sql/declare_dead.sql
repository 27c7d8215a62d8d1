-- Declares nodes dead ($2) whose heartbeat is still the one ($3) that another node ($1) has looked at for too long; or all
-- others when $4. From this moment on nothing that they store counts, whichever lanes they own. Answers those, and
-- those that were declared dead before and are not taken over yet.
UPDATE nodes n SET dead_at = coalesce(dead_at, now())
WHERE n.id <> $1 AND ($4 OR n.dead_at IS NOT NULL OR EXISTS (
  SELECT FROM unnest($2::int4[], $3::text[]) AS silent(id, heartbeat)
  WHERE silent.id = n.id AND silent.heartbeat = extract(epoch FROM n.heartbeat_at)::text))
RETURNING id, name, watermark
