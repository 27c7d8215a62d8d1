-- Frees leases of node $1 that it had lost.
UPDATE queue SET lease_node = NULL WHERE lease_node = $1 AND id = ANY ($2::uuid[])
