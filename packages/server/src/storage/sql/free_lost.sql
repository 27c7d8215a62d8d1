-- After a connection was lost: frees deliveries that are leased to node $1 although it does not know of them ($2 are those
-- it knows). Their lease was committed, but the answer never arrived.
UPDATE queue SET lease_node = NULL
WHERE lease_node = $1 AND id <> ALL ($2::uuid[])
RETURNING 1
