-- Frees leases of node $1 that it had lost: those of exactly this attempt.
UPDATE queue SET lease_node = NULL
FROM unnest($2::uuid[], $3::int4[]) AS lost(id, attempts)
WHERE lease_node = $1 AND queue.id = lost.id AND queue.attempts = lost.attempts
