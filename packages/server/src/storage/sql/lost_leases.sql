-- Deliveries that are leased to node $1 although it does not know of them ($2 are those it knows): their lease was
-- committed, but the answer never arrived. With the number of attempts before, which tells one lease from the next. A
-- scan of the queue, made rarely.
SELECT id, attempts FROM queue WHERE lease_node = $1 AND id <> ALL ($2::uuid[]) LIMIT 100000
